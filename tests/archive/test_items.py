"""From inputs to named images."""

from __future__ import annotations

from pathlib import Path

import pytest

from graven.archive.items import find_items
from graven.errors import InputError, UsageError


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of files that are never opened here: names are all that counts."""
    names = ("north/b.tif", "north/a.TIF", "north/notes.md", "north/.hidden.tif", "south/a.tif", "south/c.png")
    for name in (*names, "deep/below/d.jpg", "e.tif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _names(*inputs: str) -> list[str]:
    return [item.name for item in find_items(inputs).items]


def test_a_folder_gives_its_images_by_name_and_tells_what_is_none(archive: Path) -> None:
    found = find_items(["north"])
    assert [(item.name, item.path) for item in found.items] == [
        ("a", archive / "north" / "a.TIF"),
        ("b", archive / "north" / "b.tif"),
    ]
    assert found.left_out == (Path("north/notes.md"),)


def test_folders_below_are_inputs_of_their_own(archive: Path) -> None:
    assert _names("deep/below", "e.tif") == ["d", "e"]
    with pytest.raises(UsageError, match=r"no image in deep"):
        find_items(["deep"])


def test_images_of_one_stem_bear_the_name_of_their_folder(archive: Path) -> None:
    assert _names("north", "south") == ["a-north", "b", "a-south", "c"]


def test_images_of_one_stem_in_one_folder_bear_their_extension(archive: Path) -> None:
    (archive / "south" / "c.jpg").touch()
    assert _names("south") == ["a", "c-jpg", "c-png"]


def test_names_that_only_differ_in_case_are_told_apart(archive: Path) -> None:
    (archive / "e-e.tif").touch()
    (archive / "south" / "E.tif").touch()
    assert _names("e.tif", "south/E.tif") == [f"e-{archive.name}", "E-south"]


def test_a_longer_name_never_meets_that_of_another_image(archive: Path) -> None:
    (archive / "a-north.tif").touch()
    names = _names("north/a.TIF", "south/a.tif", "a-north.tif")
    assert names == ["a-north-TIF", "a-south-tif", "a-north"]


def test_an_image_that_is_named_twice_is_there_once(archive: Path) -> None:
    assert _names("north/b.tif", "north", "north/../north/b.tif") == ["b", "a"]


def test_a_list_names_images_beside_it(archive: Path) -> None:
    (archive / "north" / "today.txt").write_text("# best first\nb.tif\n\n../south/c.png\n", encoding="utf-8")
    assert _names("north/today.txt") == ["b", "c"]


def test_patterns_are_expanded(archive: Path) -> None:
    assert _names("north/*.tif", "sou*") == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ("west", InputError, "there is no such file"),
        ("*.bmp", InputError, "there is no such file"),
        ("north/notes.md", UsageError, "neither a folder nor an image"),
        ("missing.txt", InputError, "lists .*gone.tif"),
        ("other.txt", UsageError, "no image by its extension"),
    ],
)
def test_what_cannot_be_traced_is_refused(archive: Path, given: str, error: type[Exception], words: str) -> None:
    (archive / "missing.txt").write_text("gone.tif\n", encoding="utf-8")
    (archive / "other.txt").write_text("north/notes.md\n", encoding="utf-8")
    with pytest.raises(error, match=words):
        find_items([given])
