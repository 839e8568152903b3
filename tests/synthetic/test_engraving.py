from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest

from graven.errors import InputError
from graven.synthetic import EngravingPanel, make_bronze
from graven.synthetic.engraving_cut import MAX_WIDTH_MM, MIN_WIDTH_MM
from graven.synthetic.engraving_styles import STYLES, TRAINING_STYLES, UNSEEN_STYLES


def _digest(panel: EngravingPanel) -> str:
    digest = hashlib.sha256()
    layers = (panel.mask, panel.object_mask, panel.gloss, panel.surface.height_mm, panel.surface.albedo)
    lines = [part for line in panel.lines + panel.lost for part in (line.points_px, line.widths_px)]
    for layer in (*layers, *lines):
        digest.update(np.ascontiguousarray(layer).tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def panels() -> list[EngravingPanel]:
    return [
        make_bronze(seed, size_px=(352, 416), degradation=("ordinary", "severe")[seed % 2], pixel_size_mm=0.06)
        for seed in range(16)
    ]


@pytest.mark.parametrize("degradation", ["ordinary", "severe"])
def test_same_seed_same_bytes_whatever_was_made_before(degradation) -> None:
    first = _digest(make_bronze(12, size_px=256, degradation=degradation))
    make_bronze(13, size_px=96)
    assert _digest(make_bronze(12, size_px=256, degradation=degradation)) == first
    assert _digest(make_bronze(11, size_px=256, degradation=degradation)) != first


def test_the_number_of_threads_does_not_matter() -> None:
    threads = cv2.getNumThreads()
    digests = set()
    try:
        for n_threads in (1, 2, 4):
            cv2.setNumThreads(n_threads)
            digests.add(_digest(make_bronze(17, size_px=384)))
    finally:
        cv2.setNumThreads(threads)
    assert len(digests) == 1


def test_layers_have_the_promised_form(panels) -> None:
    for panel in panels:
        assert panel.mask.shape == panel.object_mask.shape == panel.gloss.shape == panel.surface.shape == (352, 416)
        assert panel.mask.dtype == panel.object_mask.dtype == np.bool_
        assert panel.surface.pixel_size_mm == 0.06
        assert np.isfinite(panel.surface.height_mm).all()
        assert panel.surface.albedo.min() >= 0.01
        assert panel.gloss.min() >= 0
        assert panel.gloss.max() <= 1
        assert not panel.mask[~panel.object_mask].any()


def _margins(panel: EngravingPanel) -> np.ndarray:
    """How far each pixel centre lies inside the nearest capsule, in pixels; by hand, one segment at a time."""
    rows, cols = panel.mask.shape
    y, x = np.mgrid[:rows, :cols] + 0.5
    best = np.full(panel.mask.shape, -np.inf)
    for line in panel.lines:
        halves = line.widths_px / 2
        for a, b, first, last in zip(line.points_px[:-1], line.points_px[1:], halves[:-1], halves[1:], strict=True):
            ab = b - a
            t = np.clip(((x - a[0]) * ab[0] + (y - a[1]) * ab[1]) / max(float(ab @ ab), 1e-9), 0, 1)
            gap = np.hypot(x - a[0] - t * ab[0], y - a[1] - t * ab[1])
            np.maximum(best, first + t * (last - first) - gap, out=best)
    return best


@pytest.mark.parametrize(("seed", "style"), [(3, None), (5, None), (6, "punched"), (7, "hatched")])
def test_the_mask_is_the_union_of_the_capsules_of_the_lines(seed: int, style: str | None) -> None:
    panel = make_bronze(seed, size_px=(150, 190), pixel_size_mm=0.1, style=style)
    margin = _margins(panel)
    sure = np.abs(margin) > 1e-3  # single precision decides the others
    assert panel.lines
    np.testing.assert_array_equal(panel.mask[sure], ((margin > 0) & panel.object_mask)[sure])
    assert sure.mean() > 0.999


def test_widths_are_those_of_a_burin() -> None:
    width, length = [], []
    for seed in range(40, 50):
        for line in make_bronze(seed, size_px=384).lines:
            width.append((line.widths_px[1:] + line.widths_px[:-1]) / 2 * 0.05)
            length.append(np.hypot(*np.diff(line.points_px, axis=0).T))
    widths, lengths = np.concatenate(width), np.concatenate(length)
    assert widths.min() >= MIN_WIDTH_MM - 1e-9
    assert widths.max() <= MAX_WIDTH_MM + 1e-9
    assert np.average(widths, weights=lengths) == pytest.approx(0.29, abs=0.04)


def test_grooves_lie_lower_than_the_metal_beside_them(panels) -> None:
    drops = []
    for panel in panels:
        detail = panel.surface.height_mm - cv2.GaussianBlur(panel.surface.height_mm, (0, 0), 12)
        near = cv2.dilate(panel.mask.astype(np.uint8), np.ones((15, 15), np.uint8)).astype(np.bool_) & ~panel.mask
        inner = cv2.erode(panel.object_mask.astype(np.uint8), np.ones((61, 61), np.uint8)).astype(np.bool_)
        if (panel.mask & inner).sum() > 500:
            drops.append(np.median(detail[near & inner]) - np.median(detail[panel.mask & inner]))
    assert len(drops) > 8
    assert sum(drop <= 0.001 for drop in drops) <= 1  # one may be worn to next to nothing
    assert np.mean(drops) > 0.008


def test_much_that_is_low_is_not_art(panels) -> None:
    assert any(panel.surface.mask("scratch")[~panel.mask].sum() > 0.3 * panel.mask.sum() for panel in panels)
    for name in ("scratch", "pit", "blister", "crack", "crust", "etched"):
        assert any(panel.surface.mask(name).any() for panel in panels)


def test_what_is_lost_is_not_in_the_truth() -> None:
    panel = make_bronze(9, size_px=512, degradation="severe")
    middles = np.concatenate([line.points_px[1:-1] for line in panel.lost if len(line.points_px) > 12])
    inside = ((middles >= 0) & (middles < 512)).all(1)
    x, y = middles[inside].astype(int).T
    assert inside.sum() > 50
    assert panel.mask[y, x].mean() < 0.4  # other lines cross


@pytest.mark.parametrize("style", STYLES)
def test_each_style_can_be_asked_for(style: str) -> None:
    assert make_bronze(2, size_px=96, style=style).style == style


def test_unseen_styles_are_kept_out_of_training() -> None:
    assert set(TRAINING_STYLES) | set(UNSEEN_STYLES) == set(STYLES)
    assert {make_bronze(seed, size_px=64).style for seed in range(24)} == set(TRAINING_STYLES)


def test_punched_lines_are_rows_of_dots() -> None:
    panel = make_bronze(4, size_px=512, style="punched")
    count, _, stats, _ = cv2.connectedComponentsWithStats(panel.mask.astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA] * 0.05**2
    assert count > 40
    assert np.median(areas) == pytest.approx(np.pi / 4 * 0.36**2, rel=0.4)


@pytest.mark.parametrize("seed", range(3))
def test_a_whole_mirror_lies_inside_its_frame(seed: int) -> None:
    panel = make_bronze(seed, size_px=(576, 512), pixel_size_mm=0.1, whole=True)
    inside = panel.object_mask
    assert not inside[[0, -1]].any()
    assert not inside[:, [0, -1]].any()
    assert 0.45 < inside.mean() < 0.8
    rows = np.flatnonzero(inside.any(1))
    widths = inside[rows].sum(1)
    assert widths[-40] < 0.45 * widths.max()  # the handle
    assert np.median(panel.surface.height_mm[~inside]) < panel.surface.height_mm[inside].min() - 1.0
    assert panel.mask.sum() > 0.01 * inside.sum()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"seed": -1}, "seed must be"),
        ({"seed": 1, "size_px": 32}, r"\[64, 6144\]"),
        ({"seed": 1, "size_px": (64, 7000)}, "several panels"),
        ({"seed": 1, "pixel_size_mm": 0.5}, "pixel_size_mm"),
        ({"seed": 1, "degradation": "awful"}, "ordinary, severe.*'awful'"),
        ({"seed": 1, "style": "cubist"}, "style must be one of.*'cubist'"),
        ({"seed": 1, "borders": ("tartan",)}, "borders must be some of.*tartan"),
        ({"seed": 1, "borders": ()}, "got none"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(arguments, complaint) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        make_bronze(**arguments)
    assert "\n" not in str(caught.value)
