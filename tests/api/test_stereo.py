"""From images and lights to a surface that was known before."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile

from graven.api.stereo import stereo
from graven.errors import DataError, GravenError, MismatchError, ScaleError, UsageError
from graven.io.gdalenv import quiet_about_missing_georeference
from graven.io.images import open_raster
from graven.io.lightfiles import read_lights, write_lights_csv, write_lp
from graven.photometric.checks import angular_error_deg
from graven.synthetic.light import light_direction, render_light_stack
from graven.synthetic.surface import Surface, surface_normals
from graven.types import Lights

SHAPE, PITCH_MM = (90, 120), 0.1
RING = np.stack([light_direction(azimuth, 50.0) for azimuth in range(0, 360, 45)] + [light_direction(0, 85.0)])


def _surface() -> Surface:
    """A dome of 0.6 mm with two grooves, brighter on the right."""
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float64) * PITCH_MM
    height = 0.6 * np.cos((rows - 4.5) / 6) * np.cos((cols - 6) / 8)
    for line in (rows - 3 - cols / 4, rows - 9 + cols / 3):
        height -= 0.1 * np.exp(-((line / 0.4) ** 2))
    albedo = np.broadcast_to(0.4 + cols / 60, (3, *SHAPE)).astype(np.float32)
    return Surface(height.astype(np.float32), albedo.copy(), {}, PITCH_MM)


def _write(folder: Path, stack: np.ndarray, *, top: float = 50000, dtype: type = np.uint16) -> Lights:
    """Write images of shape (K, 3, H, W) with an .lp file."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"Photo {k + 1}.tif" for k in range(len(stack))]
    for name, image in zip(names, stack, strict=True):
        pixels = np.clip(np.rint(image * top), 0, np.iinfo(dtype).max).astype(dtype)
        tifffile.imwrite(folder / name, pixels.transpose(1, 2, 0), photometric="rgb")
    unit = RING.astype(np.float64)
    lights = Lights(tuple(names), directions=unit / np.linalg.norm(unit, axis=1, keepdims=True))
    write_lp(folder / "mirror.lp", lights)
    return lights


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A matt stack of 16 bits, without shadows."""
    place = tmp_path_factory.mktemp("stack")
    _write(place, render_light_stack(_surface(), RING, shadows=False))
    return place


def _maps(out: Path, name: str = "mirror") -> dict[str, np.ndarray]:
    kinds = ("normals", "albedo", "height", "residual")
    return {kind: open_raster(out / f"{name}_{kind}.tif").read() for kind in kinds}


def _errors_deg(normals: np.ndarray) -> np.ndarray:
    return angular_error_deg(normals, surface_normals(_surface().height_mm, PITCH_MM))[2:-2, 2:-2]


@pytest.mark.parametrize(("method", "surface"), [("lambert", "metal"), ("robust", "matt"), ("robust", "metal")])
def test_the_surface_comes_back(folder: Path, tmp_path: Path, method: str, surface: str) -> None:
    done = stereo(
        folder / "mirror.lp", out=tmp_path / "out", method=method, surface=surface, scale="0.1mm/px", black_level="0"
    )
    maps = _maps(tmp_path / "out")
    assert np.nanmean(_errors_deg(maps["normals"])) < 0.1
    truth = _surface().height_mm
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    design = np.stack([rows.ravel(), cols.ravel(), np.ones(rows.size)], 1)
    level = truth - (design @ np.linalg.lstsq(design, truth.ravel(), rcond=None)[0]).reshape(SHAPE)
    difference = maps["height"][0] - level
    assert np.abs(difference[2:-2, 2:-2]).max() < 0.02 * np.ptp(level)
    np.testing.assert_allclose(
        maps["albedo"][0, 5:-5, 5:-5] * 65535 / 50000, _surface().albedo[0, 5:-5, 5:-5], rtol=2e-3
    )
    assert done.figures["residual_median"] < 1e-3
    assert done.figures["solved_share"] == 1.0


def test_files_say_what_they_are(folder: Path, tmp_path: Path) -> None:
    done = stereo(folder / "mirror.lp", out=tmp_path / "out", scale="0.1mm/px", title="The <mirror>")
    left = {path.name for path in (tmp_path / "out").iterdir()}
    kinds = {f"mirror_{kind}.tif" for kind in ("normals", "albedo", "height", "residual")}
    assert left == kinds | {"mirror_report.html", "lights.csv", "lights.lp", "run.json"}
    assert done.height == tmp_path / "out" / "mirror_height.tif"
    with quiet_about_missing_georeference():
        normals, height = (rasterio.open(tmp_path / "out" / f"mirror_{kind}.tif") for kind in ("normals", "height"))
    with normals as dataset:
        assert dataset.tags()["NORMAL_CONVENTION"] == "OpenGL"
        assert dataset.dtypes == ("float32",) * 3
    with height as dataset:
        assert dataset.units == ("mm",)
        assert dataset.tags()["GRAVEN_HEIGHT"] == "positive towards the viewer"
    assert open_raster(done.height).pixel_size.x_mm == 0.1
    told = json.loads((tmp_path / "out" / "run.json").read_text())
    assert [entry["name"] for entry in told["inputs"][:2]] == ["mirror.lp", "Photo 1.tif"]
    assert "16 bits are taken for linear" in " ".join(told["notes"])
    assert read_lights(tmp_path / "out" / "lights.csv").names[0] == "Photo 1.tif"
    assert "The &lt;mirror&gt;" in (tmp_path / "out" / "mirror_report.html").read_text(encoding="utf-8")


def test_a_second_run_gives_the_same_files(folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        stereo(folder / "mirror.lp", out=tmp_path / name)
    for path in sorted((tmp_path / "a").iterdir()):
        if path.name != "run.json":
            assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_bands_make_no_difference(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stereo(folder / "mirror.lp", out=tmp_path / "whole")
    monkeypatch.setattr("graven.io.lightstack.LightStack.bands.__kwdefaults__", {"band_bytes": 1 << 17})
    stereo(folder / "mirror.lp", out=tmp_path / "bands")
    for kind, values in _maps(tmp_path / "whole").items():
        np.testing.assert_array_equal(values, _maps(tmp_path / "bands")[kind])


def test_a_mask_limits_the_surface_and_can_be_found(folder: Path, tmp_path: Path) -> None:
    stack = render_light_stack(_surface(), RING, shadows=False)
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    disc = np.hypot(rows - 45, cols - 60) < 35
    _write(tmp_path / "in", stack * np.where(disc, 1.0, 0.01))
    tifffile.imwrite(tmp_path / "in" / "mask.png.tif", (disc * 255).astype(np.uint8))
    (tmp_path / "in" / "mask.png.tif").rename(tmp_path / "mask.tif")
    given = stereo(tmp_path / "in" / "mirror.lp", out=tmp_path / "given", object_mask=tmp_path / "mask.tif")
    height = _maps(given.path)["height"][0]
    assert (np.isfinite(height) == disc).all()
    assert abs(np.nanmean(height)) < 1e-4
    found = stereo(tmp_path / "in" / "mirror.lp", out=tmp_path / "found", object_mask="auto")
    mask = np.isfinite(_maps(found.path)["height"][0])
    assert (mask & disc).sum() / (mask | disc).sum() > 0.97


def test_near_lamps_need_positions_and_give_the_surface_back(folder: Path, tmp_path: Path) -> None:
    # lamps 40 mm away over a surface of 9 x 12 mm: taken for far, the surface bends; taken as they are, it does not
    surface = _surface()
    places = RING.astype(np.float64) * 40
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    x, y = (cols + 0.5 - SHAPE[1] / 2) * PITCH_MM, (SHAPE[0] / 2 - 0.5 - rows) * PITCH_MM
    height = surface.height_mm - surface.height_mm.mean()
    to_lamp = places[:, :, None, None] - np.stack([x, y, height])
    distance = np.linalg.norm(to_lamp, axis=1)
    cosine = np.einsum("kchw,chw->khw", to_lamp / distance[:, None], surface_normals(surface.height_mm, PITCH_MM))
    stack = surface.albedo[None] * (cosine * (40 / distance) ** 2)[:, None]
    lights = _write(tmp_path / "in", stack.astype(np.float32), top=30000)
    write_lights_csv(tmp_path / "in" / "lamps.csv", Lights(lights.names, positions_mm=places))
    common = {"scale": "0.1mm/px", "black_level": "0", "surface": "matt"}
    near = stereo(tmp_path / "in" / "lamps.csv", out=tmp_path / "near", method="near", **common)
    far = stereo(tmp_path / "in" / "lamps.csv", out=tmp_path / "far", **common)
    errors = [np.nanmean(_errors_deg(_maps(done.path, "lamps")["normals"])) for done in (near, far)]
    assert errors[0] < 0.2
    assert errors[1] > 5 * errors[0]
    with pytest.raises(UsageError, match="positions of the lamps"):
        stereo(tmp_path / "in" / "mirror.lp", out=tmp_path / "no", method="near", scale="0.1mm/px")
    with pytest.raises(ScaleError, match="size of a pixel"):
        stereo(tmp_path / "in" / "lamps.csv", out=tmp_path / "no", method="near")


def test_flats_for_each_light_take_the_lights_own_fall_away(tmp_path: Path) -> None:
    # a white plane under each light is divided out: what is left is (n . l) / l_z, and the normals are the same
    surface = _surface()
    plane = Surface(np.zeros(SHAPE, np.float32), np.full((3, *SHAPE), 0.8, np.float32), {}, PITCH_MM)
    fall = np.linspace(0.5, 1, SHAPE[1]) * np.linspace(1, 0.6, SHAPE[0])[:, None]
    strengths = np.linspace(0.5, 1.0, len(RING))[:, None, None, None]
    for name, what in (("in", surface), ("flats", plane)):
        _write(tmp_path / name, render_light_stack(what, RING, shadows=False) * fall * strengths)
    (tmp_path / "flats" / "mirror.lp").unlink()
    done = stereo(tmp_path / "in" / "mirror.lp", out=tmp_path / "out", flat=tmp_path / "flats", black_level="0")
    assert np.nanmean(_errors_deg(_maps(done.path)["normals"])) < 0.15


def test_a_black_level_is_found_or_stated(tmp_path: Path) -> None:
    stack = render_light_stack(_surface(), RING, shadows=False)
    _write(tmp_path / "in", stack + 0.1)
    errors = {}
    for level in ("0", "auto", "5000"):
        done = stereo(tmp_path / "in" / "mirror.lp", out=tmp_path / level, black_level=level, method="lambert")
        errors[level] = np.nanmean(_errors_deg(_maps(done.path)["normals"]))
    assert errors["0"] > 0.5
    assert errors["auto"] < 0.1
    assert errors["5000"] < 0.1


def test_lights_are_read_off_a_sphere_beside_the_object(tmp_path: Path) -> None:
    surface = _surface()
    stack = render_light_stack(surface, RING, shadows=False)
    wide = np.full((len(RING), 3, 150, 150), 0.15, np.float32)
    wide[:, :, 30:120, 15:135] = stack
    x0, y0, radius = 15.5, 134.5, 14.0
    rows, cols = (np.mgrid[: 3 * 150, : 3 * 150] + 0.5) / 3
    x, y = (cols - x0) / radius, (y0 - rows) / radius
    up = np.sqrt(np.clip(1 - x**2 - y**2, 0, 1))
    towards = np.stack([2 * up * x, 2 * up * y, 2 * up**2 - 1])
    inside = x**2 + y**2 <= 1
    share = inside.reshape(150, 3, 150, 3).mean(axis=(1, 3))
    for image, light in zip(wide, RING, strict=True):
        lamp = inside & (np.tensordot(light, towards, axes=1) > np.cos(np.deg2rad(6)))
        ball = np.where(lamp, 1.0, 0.01) * inside
        image[:] = image * (1 - share) + ball.reshape(150, 3, 150, 3).mean(axis=(1, 3))
    _write(tmp_path / "in", wide)
    (tmp_path / "in" / "mirror.lp").unlink()
    done = stereo(tmp_path / "in", out=tmp_path / "out", spheres=(f"{x0},{y0},{radius}",), black_level="0")
    found = read_lights(tmp_path / "out" / "lights.lp")
    angles = np.rad2deg(np.arccos(np.clip((found.directions * RING).sum(axis=1), -1, 1)))
    assert angles.max() < 2.0  # one pixel of a ball of 14 is 8 degrees
    normals = open_raster(done.path / "in_normals.tif").read()[:, 30:120, 15:135]
    assert np.nanmean(_errors_deg(normals)) < 1.5


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"method": "magic"}, UsageError, "--method takes robust, lambert, near"),
        ({"surface": "glass"}, UsageError, "--surface takes metal, matt"),
        ({"integrate": "no"}, UsageError, "--integrate takes"),
        ({"cos_power": 1.0}, UsageError, "belongs to --method near"),
        ({"black_level": "dark"}, UsageError, "--black-level takes auto or a stored value"),
        ({"black_level": "70000"}, UsageError, "from 0 to below 65535"),
        ({"spheres": ("auto",)}, UsageError, "leave one of the two out"),
        ({"images": "empty"}, MismatchError, "no image for 9 of 9 lights"),
        ({"object_mask": "black.tif"}, DataError, "marks nothing"),
        ({"object_mask": "small.tif"}, MismatchError, "90 x 120"),
        ({"scale": "0.1x0.2mm/px"}, ScaleError, "square pixels"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line_and_leaves_nothing(
    folder: Path, tmp_path: Path, options: dict[str, object], error: type[GravenError], words: str
) -> None:
    (tmp_path / "empty").mkdir()
    tifffile.imwrite(tmp_path / "black.tif", np.zeros(SHAPE, np.uint8))
    tifffile.imwrite(tmp_path / "small.tif", np.full((5, 5), 255, np.uint8))
    named = {
        key: tmp_path / str(value) if key in ("images", "object_mask") else value for key, value in options.items()
    }
    with pytest.raises(error, match=words) as caught:
        stereo(folder / "mirror.lp", out=tmp_path / "out", **named)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("out*"))


def test_a_folder_without_spheres_or_with_none_to_see_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name spheres with --sphere"):
        stereo(folder, out=tmp_path / "out")
    with pytest.raises(DataError, match="no mirror sphere was found"):
        stereo(folder, out=tmp_path / "out", spheres=("auto",))
    with pytest.raises(UsageError, match="x,y,radius"):
        stereo(folder, out=tmp_path / "out", spheres=("1,2,x",))


def test_the_rendered_bunny(data_dir: Path, tmp_path: Path) -> None:
    stored = np.load(data_dir / "ps" / "bunny_lambert" / "bunny_lambert.npz")
    (tmp_path / "in").mkdir()
    names = [f"b{k:02d}.tif" for k in range(len(stored["images"]))]
    for name, image in zip(names, stored["images"], strict=True):
        tifffile.imwrite(tmp_path / "in" / name, image.astype(np.float32), photometric="minisblack")
    tifffile.imwrite(tmp_path / "mask.tif", (stored["mask"] > 0).astype(np.uint8) * 255)
    unit = stored["lights"].astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    write_lp(tmp_path / "in" / "bunny.lp", Lights(tuple(names), directions=unit))
    truth = stored["normals"].transpose(2, 0, 1).astype(np.float32)
    errors = {}
    for level in ("0", "auto"):
        done = stereo(
            tmp_path / "in" / "bunny.lp",
            out=tmp_path / level,
            surface="matt",
            object_mask=tmp_path / "mask.tif",
            black_level=level,
        )
        errors[level] = np.nanmean(angular_error_deg(_maps(done.path, "bunny")["normals"], truth))
    assert errors["0"] < 2.2
    assert errors["auto"] < 1.0
