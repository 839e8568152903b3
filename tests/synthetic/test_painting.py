from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest

from graven.errors import InputError
from graven.synthetic import condition_layers, make_painting
from graven.synthetic.cracknet import cover_pixels
from graven.synthetic.painting import CRAQUELURE, PAINT_LOSS, UNKNOWN, ConditionPanel
from graven.synthetic.palettes import PALETTES, TRAINING_PAINTINGS, UNSEEN_PAINTINGS


def _digest(panel: ConditionPanel) -> str:
    digest = hashlib.sha256()
    for layer in (panel.image, panel.classes, panel.surface.height_mm, panel.surface.albedo, *panel.cracks.lines):
        digest.update(np.ascontiguousarray(layer).tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def panels() -> list[ConditionPanel]:
    return [
        make_painting(seed, size_px=(352, 416), degradation=("ordinary", "severe")[seed % 2], pixel_size_mm=0.15)
        for seed in range(20)
    ]


@pytest.mark.parametrize("degradation", ["ordinary", "severe"])
def test_same_seed_same_bytes_whatever_was_made_before(degradation) -> None:
    first = _digest(make_painting(12, size_px=256, degradation=degradation))
    make_painting(13, size_px=96)
    assert _digest(make_painting(12, size_px=256, degradation=degradation)) == first
    assert _digest(make_painting(11, size_px=256, degradation=degradation)) != first


def test_the_number_of_threads_does_not_matter() -> None:
    threads = cv2.getNumThreads()
    digests = set()
    try:
        for n_threads in (1, 2, 4):
            cv2.setNumThreads(n_threads)
            digests.add(_digest(make_painting(17, size_px=384)))
    finally:
        cv2.setNumThreads(threads)
    assert len(digests) == 1


def test_layers_have_the_promised_form(panels) -> None:
    for panel in panels:
        assert panel.image.shape == (3, 352, 416)
        assert panel.image.dtype == panel.classes.dtype == np.uint8
        assert panel.classes.shape == panel.surface.shape == (352, 416)
        assert set(np.unique(panel.classes)) <= {0, CRAQUELURE, PAINT_LOSS, UNKNOWN}
        assert np.isfinite(panel.surface.height_mm).all()
        assert panel.surface.albedo.min() >= 0.01
        assert panel.surface.albedo.max() <= 0.95
        assert panel.image.std() > 2


def test_the_class_map_is_the_network_rasterised_and_the_losses(panels) -> None:
    for panel in panels:
        lost, covered = panel.surface.mask("loss"), panel.surface.mask("retouching")
        np.testing.assert_array_equal(panel.classes == PAINT_LOSS, lost & ~covered)
        cover = cover_pixels(panel.cracks, panel.classes.shape)
        near = cv2.dilate((lost | covered).astype(np.uint8), np.ones((15, 15), np.uint8)).astype(np.bool_)
        near[[0, -1]] = near[:, [0, -1]] = True  # cracks come in from beyond the edge
        off = ((cover.wide >= 0.5) != (panel.classes == CRAQUELURE)) & ~near
        assert off.sum() <= 0.005 * max(200, (panel.classes == CRAQUELURE).sum())


def test_pixels_of_thin_cracks_are_neither_crack_nor_background() -> None:
    panel = make_painting(5, size_px=384, pixel_size_mm=0.3, pattern="random")
    thin = [line for line, width in zip(panel.cracks.lines, panel.cracks.widths_px, strict=True) if width.max() < 0.9]
    assert len(thin) > 5
    rows, cols = (np.concatenate(thin)[:, axis].astype(int).clip(0, 383) for axis in (1, 0))
    on_them = panel.classes[rows, cols]
    assert (on_them == UNKNOWN).mean() > 0.8
    assert (panel.classes == UNKNOWN).mean() < 0.1


def test_centre_lines_are_seen_everywhere(panels) -> None:
    for panel in panels:
        hidden = panel.surface.mask("loss") | panel.surface.mask("retouching")
        for line in panel.cracks.lines:
            middle = ((line[1:] + line[:-1]) / 2)[1:-1]
            assert (middle >= 0).all()
            assert (middle < (416, 352)).all()
            assert hidden[middle[:, 1].astype(int), middle[:, 0].astype(int)].mean() < 0.2 if len(middle) > 4 else True


def test_widths_are_those_of_craquelure() -> None:
    widths, lengths = [], []
    for seed in range(40, 46):
        for line, width in zip(*_lines(make_painting(seed, size_px=512)), strict=True):
            widths.append((width[1:] + width[:-1]) / 2)
            lengths.append(np.hypot(*np.diff(line, axis=0).T))
    width, length = np.concatenate(widths), np.concatenate(lengths)
    assert width.min() >= 0.4
    assert width.max() <= 12.0
    assert length[(width > 1.2) & (width < 5.5)].sum() > 0.6 * length.sum()


def _lines(panel: ConditionPanel) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    return panel.cracks.lines, panel.cracks.widths_px


def test_cracks_and_losses_lie_lower_than_the_paint_beside_them() -> None:
    panel = make_painting(4, size_px=512, pattern="drying")
    height, classes = panel.surface.height_mm, panel.classes
    for value in (CRAQUELURE, PAINT_LOSS):
        inside = classes == value
        ring = cv2.dilate(inside.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(np.bool_) & (classes == 0)
        assert inside.any()
        assert height[inside].mean() < height[ring].mean() - 0.01


def test_panels_vary_in_what_they_show(panels) -> None:
    assert len({panel.painting for panel in panels}) == len(TRAINING_PAINTINGS)
    assert len({pattern for panel in panels for pattern in panel.patterns}) >= 4
    assert any(panel.surface.mask("bare").any() for panel in panels)
    assert any(panel.surface.mask("retouching").any() for panel in panels)
    assert any(len(panel.patterns) == 2 for panel in panels)
    assert all(set(panel.cracks.patterns) <= set(panel.patterns) for panel in panels)


def test_retouching_is_sound(panels) -> None:
    covered = [(panel.classes[panel.surface.mask("retouching")]) for panel in panels]
    assert not np.concatenate(covered).any()


@pytest.mark.parametrize("painting", PALETTES)
def test_each_kind_of_painting_can_be_asked_for(painting) -> None:
    assert make_painting(2, size_px=64, painting=painting).painting == painting


def test_unseen_paintings_are_kept_out_of_training() -> None:
    assert set(TRAINING_PAINTINGS) | set(UNSEEN_PAINTINGS) == set(PALETTES)
    assert {make_painting(seed, size_px=64).painting for seed in range(30)} == set(TRAINING_PAINTINGS)


def test_layers_are_named_as_they_are_written() -> None:
    panel = make_painting(2, size_px=96)
    layers = condition_layers(panel)
    assert list(layers) == ["image", "mask", "height", "albedo"]
    assert layers["mask"] is panel.classes


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"seed": -1}, "seed must be"),
        ({"seed": 1, "size_px": 32}, r"\[64, 4096\]"),
        ({"seed": 1, "size_px": (64, 5000)}, "several panels"),
        ({"seed": 1, "pixel_size_mm": 0.0}, "pixel_size_mm"),
        ({"seed": 1, "degradation": "awful"}, "ordinary, severe.*'awful'"),
        ({"seed": 1, "painting": "fridge"}, "painting must be one of.*'fridge'"),
        ({"seed": 1, "pattern": "tartan"}, "pattern must be one of.*'tartan'"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(arguments, complaint) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        make_painting(**arguments)
    assert "\n" not in str(caught.value)
