"""What 0, 1 and 255 mean in a mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from graven.errors import DataError, MismatchError
from graven.io.geotiff import write_mask_cog, write_probability_cog
from graven.io.masks import open_mask, read_mask
from graven.types import PETROGLYPH_CLASSES, Window


def _tiff(path: Path, pixels: np.ndarray, *, nodata: int | None = None) -> Path:
    height, width = pixels.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=1, dtype="uint8", nodata=nodata
    ) as dataset:
        dataset.write(pixels, 1)
    return path


def _cog(path: Path, pixels: np.ndarray) -> Path:
    height, width = pixels.shape
    blocks = [(Window(0, 0, height, width), pixels)]
    write_mask_cog(path, blocks, height=height, width=width, classes=PETROGLYPH_CLASSES)
    return path


EMPTY = np.array([[0, 0, 255], [0, 0, 255]], np.uint8)
MIXED = np.array([[0, 1, 255], [0, 1, 255]], np.uint8)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("how", "pixels", "n_mask", "n_valid"),
    [
        ("nodata", EMPTY, 0, 4),  # a class raster in which nothing was found
        ("graven", EMPTY, 0, 4),
        ("plain", EMPTY, 2, 6),  # a mask of 0 and 255
        ("plain", MIXED, 2, 4),
        ("nodata", MIXED, 2, 4),
    ],
)
def test_255_is_unknown_in_a_class_raster_only(
    tmp_path: Path, how: str, pixels: np.ndarray, n_mask: int, n_valid: int
) -> None:
    path = tmp_path / "m.tif"
    if how == "graven":
        _cog(path, pixels)
    else:
        _tiff(path, pixels, nodata=255 if how == "nodata" else None)
    mask, valid = read_mask(path)
    assert (mask.sum(), valid.sum()) == (n_mask, n_valid)
    assert not (mask & ~valid).any()
    opened = open_mask(path)
    window = Window(0, 1, 2, 2)
    np.testing.assert_array_equal(opened.read(window), mask[window.slices()])
    np.testing.assert_array_equal(opened.read_valid(window), valid[window.slices()])


def test_pixels_under_alpha_do_not_speak(tmp_path: Path) -> None:
    pixels = np.zeros((2, 3, 2), np.uint8)
    pixels[..., 1] = 255
    pixels[0, 0] = (255, 255)
    pixels[1, 1] = (1, 0)
    pixels[1, 2] = (77, 0)
    Image.fromarray(pixels, "LA").save(tmp_path / "m.png")
    mask, valid = read_mask(tmp_path / "m.png")
    assert mask.tolist() == [[True, False, False], [False, False, False]]
    assert valid.tolist() == [[True, True, True], [True, False, False]]


def test_what_is_no_mask_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 255, 3]], np.uint8)).save(tmp_path / "photo.png")
    with pytest.raises(DataError, match="0, 1 and 255 only, found 3"):
        read_mask(tmp_path / "photo.png")
    colours = np.zeros((2, 2, 3), np.uint8)
    colours[0, 0] = (0, 255, 0)
    Image.fromarray(colours).save(tmp_path / "green.png")
    with pytest.raises(DataError, match="3 bands that differ"):
        read_mask(tmp_path / "green.png")
    blocks = [(Window(0, 0, 2, 3), np.array([[[0, 0, 255], [0, 0, 255]]], np.uint8))]
    write_probability_cog(tmp_path / "p_prob.tif", blocks, height=2, width=3, classes=PETROGLYPH_CLASSES)
    with pytest.raises(DataError, match="kind 'probability'"):
        read_mask(tmp_path / "p_prob.tif")
    Image.fromarray(EMPTY).save(tmp_path / "m.png")
    with pytest.raises(MismatchError, match="2 x 3 px, but its image has 3 x 2"):
        read_mask(tmp_path / "m.png", size=(3, 2))
