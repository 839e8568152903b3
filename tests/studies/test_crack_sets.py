from __future__ import annotations

from pathlib import Path

import pytest

from graven.errors import DataError, MismatchError, UsageError
from graven.studies.crack_sets import CRACK_SETS, choose_sets, list_sides, sides_of, split_digest

# Hash of stem and side of every picture, as it was when the split was written, before anything was trained.
DIGESTS = {
    "crackforest": "222250d86988508e08634a294c0e9a8274d77639f39c97f8c9a6552944ec1832",
    "deepcrack_crops": "715cf3755d270302d44bd8bdb2ee8dd601552d13bcc7678d60ae8626d85cd39d",
    "masonry224": "dcc3d9710001819056f2fc82ecfe266699ee7d7ddefc047ad930440b0f329258",
    "uav75": "8bcc4a47415038b59ae2ce2389291751282077a011fa3fa933dd19b5812d680e",
}


@pytest.fixture(params=list(CRACK_SETS))
def key(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def folder_of(data_dir: Path, key: str) -> Path:
    folder = data_dir / "cracks" / key
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; set GRAVEN_DATA to the folder that holds the crack sets")
    return folder


def test_the_split_is_frozen() -> None:
    assert {entry.key: entry.digest for entry in CRACK_SETS.values()} == DIGESTS
    assert {key: (entry.goal, entry.distractor) for key, entry in CRACK_SETS.items()} == {
        "crackforest": (0.90, None),
        "deepcrack_crops": (0.85, None),
        "masonry224": (None, None),
        "uav75": (None, "planking"),
    }


def test_no_photograph_is_on_two_sides_and_no_picture_is_lost(data_dir: Path, key: str) -> None:
    crack_set, folder = CRACK_SETS[key], folder_of(data_dir, key)
    sides = list_sides(crack_set, folder)
    photographs = {side: {item.group for item in items} for side, items in sides.items()}
    assert sum(map(len, photographs.values())) == len(set.union(*photographs.values()))
    n_left_out = crack_set.counts["left out"]
    assert {side: len(items) for side, items in sides.items()} | {"left out": n_left_out} == crack_set.counts
    assert sum(crack_set.counts.values()) == len(list((folder / "images").iterdir()))
    # The photograph is the leading number or name of the file, whatever pattern the set names.
    leading = {"deepcrack_crops": lambda stem: stem.split("-")[0], "uav75": lambda stem: stem[:8]}
    leading["masonry224"] = lambda stem: "_".join(stem.split("_")[:2])
    for side, items in sides.items():
        assert {leading.get(key, str)(item.name) for item in items} == photographs[side]


def test_official_split_of_uav75_is_kept_as_far_as_photographs_allow(data_dir: Path) -> None:
    folder = folder_of(data_dir, "uav75")
    lines = (folder / "split.csv").read_text(encoding="utf-8").split()[1:]
    official = dict(line.split(",") for line in lines)
    found = sides_of(CRACK_SETS["uav75"], official)
    assert {stem for stem, side in found.items() if side == "test"} == {s for s, o in official.items() if o == "val"}
    tested = {stem[:8] for stem, side in official.items() if side == "val"}
    siblings = {stem for stem, side in official.items() if side == "train" and stem[:8] in tested}
    assert {stem for stem, side in found.items() if side == "left out"} == siblings


def test_another_file_than_the_split_was_written_for_is_refused(data_dir: Path, tmp_path: Path) -> None:
    crack_set = CRACK_SETS["crackforest"]
    folder = folder_of(data_dir, "crackforest")
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
        for path in sorted((folder / part).iterdir())[:-1]:
            (tmp_path / part / path.name).symlink_to(path)
    with pytest.raises(MismatchError, match=r"does not hold the 72 pictures .* \(71 found\)"):
        list_sides(crack_set, tmp_path)


def test_missing_folder_names_the_options(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--data takes the folder of the crack sets"):
        list_sides(CRACK_SETS["uav75"], tmp_path / "uav75")


def test_digest_knows_sides_and_not_the_order() -> None:
    assert split_digest({"a": "train", "b": "test"}) == split_digest({"b": "test", "a": "train"})
    assert split_digest({"a": "train", "b": "test"}) != split_digest({"a": "test", "b": "train"})


def test_unknown_set_is_refused_with_the_choices() -> None:
    assert choose_sets(None) == tuple(CRACK_SETS.values())
    with pytest.raises(UsageError, match=r"--sets takes any of crackforest,.*, got 'roads'"):
        choose_sets(("roads",))
