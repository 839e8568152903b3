"""Overviews that stream: the same pixels as GDAL's where both halve evenly, and right at odd borders."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from graven.io.gdalenv import load_rasterio
from graven.io.geotiff import write_float_cog, write_mask_cog, write_probability_cog
from graven.io.pyramid import halve_mean, halve_mode, level_sizes
from graven.types import PETROGLYPH_CLASSES, Georeference, Window

FRAME = Georeference((0.5, 0.0, 10.0, 0.0, -0.5, 900.0), None, "pixel", None)

PIXELS = arrays(np.uint8, st.tuples(st.just(1), st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 255))
LABELS = arrays(
    np.uint8, st.tuples(st.just(1), st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([0, 1, 7, 255])
)


def squares(pixels: np.ndarray) -> list[list[int]]:
    """The values of each square of 2 x 2 that lie inside, as one reads."""
    _, height, width = pixels.shape
    corners = [(row, col) for row in range(0, height, 2) for col in range(0, width, 2)]
    return [pixels[0, row : row + 2, col : col + 2].ravel().tolist() for row, col in corners]


@settings(deadline=None, max_examples=150)
@given(pixels=PIXELS)
def test_a_mean_is_that_of_the_pixels_inside_with_halves_rounded_up(pixels: np.ndarray) -> None:
    expected = [(2 * sum(values) + len(values)) // (2 * len(values)) for values in squares(pixels)]
    assert halve_mean(pixels).ravel().tolist() == expected


@settings(deadline=None, max_examples=300)
@given(labels=LABELS)
def test_a_mode_is_the_most_frequent_known_class(labels: np.ndarray) -> None:
    found = halve_mode(labels, nodata=255).ravel().tolist()
    for value, values in zip(found, squares(labels), strict=True):
        known = [other for other in values if other != 255]
        assert values.count(value) == max(map(known.count, known)) if known else value == 255


@pytest.mark.parametrize("kind", ["MODE", "AVERAGE"])
def test_parity_with_gdal(tmp_path, kind: str) -> None:
    rasterio = load_rasterio()
    nodata = 255 if kind == "MODE" else None
    values = np.array([0, 1, 7, 255], np.uint8) if kind == "MODE" else np.arange(256, dtype=np.uint8)
    pixels = np.random.default_rng(2).choice(values, (1, 600, 800))
    profile = {"height": 600, "width": 800, "count": 1, "dtype": "uint8", "nodata": nodata}
    profile |= {"transform": rasterio.Affine(*FRAME.affine)}
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", **profile) as dataset:
        dataset.write(pixels)
        dataset.build_overviews([2], rasterio.enums.Resampling[kind.lower()])
    with rasterio.open(tmp_path / "a.tif", overview_level=0) as dataset:
        theirs = dataset.read()
    ours = halve_mean(pixels) if kind == "AVERAGE" else halve_mode(pixels, nodata=255)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("size", [(1, 1), (512, 512), (513, 3), (1025, 2049), (2600, 700)])
@pytest.mark.parametrize("kind", ["mask", "prob"])
def test_a_file_holds_every_level(tmp_path, size: tuple[int, int], kind: str) -> None:
    rasterio = load_rasterio()
    height, width = size
    top = 2 if kind == "mask" else 256
    pixels = np.random.default_rng(4).integers(0, top, (1, height, width), np.uint8)
    write = write_mask_cog if kind == "mask" else write_probability_cog
    blocks = [
        (Window(row, 0, min(300, height - row), width), pixels[:, row : row + 300]) for row in range(0, height, 300)
    ]
    write(tmp_path / "p.tif", blocks, height=height, width=width, classes=PETROGLYPH_CLASSES, georeference=FRAME)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".tif", ".qml"}
    halve = halve_mean if kind == "prob" else partial(halve_mode, nodata=255)
    for level, shape in enumerate(level_sizes(height, width, tile_px=512)):
        pixels = halve(pixels)
        with rasterio.open(tmp_path / "p.tif", overview_level=level) as dataset:
            assert dataset.shape == shape
            np.testing.assert_array_equal(dataset.read(), pixels)
    with rasterio.open(tmp_path / "p.tif") as dataset:
        assert dataset.overviews(1) == [2**level for level in range(1, len(level_sizes(*size, tile_px=512)) + 1)]
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_floats_keep_the_overviews_of_gdal(tmp_path) -> None:
    rows = np.zeros((1, 1025, 1025), np.float32)
    blocks = [(Window(0, 0, 1025, 1025), rows)]
    write_float_cog(tmp_path / "h.tif", blocks, height=1025, width=1025, names=("height",), georeference=FRAME)
    # 1025 is halved to 512 there, and to 513 and 257 by us
    with load_rasterio().open(tmp_path / "h.tif") as dataset:
        assert dataset.overviews(1) == [2]
