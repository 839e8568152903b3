"""Stacks of images as linear grey: the same in bands and as a whole, in memory and from scratch files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from graven.errors import DataError, InputError, MismatchError
from graven.io.floatrows import Planes
from graven.io.lightstack import linear, open_light_stack
from graven.types import PixelSize, Window

HEIGHT, WIDTH = 41, 30
WHOLE = Window(0, 0, HEIGHT, WIDTH)


def _tiffs(folder: Path, pixels: np.ndarray, name: str = "i") -> list[Path]:
    """Write images of shape (K, H, W) or (K, H, W, 3)."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{name}{k}.tif" for k in range(len(pixels))]
    for path, image in zip(paths, pixels, strict=True):
        tifffile.imwrite(path, image, photometric="rgb" if image.ndim == 3 else "minisblack", rowsperstrip=8)
    return paths


def _pngs(folder: Path, pixels: np.ndarray) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"i{k}.png" for k in range(len(pixels))]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    return paths


def _random(*shape: int, dtype: type = np.uint16, top: int = 60000) -> np.ndarray:
    return np.random.default_rng(3).integers(0, top, shape).astype(dtype)


def test_16_bits_are_linear_and_grey_is_the_mean_of_the_colours(tmp_path: Path) -> None:
    pixels = _random(3, HEIGHT, WIDTH, 3)
    stack = open_light_stack(_tiffs(tmp_path, pixels))
    grey, valid = stack.read(WHOLE)
    np.testing.assert_allclose(grey, pixels.mean(axis=3) / 65535, atol=1e-6)
    assert valid.all()
    assert "16 bits are taken for linear" in stack.notes[0]


def test_8_bits_are_taken_for_srgb_and_it_is_said(tmp_path: Path) -> None:
    pixels = _random(3, HEIGHT, WIDTH, dtype=np.uint8, top=255)
    share = pixels / 255
    stack = open_light_stack(_pngs(tmp_path, pixels))
    expected = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(stack.read(WHOLE)[0], expected, atol=1e-6)
    assert "8 bits are taken for sRGB" in stack.notes[0]
    plain = open_light_stack(_pngs(tmp_path, pixels), transfer="linear")
    np.testing.assert_allclose(plain.read(WHOLE)[0], share, atol=1e-6)
    assert plain.notes == ()


def test_the_curve_of_srgb_is_the_inverse_of_the_one_that_encodes() -> None:
    from graven.synthetic.render import encode_srgb

    levels = np.arange(65536, dtype=np.uint16)
    np.testing.assert_allclose(encode_srgb(linear(levels, transfer="srgb")), levels / 65535, atol=2e-6)


def test_bands_are_the_whole(tmp_path: Path) -> None:
    stack = open_light_stack(_tiffs(tmp_path, _random(4, HEIGHT, WIDTH, 3)))
    bands = list(stack.bands(band_bytes=4 * WIDTH * 4 * 7))
    assert [band.height for band in bands] == [7, 7, 7, 7, 7, 6]
    parts = [stack.read(band)[0] for band in bands]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), stack.read(WHOLE)[0])


def test_scratch_files_and_memory_give_the_same(tmp_path: Path) -> None:
    pixels = _random(3, HEIGHT, WIDTH, 4, dtype=np.uint8, top=255)
    pixels[..., 3] |= 1
    pixels[1, 5:9, 7, 3] = 0
    paths = _pngs(tmp_path / "images", pixels)
    (tmp_path / "scratch").mkdir()
    held = open_light_stack(paths)
    laid = open_light_stack(paths, scratch=tmp_path / "scratch", held_bytes=0)
    assert len(list((tmp_path / "scratch").iterdir())) == 3
    window = Window(4, 3, 20, 11)
    for first, second in zip(held.read(window), laid.read(window), strict=True):
        np.testing.assert_array_equal(first, second)
    assert not held.read(window)[1][1:5, 4].any()
    assert held.read(window)[1].sum() == 20 * 11 - 4


def test_clipped_values_say_nothing_unless_they_are_asked_for(tmp_path: Path) -> None:
    pixels = _random(3, HEIGHT, WIDTH, 3)
    pixels[1, 2, 3, 0] = 65535
    stack = open_light_stack(_tiffs(tmp_path, pixels))
    grey, valid = stack.read(WHOLE)
    assert np.flatnonzero(np.isnan(grey)).tolist() == [np.ravel_multi_index((1, 2, 3), grey.shape)]
    assert valid.all()
    kept = stack.read(WHOLE, keep_clipped=True)[0]
    assert kept[1, 2, 3] == pytest.approx(pixels[1, 2, 3].mean() / 65535)


