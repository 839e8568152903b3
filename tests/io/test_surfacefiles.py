"""Layers of a surface lie beside each other and are found by their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from graven.errors import DataError, MismatchError
from graven.io.surfacefiles import layer_files, open_surface
from graven.types import PixelSize


def write(path: Path, pixels: np.ndarray) -> None:
    tifffile.imwrite(path, pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack")


SHAPES = {"height": (6, 8), "normals": (6, 8, 3), "albedo": (6, 8)}
ALL = tuple(SHAPES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    for layer, shape in SHAPES.items():
        write(tmp_path / f"m_{layer}.tif", rng.random(shape, np.float32))
    return tmp_path


@pytest.mark.parametrize("given", ALL)
def test_any_file_stands_for_the_whole(folder: Path, given: str) -> None:
    raster = open_surface(folder / f"m_{given}.tif", ("albedo", "normals", "height"))
    stored = {layer: tifffile.imread(folder / f"m_{layer}.tif") for layer in ALL}
    expected = np.concatenate([stored["albedo"][None], np.moveaxis(stored["normals"], -1, 0), stored["height"][None]])
    np.testing.assert_array_equal(raster.read(), expected)
    assert raster.name == "m"


def test_a_pixel_is_valid_where_all_layers_are(folder: Path) -> None:
    albedo = tifffile.imread(folder / "m_albedo.tif")
    albedo[2, 3] = np.nan
    write(folder / "m_albedo.tif", albedo)
    raster = open_surface(folder / "m_height.tif", ("height", "albedo"))
    valid = raster.read_valid(raster.bounds)
    assert np.argwhere(~valid).tolist() == [[2, 3]]


def test_the_hash_changes_with_every_layer(folder: Path) -> None:
    def hashed() -> str | None:
        return open_surface(folder / "m_height.tif", ALL).source_sha256

    before = hashed()
    write(folder / "m_albedo.tif", np.zeros((6, 8), np.float32))
    assert before != hashed()


def test_an_albedo_in_colours_becomes_grey(folder: Path) -> None:
    colours = np.random.default_rng(2).random((6, 8, 3), np.float32)
    write(folder / "m_albedo.tif", colours)
    raster = open_surface(folder / "m_height.tif", ("height", "albedo"))
    np.testing.assert_allclose(raster.read()[1], colours.mean(axis=-1), rtol=1e-6)


def test_the_scale_is_that_of_the_file_that_knows_it(folder: Path) -> None:
    assert open_surface(folder / "m_height.tif", ALL).pixel_size is None
    stated = PixelSize(0.05, 0.05, "user")
    assert open_surface(folder / "m_height.tif", ALL, pixel_size=stated).pixel_size == stated


def test_a_height_alone_may_have_any_name(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    assert layer_files(path, ("height",)) == {"height": path}
    with pytest.raises(DataError, match=r"found by their names; give .* for example scan_height\.tif"):
        layer_files(path, ("height", "normals"))


def test_what_is_missing_or_wrong_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"m_albedo\.tif is the albedo by its name, but the model takes the height"):
        layer_files(folder / "m_albedo.tif", ("height",))
    (folder / "m_normals.tif").unlink()
    with pytest.raises(DataError, match=r"takes height, normals, but there is no m_normals\.tif beside it"):
        layer_files(folder / "m_height.tif", ("height", "normals"))
    write(folder / "m_normals.tif", np.zeros((6, 8), np.float32))
    with pytest.raises(DataError, match="m_normals has 1 bands of float32; the normals"):
        open_surface(folder / "m_height.tif", ("height", "normals"))
    write(folder / "m_normals.tif", np.zeros((7, 8, 3), np.float32))
    with pytest.raises(MismatchError, match="m_normals has 7 x 8 px, but m_height has 6 x 8"):
        open_surface(folder / "m_height.tif", ("height", "normals"))
