"""Reliefs of height maps through ``enhance``: values, pictures, names, scales and refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile

from graven.api import enhance as module
from graven.api.enhance import enhance
from graven.errors import DataError, OutputError, ScaleError, UsageError
from graven.io.geotiff import write_float_cog
from graven.io.images import open_raster
from graven.prepare.relief_light import multi_hillshade, slope
from graven.prepare.relief_local import msrm, slrm
from graven.prepare.relief_sky import local_dominance, openness, sky_view_factor
from graven.types import Georeference, PixelSize, Window

MM = 0.1


@pytest.fixture(scope="module")
def height() -> np.ndarray:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:600, :130] * MM
    surface = (30 + 0.1 * x + 0.1 * np.sin(5 * y + 3 * x) + rng.normal(0, 0.01, x.shape)).astype(np.float32)
    surface[500:, :40] = np.nan
    return surface


@pytest.fixture
def mirror(height: np.ndarray, tmp_path: Path) -> Path:
    """A height map as graven writes it, taller than a band of rows."""
    whole = Window(0, 0, *height.shape)
    write_float_cog(
        tmp_path / "mirror.tif",
        [(whole, height)],
        height=whole.height,
        width=whole.width,
        names=("height",),
        units=("mm",),
        georeference=Georeference((MM, 0.0, 5.0, 0.0, -MM, 60.0), None, "local", 1.0),
        pixel_size=PixelSize(MM, MM, "user"),
    )
    return tmp_path / "mirror.tif"


def _values(path: Path) -> np.ndarray:
    return open_raster(path).read()


@pytest.mark.parametrize(
    ("method", "options", "label", "unit", "relief"),
    [
        ("hillshade", {}, "MULTI-HS_D3_H35", "1", lambda z: multi_hillshade(z, pixel_size_mm=MM)),
        ("slope", {}, "SLOPE", "deg", lambda z: slope(z, pixel_size_mm=MM)),
        ("svf", {}, "SVF_R1mm_D16", "1", lambda z: sky_view_factor(z, pixel_size_mm=MM, radius_mm=1.0)),
        (
            "openness",
            {"radius_mm": 0.75, "directions": 8},
            "OPEN-POS_R0.75mm_D8",
            "deg",
            lambda z: openness(z, pixel_size_mm=MM, radius_mm=0.75, n_directions=8),
        ),
        (
            "openness-negative",
            {},
            "OPEN-NEG_R1mm_D16",
            "deg",
            lambda z: openness(z, pixel_size_mm=MM, radius_mm=1.0, negative=True),
        ),
        (
            "local-dominance",
            {},
            "LD_R1-2mm_A15",
            "1",
            lambda z: local_dominance(z, pixel_size_mm=MM, min_radius_mm=1.0, max_radius_mm=2.0),
        ),
        ("slrm", {"radius_mm": 1.5}, "SLRM_R1.5mm", "mm", lambda z: slrm(z, pixel_size_mm=MM, radius_mm=1.5)),
        ("msrm", {}, "MSRM_F0-4mm_S2", "mm", lambda z: msrm(z, pixel_size_mm=MM, feature_max_mm=4.0)),
    ],
)
def test_values_are_those_of_the_function_and_the_picture_shows_them(
    height: np.ndarray,
    mirror: Path,
    tmp_path: Path,
    method: str,
    options: dict[str, float],
    label: str,
    unit: str,
    relief: Callable[[np.ndarray], np.ndarray],
) -> None:
    done = enhance(mirror, method=method, out=tmp_path / "out", **options)
    expected = relief(height - height[0, 0]).reshape(-1, *height.shape)
    with rasterio.open(done.path) as values, rasterio.open(done.view) as picture:
        assert done.path.name == f"mirror_{label}.tif"
        assert done.view.name == f"mirror_{label}_8bit.tif"
        np.testing.assert_allclose(values.read(), expected, rtol=1e-5, atol=1e-5)
        assert values.units == (unit,) * len(expected)
        assert values.transform == picture.transform == rasterio.Affine(MM, 0, 5, 0, -MM, 60)
        assert values.tags()["GRAVEN_ENHANCED"] == label
        grey, alpha = picture.read()[:-1].astype(float), picture.read(len(expected) + 1)
        np.testing.assert_array_equal(alpha > 0, np.isfinite(expected[0]))
    black, white = (0, 1) if method == "hillshade" else np.nanpercentile(expected, [1, 99])
    if method == "openness-negative":
        black, white = white, black
    shown = np.clip((expected - black) / (white - black), 0, 1) * 255
    known = np.isfinite(expected)
    assert np.abs(grey - shown)[known].max() < 1.01
    assert f"{black:.4g} as black" in done.note


def test_a_relief_is_the_same_whatever_the_unit_of_the_heights(
    height: np.ndarray, mirror: Path, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "metres.tif", height.astype(np.float64) / 1000 + 2000)
    with pytest.raises(ScaleError, match="needs a scale; state it"):
        enhance(tmp_path / "metres.tif", method="slope", out=tmp_path)
    found = enhance(tmp_path / "metres.tif", method="slope", out=tmp_path, scale="0.1mm/px", unit="m")
    expected = enhance(mirror, method="slope", out=tmp_path)
    np.testing.assert_allclose(_values(found.path), _values(expected.path), atol=1e-3)


def test_a_flat_surface_is_grey(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "flat.tif", np.ones((40, 50), np.float32))
    done = enhance(tmp_path / "flat.tif", method="svf", scale="1mm/px", out=tmp_path)
    assert (_values(done.path) == 1).all()
    assert (tifffile.imread(done.view) == 128).all()


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("svf", {"elevation_deg": 30.0}, "--elevation belongs to hillshade; leave it out with svf"),
        ("reversal", {"unit": "mm"}, "--scale and --unit belong to hillshade, slope"),
        ("svf", {"directions": 6}, "multiple of 4, got 6"),
        ("slrm", {"radius_mm": 0.01}, "--radius must be at least one pixel"),
        ("svf", {"radius_mm": 1e6}, "--radius may reach 2048 px"),
        ("slope", {"unit": "inch"}, "--unit takes um, mm, cm, m, got 'inch'"),
        ("hillshade", {"elevation_deg": 91.0}, "0 to 90 degrees"),
        ("shine", {}, "--with takes rotation, clahe, reversal, dstretch, hillshade"),
    ],
)
def test_what_cannot_be_obeyed_is_wrong_use_and_leaves_nothing(
    mirror: Path, tmp_path: Path, method: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        enhance(mirror, method=method, out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.ones((30, 40), np.uint16), "a height map has one band of float32"),
        (np.ones((3, 30, 40), np.float32), "a height map has one band of float32"),
        (np.full((30, 40), np.nan, np.float32), "no height is known"),
    ],
)
def test_what_is_no_height_map_is_bad_data(tmp_path: Path, pixels: np.ndarray, message: str) -> None:
    planes = {"photometric": "minisblack", "planarconfig": "separate"} if pixels.ndim == 3 else {}
    tifffile.imwrite(tmp_path / "odd.tif", pixels, **planes)
    with pytest.raises(DataError, match=message):
        enhance(tmp_path / "odd.tif", method="svf", scale="1mm/px", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_values_do_not_stay_without_their_picture(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = enhance(mirror, method="slope", out=tmp_path / "out")
    with pytest.raises(UsageError, match="--overwrite"):
        enhance(mirror, method="slope", out=tmp_path / "out")
    assert enhance(mirror, method="slope", out=tmp_path / "out", overwrite=True) == done

    def full(*_: object, **__: object) -> None:
        raise OutputError("the disk broke")

    monkeypatch.setattr(module, "write_image_cog", full)
    with pytest.raises(OutputError):
        enhance(mirror, method="svf", out=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["mirror_SLOPE.tif", "mirror_SLOPE_8bit.tif"]