def test_dark_and_flat_give_the_scene_back(tmp_path: Path) -> None:
    scene = np.random.default_rng(1).uniform(0.2, 0.9, (3, HEIGHT, WIDTH))
    fall = np.linspace(1, 0.5, WIDTH)[None] * np.linspace(0.8, 1, HEIGHT)[:, None]
    dark = 900

    def recorded(values: np.ndarray) -> np.ndarray:
        return np.rint(values * 50000 + dark).astype(np.uint16)

    images = _tiffs(tmp_path, recorded(scene * fall))
    frame = _tiffs(tmp_path, recorded(np.zeros((1, HEIGHT, WIDTH))), "dark")[0]
    flat = _tiffs(tmp_path, recorded(fall[None]), "flat")
    one = open_light_stack(images, dark=frame, flats=flat)
    np.testing.assert_allclose(one.read(WHOLE)[0], scene, atol=1e-4)
    each = open_light_stack(images, dark=frame, flats=_tiffs(tmp_path, recorded(np.stack([fall] * 3)), "each"))
    np.testing.assert_allclose(each.read(WHOLE)[0], scene, atol=1e-4)


def test_where_a_flat_saw_nothing_nothing_is_known(tmp_path: Path) -> None:
    flat = np.full((1, HEIGHT, WIDTH), 40000, np.uint16)
    flat[0, 3, 4] = 0
    stack = open_light_stack(_tiffs(tmp_path, _random(3, HEIGHT, WIDTH)), flats=_tiffs(tmp_path, flat, "flat"))
    grey, valid = stack.read(WHOLE)
    assert np.argwhere(~valid).tolist() == [[3, 4]]
    assert np.isnan(grey[:, 3, 4]).all()


def test_floats_keep_their_unit(tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).uniform(0, 4000, (3, HEIGHT, WIDTH)).astype(np.float32)
    pixels[0, 1, 1] = np.nan
    stack = open_light_stack(_tiffs(tmp_path, pixels), pixel_size=PixelSize(0.1, 0.1, "user"))
    grey, valid = stack.read(WHOLE)
    np.testing.assert_array_equal(grey[1:, valid], pixels[1:, valid])
    assert np.argwhere(~valid).tolist() == [[1, 1]]
    assert stack.pixel_size == PixelSize(0.1, 0.1, "user")
    with pytest.raises(DataError, match="leave --srgb out"):
        open_light_stack(_tiffs(tmp_path, pixels), transfer="srgb")


def test_images_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    pixels = _random(3, HEIGHT, WIDTH)
    good = _tiffs(tmp_path, pixels)
    small = _tiffs(tmp_path, pixels[:1, :-1], "small")
    deep = _tiffs(tmp_path, pixels[:1].astype(np.uint8), "deep")
    for other in (small, deep):
        with pytest.raises(MismatchError, match=r"one camera in one place"):
            open_light_stack([*good[:2], *other])
        with pytest.raises(MismatchError, match=r"one camera in one place"):
            open_light_stack(good, dark=other[0])
    with pytest.raises(InputError, match="at least 3 lights, got 2"):
        open_light_stack(good[:2])
    with pytest.raises(InputError, match="one for each of 3, got 2"):
        open_light_stack(good, flats=good[:2])
    labels = _tiffs(tmp_path, pixels.astype(np.int32), "labels")
    with pytest.raises(DataError, match="int32"):
        open_light_stack(labels)


def test_planes_give_back_what_was_written_in_any_order(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(3, HEIGHT, WIDTH)).astype(np.float32)
    planes = Planes(tmp_path / "p.raw", n_planes=3, height=HEIGHT, width=WIDTH)
    planes.write(20, values[:, 20:])
    planes.write(0, values[:, :20])
    np.testing.assert_array_equal(planes.read(), values)
    window = Window(7, 5, 20, 9)
    np.testing.assert_array_equal(planes.read(window), values[:, 7:27, 5:14])
    np.testing.assert_array_equal(np.concatenate([block for _, block in planes.blocks(13)], axis=1), values)
