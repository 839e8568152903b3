from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from graven.errors import DataError, MismatchError, UsageError
from graven.studies.labelled import digest_of, prepared_sides, split_pairs
from graven.studies.sources import chain_of, labelled_source
from graven.train.recipe import Named


def write_pair(folder: Path, name: str, *, valid: np.ndarray | None = None, mask_px: int = 32) -> None:
    """Write a grey image with its number as value, and a mask of its left half."""
    for part in ("images", "masks", *(() if valid is None else ("valid",))):
        (folder / part).mkdir(parents=True, exist_ok=True)
    image = np.full((32, 32, 3), (10, 20, 30), np.uint8)
    mask = np.zeros((mask_px, mask_px), np.uint8)
    mask[:, : mask_px // 2] = 255
    cv2.imwrite(str(folder / "images" / f"{name}.png"), image)
    cv2.imwrite(str(folder / "masks" / f"{name}.png"), mask)
    if valid is not None:
        cv2.imwrite(str(folder / "valid" / f"{name}.png"), valid.astype(np.uint8) * 255)


def test_patches_of_a_panel_are_one_group_by_the_table_of_prepare(tmp_path: Path) -> None:
    for name, side in (("a_1", "train"), ("a_2", "train"), ("b_1", "val")):
        write_pair(tmp_path / side, name)
    (tmp_path / "patches.csv").write_text("name,group\na_1,a\na_2,a\nb_1,b\n")
    sides, leaky = prepared_sides(tmp_path)
    assert {side: [(item.name, item.group) for item in items] for side, items in sides.items()} == {
        "train": [("a_1", "a"), ("a_2", "a")],
        "val": [("b_1", "b")],
    }
    assert not leaky


def test_panel_on_two_sides_is_refused_unless_the_split_says_that_it_leaks(tmp_path: Path) -> None:
    write_pair(tmp_path / "train", "a_1")
    write_pair(tmp_path / "val", "a_2")
    (tmp_path / "patches.csv").write_text("name,group\na_1,a\na_2,a\n")
    with pytest.raises(DataError, match="the panel 'a' is in train and val"):
        prepared_sides(tmp_path)
    (tmp_path / "run.json").write_text('{"split_by": "patch (leaks)"}')
    sides, leaky = prepared_sides(tmp_path)
    assert leaky
    assert sides["train"][0].group != sides["val"][0].group


def test_valid_folder_limits_truth(tmp_path: Path) -> None:
    valid = np.ones((32, 32), bool)
    valid[:10] = False
    write_pair(tmp_path / "train", "a", valid=valid)
    sides, _ = prepared_sides(tmp_path)
    ((_, _, read),) = labelled_source(sides["train"], chain=chain_of([]))
    image, target, known = read()
    assert image.shape == (3, 32, 32)
    assert image[:, 0, 0].tolist() == [30, 20, 10]  # RGB
    assert np.array_equal(known, valid)
    assert np.array_equal(np.argwhere(target).min(0), [10, 0])
    assert np.array_equal(np.argwhere(target).max(0), [31, 15])


def test_missing_valid_mask_and_wrong_size_are_refused(tmp_path: Path) -> None:
    write_pair(tmp_path / "train", "a", valid=np.ones((32, 32), bool))
    write_pair(tmp_path / "train", "b")
    with pytest.raises(DataError, match="valid has no mask for 'b'"):
        prepared_sides(tmp_path)
    write_pair(tmp_path / "other" / "train", "c", mask_px=16)
    sides, _ = prepared_sides(tmp_path / "other")
    ((_, _, read),) = labelled_source(sides["train"], chain=chain_of([]))
    with pytest.raises(MismatchError, match="16 x 16"):
        read()


def test_folder_without_sides_is_refused_with_the_verb_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="graven prepare"):
        prepared_sides(tmp_path)


def test_photographs_stay_together(tmp_path: Path) -> None:
    for photo in "abcdefgh":
        for part in range(3):
            write_pair(tmp_path, f"{photo}_{part}")
    sides = split_pairs(tmp_path, group_by=r"([a-z])_", val_share=0.25, test_share=0.25)
    groups = {side: {item.group for item in items} for side, items in sides.items()}
    assert set.union(*groups.values()) == set("abcdefgh")
    assert sum(map(len, groups.values())) == 8, "a photograph is on two sides"
    assert sum(len(items) for items in sides.values()) == 24
    again = split_pairs(tmp_path, group_by=r"([a-z])_", val_share=0.25, test_share=0.25)
    assert {side: [item.name for item in items] for side, items in again.items()} == {
        side: [item.name for item in items] for side, items in sides.items()
    }
    alone = split_pairs(tmp_path, val_share=0.25, test_share=0.25)
    assert len({item.group for items in alone.values() for item in items}) == 24


@pytest.mark.parametrize(
    ("pattern", "message"), [("(", "must be a regular expression"), (r"\d+", "does not match"), ("()", "empty name")]
)
def test_pattern_that_cannot_name_photographs_is_refused(tmp_path: Path, pattern: str, message: str) -> None:
    write_pair(tmp_path, "a_0")
    with pytest.raises(UsageError, match=message):
        split_pairs(tmp_path, group_by=pattern, val_share=0.1, test_share=0.1)


def test_digest_notices_an_edited_mask_but_no_note(tmp_path: Path) -> None:
    write_pair(tmp_path, "a")
    before = digest_of(tmp_path)
    (tmp_path / "README.md").write_text("a note")
    assert digest_of(tmp_path) == before
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), np.zeros((32, 32), np.uint8))
    assert digest_of(tmp_path) != before


def test_preparation_that_moves_pixels_is_refused() -> None:
    with pytest.raises(UsageError, match="prepares with 'rotation'"):
        chain_of([Named("rotation"), Named("reversal")])


@pytest.mark.parametrize(
    ("name", "pattern"),
    [("masonry224", r"([^_]+_[^_]+)_"), ("uav75", r"(DSC\d+)"), ("deepcrack_crops", r"(.+)-\d+$")],
)
def test_real_sets_split_by_photograph(data_dir: Path, name: str, pattern: str) -> None:
    folder = data_dir / "cracks" / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    sides = split_pairs(folder, group_by=pattern, val_share=0.15, test_share=0.25)
    groups = {side: {item.group for item in items} for side, items in sides.items()}
    assert not groups["train"] & groups["test"]
    assert not groups["train"] & groups["val"]
    n = sum(map(len, sides.values()))
    assert 0.15 < len(sides["test"]) / n < 0.35
    assert len(set.union(*groups.values())) < n, "no photograph has more than one image: the pattern does not group"
