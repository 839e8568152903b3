from __future__ import annotations

import base64
import io

import cv2
import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from graven.errors import InputError
from graven.report.encode import indexed_png, jpeg_picture, png_bytes, png_picture
from graven.report.overlays import cam_overlay, evaluation_overlay, outline_overlay, skipped_overlay
from graven.report.palette import FALSE_ALARM, HIT, MISS, UNKNOWN, colormap, hatch_mask, hatch_pattern
from graven.report.pictures import as_rgb, class_map, doubt, unit_levels, zero_one_picture
from graven.types import NODATA, PETROGLYPH_CLASSES, ClassDefinition, ClassTable, TileGrid
from graven.types.labels import HATCHES


@pytest.mark.parametrize("name", ["viridis", "cividis"])
def test_colour_scales_are_those_of_matplotlib(name: str) -> None:
    reference = np.rint(colormaps[name](np.arange(256))[:, :3] * 255)
    assert np.abs(colormap(name) - reference).max() <= 1


def test_colour_scale_must_be_known() -> None:
    with pytest.raises(InputError, match="jet"):
        colormap("jet")


def test_hatches_repeat_and_differ_in_black_and_white() -> None:
    masks = {name: hatch_mask(name, (64, 64), period_px=8) for name in HATCHES}
    for name, mask in masks.items():
        np.testing.assert_array_equal(mask[:, 16:], mask[:, :-16], err_msg=name)
        assert mask.all() if name == "solid" else 0.1 <= mask.mean() <= 0.5
    names = list(HATCHES)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            assert (masks[one] != masks[other]).mean() > 0.1, (one, other)


def test_hatch_must_be_known() -> None:
    with pytest.raises(InputError, match="zigzag"):
        hatch_mask("zigzag", (4, 4))
    with pytest.raises(InputError, match="zigzag"):
        hatch_pattern("zigzag", "#000000", pattern_id="p", period=4)
    with pytest.raises(InputError, match="at least 4"):
        hatch_mask("dots", (4, 4), period_px=3)


def test_classes_of_one_grey_are_told_apart_by_their_hatch() -> None:
    table = ClassTable(
        tuple(ClassDefinition(i + 1, name, "#808080", name, "area", name[0]) for i, name in enumerate(HATCHES))
    )
    tiles = [class_map(np.full((32, 32), i, np.uint8), table)[8:24, 8:24] for i in range(1, 6)]
    for i, one in enumerate(tiles):
        for other in tiles[i + 1 :]:
            assert (one != other).any(axis=2).mean() > 0.1
    corner = class_map(np.array([[0, NODATA, 1]], np.uint8), table)
    np.testing.assert_array_equal(corner[0], [[255, 255, 255], UNKNOWN, [128, 128, 128]])


def test_a_single_marked_pixel_is_drawn_in_full_colour_on_the_class_map() -> None:
    labels = np.zeros((9, 9), np.uint8)
    labels[4, 4] = 1
    picture = class_map(labels, PETROGLYPH_CLASSES)
    assert tuple(picture[4, 4]) == PETROGLYPH_CLASSES[1].rgb
    assert (picture[labels == 0] == 255).all()


def test_outline_leaves_the_mark_and_far_rock_untouched() -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 200, (40, 40, 3), dtype=np.uint8)
    labels = np.zeros((40, 40), np.uint8)
    labels[15:25, 15:25] = 1
    picture = outline_overlay(photo, labels, PETROGLYPH_CLASSES, line_px=2)
    near = cv2.dilate(labels, np.ones((7, 7), np.uint8)) > 0
    np.testing.assert_array_equal(picture[labels == 1], photo[labels == 1])
    np.testing.assert_array_equal(picture[~near], photo[~near])
    np.testing.assert_array_equal(picture[13:15, 20], [PETROGLYPH_CLASSES[1].rgb] * 2)
    np.testing.assert_array_equal(picture[12, 20], [255, 255, 255])


def test_evaluation_colours() -> None:
    preds, target = np.array([[True, True, False, False, True]]), np.array([[True, False, True, False, True]])
    valid = np.array([[True, True, True, True, False]])
    photo = np.full((1, 5, 3), 100, np.uint8)
    picture = evaluation_overlay(preds, target, photo=photo, valid=valid)
    np.testing.assert_array_equal(picture[0], [HIT, FALSE_ALARM, MISS, (60, 60, 60), UNKNOWN])


def test_overlays_refuse_other_sizes() -> None:
    mask, photo = np.zeros((3, 4), bool), np.zeros((4, 3, 3), np.uint8)
    with pytest.raises(InputError, match=r"\(3, 4\).*\(4, 3\)"):
        evaluation_overlay(mask, mask.T)
    with pytest.raises(InputError, match="one size"):
        evaluation_overlay(mask, mask, photo=photo)
    with pytest.raises(InputError, match="one size"):
        outline_overlay(photo, mask.astype(np.uint8), PETROGLYPH_CLASSES)
    with pytest.raises(InputError, match="one answer per tile"):
        skipped_overlay(photo, np.zeros((2, 2), bool), TileGrid(40, 30, 16, 0))


