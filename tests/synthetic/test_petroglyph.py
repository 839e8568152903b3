from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest

from graven.errors import InputError
from graven.synthetic import make_petroglyph, petroglyph_layers
from graven.synthetic.figures import FIGURE_KINDS
from graven.synthetic.petroglyph import PetroglyphPanel


def _digest(panel: PetroglyphPanel) -> str:
    digest = hashlib.sha256()
    for layer in (panel.image, panel.mask, panel.valid, panel.surface.height_mm, panel.surface.albedo):
        digest.update(np.ascontiguousarray(layer).tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def panels() -> list[PetroglyphPanel]:
    return [
        make_petroglyph(seed, size_px=(224, 288), degradation=("ordinary", "severe")[seed % 2], pixel_size_mm=1.0)
        for seed in range(40)
    ]


@pytest.mark.parametrize("degradation", ["ordinary", "severe"])
def test_same_seed_same_bytes_whatever_was_made_before(degradation) -> None:
    first = _digest(make_petroglyph(12, size_px=256, degradation=degradation))
    make_petroglyph(13, size_px=96)
    assert _digest(make_petroglyph(12, size_px=256, degradation=degradation)) == first
    assert _digest(make_petroglyph(11, size_px=256, degradation=degradation)) != first


def test_the_number_of_threads_does_not_matter() -> None:
    threads = cv2.getNumThreads()
    digests = set()
    try:
        for n_threads in (1, 2, 4):
            cv2.setNumThreads(n_threads)
            digests.add(_digest(make_petroglyph(17, size_px=512)))
    finally:
        cv2.setNumThreads(threads)
    assert len(digests) == 1


def test_layers_have_the_promised_form(panels: list[PetroglyphPanel]) -> None:
    for panel in panels:
        assert panel.image.shape == (3, 224, 288)
        assert panel.image.dtype == np.uint8
        assert panel.mask.shape == panel.valid.shape == panel.surface.shape == (224, 288)
        assert panel.mask.dtype == panel.valid.dtype == np.bool_
        assert np.isfinite(panel.surface.height_mm).all()
        assert panel.surface.albedo.min() >= 0.01
        assert panel.surface.albedo.max() <= 0.95
        assert panel.image.std() > 2
        assert not panel.image[:, ~panel.valid].any()
        assert not panel.mask[~panel.valid].any()


def test_nothing_that_hides_the_rock_is_truth(panels: list[PetroglyphPanel]) -> None:
    for panel in panels:
        for name in ("scale_bar", "vegetation", "sky", "spall"):
            # tilting moves each mask on its own, so a border may differ by a pixel
            inner = cv2.erode(panel.surface.mask(name).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.bool_)
            assert not (panel.mask & inner).any()


def test_empty_panels_are_common_and_have_no_truth(panels: list[PetroglyphPanel]) -> None:
    empty = [panel for panel in panels if not panel.figures]
    assert 1 <= len(empty) <= 14  # binomial(40, 0.14): 5.6 expected
    assert not any(panel.mask.any() for panel in empty)
    assert all(panel.mask.any() for panel in panels if len(panel.figures) > 1)


def test_typical_panels_are_covered_to_a_realistic_share() -> None:
    shares = [make_petroglyph(s, size_px=320, pixel_size_mm=1.6).mask.mean() for s in range(60, 74)]
    shares = [share for share in shares if share > 0]
    assert 0.04 < np.median(shares) < 0.25
    assert max(shares) < 0.45


def test_panels_vary_in_what_they_show(panels: list[PetroglyphPanel]) -> None:
    names = {figure.name for panel in panels for figure in panel.figures}
    assert len(names) >= 0.7 * len(FIGURE_KINDS)
    assert len({panel.rock for panel in panels}) >= 5
    fresh = np.array([figure.freshness for panel in panels for figure in panel.figures])
    assert (fresh > 0.4).any()  # light on dark
    assert ((fresh >= 0) & (fresh < 0.1)).any()  # only shading tells
    assert (fresh < -0.05).any()  # darker than the rock
    seen = set().union(*(panel.surface.masks for panel in panels))
    assert {"pecked", "lichen", "crack", "scratch", "spall", "vegetation", "scale_bar", "chalk"} <= seen


def test_outlines_lie_over_the_truth() -> None:
    for seed in (1, 5, 9):
        panel = make_petroglyph(seed, size_px=512)
        drawn = np.zeros(panel.mask.shape, np.uint8)
        for figure in panel.figures:
            for outline in figure.outlines_px:
                cv2.fillPoly(drawn, [np.round(outline - 0.5).astype(np.int32)], 1)
        near = cv2.dilate(drawn, np.ones((25, 25), np.uint8)).astype(np.bool_)
        assert panel.mask[near].sum() > 0.95 * panel.mask.sum()


def test_pecked_ground_lies_lower_than_the_ground_around_it() -> None:
    panel = make_petroglyph(1, size_px=512, rock="polished_sandstone")
    local = panel.surface.height_mm - cv2.GaussianBlur(panel.surface.height_mm, (0, 0), 25)
    assert panel.mask.any()
    assert local[panel.mask].mean() < local[~panel.mask].mean() - 0.1


def test_a_rock_can_be_asked_for_and_is_reported() -> None:
    assert make_petroglyph(2, size_px=64, rock="gneiss").rock == "gneiss"


def test_layers_are_named_as_they_are_written() -> None:
    panel = make_petroglyph(2, size_px=96)
    layers = petroglyph_layers(panel)
    assert list(layers) == ["image", "mask", "height", "albedo", "normals"]
    assert layers["normals"].shape == (3, 96, 96)
    np.testing.assert_allclose(np.linalg.norm(layers["normals"], axis=0), 1, atol=1e-5)
    assert layers["height"] is panel.surface.height_mm


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"seed": -1}, "seed must be"),
        ({"seed": 1, "size_px": 32}, "at least 64"),
        ({"seed": 1, "size_px": (64, 63)}, "at least 64"),
        ({"seed": 1, "pixel_size_mm": 0.0}, "pixel_size_mm"),
        ({"seed": 1, "degradation": "awful"}, "ordinary, severe.*'awful'"),
        ({"seed": 1, "rock": "cheese"}, "rock must be one of.*'cheese'"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(arguments, complaint) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        make_petroglyph(**arguments)
    assert "\n" not in str(caught.value)
