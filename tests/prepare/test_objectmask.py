from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from graven.errors import DataError, InputError
from graven.prepare.objectmask import find_object

ROWS, COLS = np.mgrid[:300, :400]
MIRROR = (np.hypot(ROWS - 130, COLS - 200) < 100) | ((np.abs(COLS - 200) < 18) & (ROWS >= 220) & (ROWS < 292))


def _picture(inside: float, outside: float, *, noise: float = 0.03) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.where(MIRROR, inside, outside) + rng.normal(0, noise, MIRROR.shape)


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize(("inside", "outside"), [(0.7, 0.1), (0.15, 0.9), (0.08, 0.01)])
def test_a_mirror_is_found_on_dark_and_bright_ground(inside: float, outside: float) -> None:
    picture = _picture(inside, outside, noise=0.05 * max(inside, outside))
    assert _overlap(find_object(picture), MIRROR) > 0.97


def test_holes_are_filled_and_specks_left_out() -> None:
    picture = _picture(0.7, 0.1)
    picture[120:140, 190:210] = 0.1
    picture[10:20, 10:20] = 0.7
    found = find_object(picture)
    assert found[130, 200]
    assert not found[15, 15]
    assert _overlap(found, MIRROR) > 0.97


def test_the_unknown_is_background() -> None:
    known = np.hypot(ROWS - 130, COLS - 200) < 140
    picture = np.where(known, _picture(0.7, 0.1), np.nan)
    assert _overlap(find_object(picture, known=known), MIRROR & known) > 0.97


@pytest.mark.parametrize(
    "picture",
    [
        np.ones((50, 60)),
        np.random.default_rng(1).random((200, 300)),
        np.tile(np.linspace(0, 1, 300), (200, 1)),
        np.where(COLS < 200, 0.1, 0.9),
    ],
)
def test_where_nothing_stands_out_a_file_is_asked_for(picture: np.ndarray) -> None:
    with pytest.raises(DataError, match="--object-mask FILE"):
        find_object(picture)


def test_a_speck_is_no_object() -> None:
    picture = np.full((300, 400), 0.1)
    picture[100:110, 100:110] = 0.9
    with pytest.raises(DataError, match="hardly the object"):
        find_object(picture)
    with pytest.raises(InputError, match=r"shape \(H, W\)"):
        find_object(np.zeros((3, 4, 5)))


@pytest.mark.parametrize("name", ["buddha", "cat", "rock"])
def test_photographed_objects(data_dir: Path, name: str) -> None:
    folder = data_dir / "ps" / "uw_psm" / name
    images = [cv2.imread(str(path)) for path in sorted(folder.glob(f"{name}.*.png"))]
    brightest = (np.max(images, axis=0).mean(axis=2) / 255) ** 2.2
    truth = cv2.imread(str(folder / "mask.png"), cv2.IMREAD_GRAYSCALE) > 0
    assert _overlap(find_object(brightest), truth) > 0.9  # by hand, and tighter than a threshold is in the shade
