"""Objects cut from a probability in one pass: the same as those of the mask that the cut gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from graven.errors import InputError
from graven.measure.components import find_components, read_runs
from graven.measure.figures import trace_figures, trace_objects
from graven.measure.objects import cut_objects, find_objects, least_step
from graven.types import PixelSize, Window

PROBS = arrays(
    np.uint8,
    st.tuples(st.integers(1, 18), st.integers(1, 18)),
    elements=st.sampled_from([0, 90, 102, 127, 128, 153, 255]),
)


def panel(seed: int) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((120, 90)), 3)
    return np.rint(255 / (1 + np.exp(-4 * (noise / noise.std() - 0.7)))).astype(np.uint8)


@settings(deadline=None, max_examples=200)
@given(prob=PROBS, band_rows=st.integers(1, 20), threshold=st.sampled_from([0.3, 0.5, 0.55]))
def test_one_pass_finds_what_mask_and_probability_say(prob: np.ndarray, band_rows: int, threshold: float) -> None:
    height, width = prob.shape
    size = {"height": height, "width": width, "threshold": threshold}
    mask = prob >= least_step(threshold)
    components, evidence = cut_objects(lambda window: prob[window.slices()], band_rows=band_rows, **size)
    expected, said = find_objects(
        lambda window: mask[window.slices()], lambda window: prob[window.slices()], class_id=1, **size
    )
    assert said is not None
    for name in ("label", "first_run", "area_px", "bbox_px", "centroid_px"):
        assert getattr(components, name).tolist() == getattr(expected, name).tolist()
    assert (components.runs.paint(0, height) == mask).all()
    for name in ("mean", "area_high_px", "group", "growth_px"):
        assert getattr(evidence, name).tolist() == getattr(said, name).tolist()


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), band_rows=st.integers(1, 130), min_area_px=st.sampled_from([0.0, 30.0]))
def test_traces_are_those_of_the_mask_without_its_specks(seed: int, band_rows: int, min_area_px: float) -> None:
    prob = panel(seed)

    def read(window: Window) -> np.ndarray:
        return prob[window.slices()]

    common = {"class_id": 1, "source": "panel", "pixel_size": PixelSize(0.3, 0.4, "user", 0.02)}
    found = find_components(read_runs(lambda window: read(window) >= 128, height=120, width=90))
    runs = found.select(found.area_px >= min_area_px).runs
    whole = trace_figures(lambda window: runs.paint(window.row, window.row_end), read, height=120, width=90, **common)
    ours = trace_objects(
        *cut_objects(read, height=120, width=90, min_area_px=min_area_px, band_rows=band_rows), **common
    )
    assert [(t.uid, t.number, t.confidence, t.measures) for t in ours] == [
        (t.uid, t.number, t.confidence, t.measures) for t in whole
    ]


def test_only_bytes_are_cut() -> None:
    with pytest.raises(InputError, match="uint8 in steps of 1/255, got float32"):
        cut_objects(lambda _: np.zeros((2, 2), np.float32), height=2, width=2)


def test_a_reader_that_gives_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match=r"gave shape \(1, 2\)"):
        cut_objects(lambda _: np.zeros((1, 2), np.uint8), height=2, width=2)


def test_an_empty_panel_has_no_objects() -> None:
    components, evidence = cut_objects(lambda w: np.zeros((w.height, w.width), np.uint8), height=5, width=7)
    assert (len(components), len(evidence.mean)) == (0, 0)
    assert trace_objects(components, evidence, class_id=1, source="x") == []