def test_skipped_tiles_are_veiled_only_where_no_tile_was_examined() -> None:
    # Tiles of 16 every 8 pixels over 24 x 16: rows 0-16 and 8-24. The upper tile was skipped, the lower was not.
    grid = TileGrid(24, 16, 16, 8)
    photo = np.full((24, 16, 3), 50, np.uint8)
    picture = skipped_overlay(photo, np.array([[True], [False]]), grid)
    assert (picture[:8] > 100).all()
    np.testing.assert_array_equal(picture[8:], photo[8:])


def test_activation_lets_rock_show_where_it_is_low() -> None:
    photo = np.full((20, 20, 3), 200, np.uint8)
    heat = np.zeros((20, 20), np.float32)
    heat[:, 10:] = 1
    picture = cam_overlay(photo, heat).astype(int)
    # Low: 0.8 rock + 0.2 violet (68, 1, 84). High: 0.3 rock + 0.7 yellow (253, 231, 37).
    np.testing.assert_allclose(picture[10, 1], [0.8 * 200 + 0.2 * c for c in (68, 1, 84)], atol=1.5)
    np.testing.assert_allclose(picture[10, 18], [0.3 * 200 + 0.7 * c for c in (253, 231, 37)], atol=1.5)


def test_levels_keep_the_ends_and_rise() -> None:
    levels = unit_levels(np.linspace(0, 1, 1001)[None])[0].astype(int)
    assert levels[0] == 0
    assert levels[-1] == 255
    assert (np.diff(levels) >= 0).all()
    assert len(np.unique(levels)) == 64
    assert 1 not in levels  # the report paints the unknown with this index


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1])
def test_a_map_must_lie_between_zero_and_one(bad: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        zero_one_picture(np.array([[0.5, bad]]), scale="viridis")


def test_doubt_by_hand() -> None:
    np.testing.assert_allclose(doubt(np.array([[0.0, 0.25, 0.5, 0.9, 1.0]])), [[0, 0.5, 1, 0.2, 0]], atol=1e-6)


def test_photographs_come_in_three_shapes() -> None:
    bands = np.arange(24, dtype=np.uint8).reshape(3, 2, 4)
    np.testing.assert_array_equal(as_rgb(bands), np.moveaxis(bands, 0, 2))
    np.testing.assert_array_equal(as_rgb(np.moveaxis(bands, 0, 2)), np.moveaxis(bands, 0, 2))
    np.testing.assert_array_equal(as_rgb(bands[0]), np.repeat(bands[0][..., None], 3, 2))
    np.testing.assert_array_equal(as_rgb(bands[:1]), np.repeat(bands[0][..., None], 3, 2))
    with pytest.raises(InputError, match="float"):
        as_rgb(bands.astype(np.float32))


def _decoded(uri: str) -> np.ndarray:
    """Read a data URI with another library than the one that wrote it."""
    data = base64.b64decode(uri.split(",", 1)[1], validate=True)
    if uri.startswith("data:image/jpeg"):
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def test_png_reads_back_the_same_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    picture = png_picture(pixels, alt="noise")
    np.testing.assert_array_equal(_decoded(picture.uri), pixels)
    assert (picture.width, picture.height, picture.alt) == (9, 7, "noise")
    assert png_bytes(pixels) == png_bytes(pixels.copy())


def test_palette_png_reads_back_its_colours() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = indexed_png(levels, colormap("viridis"), alt="scale")
    np.testing.assert_array_equal(_decoded(picture.uri), colormap("viridis")[levels])


def test_jpeg_stays_below_its_size_and_near_the_picture() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    full, small = jpeg_picture(noise, alt="a"), jpeg_picture(noise, alt="a", max_bytes=120_000)
    assert len(small.uri) * 3 / 4 < 121_000 < len(full.uri) * 3 / 4
    smooth = np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], 3, 2).repeat(64, 0)
    assert np.abs(_decoded(jpeg_picture(smooth, alt="a").uri).astype(int) - smooth).max() <= 6


def test_drawn_lines_keep_their_colour_in_jpeg() -> None:
    photo = np.full((64, 64, 3), 110, np.uint8)
    photo[:, 31:33] = (213, 94, 0)
    lines = _decoded(jpeg_picture(photo, alt="a", has_lines=True).uri).astype(int)
    assert np.abs(lines[10:50, 31:33] - (213, 94, 0)).max() < 25


@pytest.mark.parametrize(
    "pixels", [np.zeros((2, 2), np.float32), np.zeros((2, 2, 2), np.uint8), np.zeros((0, 2), np.uint8)]
)
def test_only_pictures_are_encoded(pixels: np.ndarray) -> None:
    with pytest.raises(InputError, match="a picture must be uint8"):
        png_bytes(pixels)


def test_png_carries_no_metadata() -> None:
    image = Image.open(io.BytesIO(png_bytes(np.zeros((3, 3, 3), np.uint8))))
    assert image.info == {}
