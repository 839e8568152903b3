"""A painting with drawn cracks and losses, a network that one can compute by hand, and what is measured of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from graven.errors import MismatchError
from graven.io.bundle import read_bundle
from graven.methods import condition, petroglyph
from graven.methods.tracing import Tracer, TraceSettings, plan
from graven.predict.engines import load_engine
from graven.types import PETROGLYPH_CLASSES, PixelSize, Window, raster_from_array

SIZE, SUPER = 320, 8
PIXEL = PixelSize(0.1, 0.1, "user", 0.01)


def tracer(bundle: Path, **changes: object) -> Tracer:
    found = read_bundle(bundle)
    return Tracer(replace(found.spec, **changes), load_engine(found.model_path, precision="float32"))


def painting() -> np.ndarray:
    """A cross of two cracks 4 px wide, a single one 6 px wide, and a square loss of 60 px with a hole of 20 px."""
    grey = np.full((SIZE * SUPER, SIZE * SUPER), 130, np.uint8)
    grey[40 * SUPER : 100 * SUPER, 220 * SUPER : 280 * SUPER] = 240
    grey[60 * SUPER : 80 * SUPER, 240 * SUPER : 260 * SUPER] = 130
    for start, end, width in (
        ((30, 80), (190, 80), 4),
        ((110, 20), (110, 150), 4),
        ((40, 220), (280, 280), 6),
    ):
        points = [tuple(int(v * SUPER) for v in point) for point in (start, end)]
        cv2.line(grey, *points, 10, width * SUPER)
    small = cv2.resize(grey, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return np.stack([small] * 3)


@pytest.fixture(scope="module")
def record(damage_model: Path, tmp_path_factory: pytest.TempPathFactory) -> condition.ConditionRecord:
    work = tmp_path_factory.mktemp("work")
    segmenter = tracer(damage_model)
    planned = plan(raster_from_array(painting(), pixel_size=PIXEL), segmenter.spec, TraceSettings())
    return condition.trace(planned, segmenter, None, work)


def test_cracks_meet_in_a_crossing(record: condition.ConditionRecord) -> None:
    totals = record.totals[1]
    assert {kind: totals[f"n_nodes_{kind}"].value for kind in "IYX"} == {"I": 6, "Y": 0, "X": 1}
    assert totals["n_networks"].value == 2
    length_mm = 0.1 * (160 + 130 + np.hypot(240, 60) + 3 * 5)  # the round caps of what was drawn belong to the cracks
    assert totals["length"].value == pytest.approx(length_mm, rel=0.02)
    assert totals["length"].sigma is not None


def test_widths_are_those_that_were_drawn(record: condition.ConditionRecord) -> None:
    widths = sorted(trace.measures["width_mean"].value for trace in record.traces if trace.class_id == 1)
    assert len(widths) == 5
    assert widths[:4] == pytest.approx([0.4] * 4, abs=0.025)
    assert widths[4] == pytest.approx(0.6, abs=0.025)


def test_the_loss_is_exact_and_keeps_its_hole(record: condition.ConditionRecord) -> None:
    losses = [trace for trace in record.traces if trace.class_id == 2]
    assert len(losses) == 1
    assert losses[0].measures["area"].value == pytest.approx((60**2 - 20**2) * 0.01)
    assert len(losses[0].polygons[0]) == 2
    assert record.totals[2]["area"].value == pytest.approx(32.0)
    assert record.totals[2]["loss_share"].value == pytest.approx(3200 / SIZE**2)
    assert sum(row.count for row in record.damage.loss_bins) == 1


def test_the_class_raster_holds_both(record: condition.ConditionRecord) -> None:
    labels = record.read_mask(Window(0, 0, SIZE, SIZE))
    assert set(np.unique(labels)) == {0, 1, 2}
    assert (labels == 2).sum() == 3200
    assert labels[80, 60] == 1
    bands = np.concatenate([pixels for _, pixels in record.mask_blocks()])
    np.testing.assert_array_equal(bands, labels)
    assert next(iter(record.prob_blocks()))[1].shape[0] == 2


def test_a_resumed_run_gives_the_same(record: condition.ConditionRecord, damage_model: Path, tmp_path: Path) -> None:
    segmenter, work = tracer(damage_model), tmp_path
    planned = plan(raster_from_array(painting(), pixel_size=PIXEL), segmenter.spec, TraceSettings())
    first = condition.trace(planned, segmenter, None, work)
    again = condition.trace(planned, segmenter, None, work, resume=True)
    for other in (first, again):
        assert [trace.uid for trace in other.traces] == [trace.uid for trace in record.traces]
        assert [trace.measures for trace in other.traces] == [trace.measures for trace in record.traces]


def test_a_painting_without_damage_has_nothing(damage_model: Path, tmp_path: Path) -> None:
    segmenter, work = tracer(damage_model), tmp_path
    clean = raster_from_array(np.full((3, 200, 240), 130, np.uint8))
    found = condition.trace(plan(clean, segmenter.spec, TraceSettings()), segmenter, None, work)
    assert found.traces == ()
    assert found.totals[1]["length"].value == 0
    assert found.totals[2]["area"].value == 0
    assert found.damage.style.name == "undetermined"


def test_a_model_for_another_method_is_refused(damage_model: Path, tmp_path: Path) -> None:
    raster = raster_from_array(painting())
    other = tracer(damage_model, method="petroglyph", classes=PETROGLYPH_CLASSES)
    with pytest.raises(MismatchError, match="needs one for condition with craquelure and paint_loss"):
        condition.trace(plan(raster, other.spec, TraceSettings()), other, None, tmp_path)
    ours = tracer(damage_model)
    with pytest.raises(MismatchError, match="not for petroglyphs"):
        petroglyph.trace(plan(raster, ours.spec, TraceSettings()), ours, None, tmp_path)
