"""Two photographs of one painting: growth is found and measured, new light and another viewpoint are no change."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from graven.errors import DataError, MismatchError
from graven.io.bundle import read_bundle
from graven.methods import condition
from graven.methods.comparison import CHANGE_CLASSES, compare
from graven.methods.tracing import Tracer, TraceSettings, plan
from graven.predict.engines import load_engine
from graven.prepare.registration import register
from graven.types import PixelSize, Window, raster_from_array

SIZE = 560
SCALE = PixelSize(0.1, 0.1, "user", 0.01)
CRACKS = (((60, 80), (500, 120), 4), ((150, 60), (130, 480), 4), ((300, 300), (520, 460), 5))


def painted(*, grown: bool) -> np.ndarray:
    """Speckled paint with three cracks and a loss; later one crack is longer, one is new, and the loss is wider."""
    rng = np.random.default_rng(4)
    paint = cv2.GaussianBlur(rng.normal(0, 1, (SIZE, SIZE)).astype(np.float32), (0, 0), 2.0)
    grey = 130 + 18 * paint / paint.std()
    layers = [*CRACKS]
    if grown:
        layers[2] = ((300 - 71, 300 - 52), (520, 460), 5)  # 88 px longer at its upper end
        layers.append(((200, 400), (290, 520), 4))
    for start, end, width in layers:
        line = np.zeros((SIZE * 4, SIZE * 4), np.uint8)
        cv2.line(line, *[(4 * x, 4 * y) for x, y in (start, end)], 255, 4 * width)
        cover = cv2.resize(line, (SIZE, SIZE), interpolation=cv2.INTER_AREA) / 255
        grey = grey * (1 - cover) + 8 * cover
    grey[200:240, 380:440] = 245
    if grown:
        grey[200:240, 440:470] = 245
    return np.stack([grey.clip(0, 255).astype(np.uint8)] * 3)


def photographed(paint: np.ndarray, *, seed: int) -> np.ndarray:
    """The same from elsewhere, in other light, with noise."""
    rng = np.random.default_rng(seed)
    corners = np.array([[0, 0], [SIZE, 0], [SIZE, SIZE], [0, SIZE]], np.float32)
    moved = corners + rng.uniform(-12, 12, (4, 2)).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners, moved)
    pixels = cv2.warpPerspective(
        np.moveaxis(paint, 0, -1), matrix, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    ).astype(np.float32)
    ramp = np.linspace(*rng.uniform(0.93, 1.07, 2), SIZE, dtype=np.float32)
    pixels = pixels * ramp[None, :, None] + rng.normal(0, 2, (SIZE, SIZE, 1))
    return np.moveaxis(pixels.clip(0, 255).astype(np.uint8), -1, 0)


@pytest.fixture(scope="module")
def tracer(damage_model: Path) -> Tracer:
    bundle = read_bundle(damage_model)
    return Tracer(bundle.spec, load_engine(bundle.model_path, precision="float32"))


def traced(pixels: np.ndarray, tracer: Tracer, work: Path, **settings: float) -> condition.ConditionRecord:
    work.mkdir()
    raster = raster_from_array(pixels, pixel_size=SCALE)
    return condition.trace(plan(raster, tracer.spec, TraceSettings(**settings)), tracer, None, work)


def test_growth_is_found_and_measured(tracer: Tracer, tmp_path: Path) -> None:
    first, second = painted(grown=False), photographed(painted(grown=True), seed=1)
    before, after = traced(first, tracer, tmp_path / "a"), traced(second, tracer, tmp_path / "b")
    found = compare(before, after, register(before.plan.raster, after.plan.raster))
    expected = 0.1 * (np.hypot(71, 52) + np.hypot(90, 120) + 4)  # the round caps of the new crack belong to it
    assert found.gained.length.value == pytest.approx(expected, rel=0.05)
    assert len(found.gained.pieces) == 2
    assert found.lost.pieces == ()
    assert found.areas_gained.area.value == pytest.approx(0.01 * 30 * 40, rel=0.07)
    assert found.areas_lost.areas == ()
    assert {trace.class_id for trace in found.record.traces} == {1, 3}
    labels = found.record.read_mask(Window(0, 0, SIZE, SIZE))
    assert labels[460, 245] == 1
    assert labels[220, 455] == 3
    assert "detection limit" in " ".join(found.notes)


def test_the_other_way_round_it_is_lost(tracer: Tracer, tmp_path: Path) -> None:
    first, second = painted(grown=True), photographed(painted(grown=False), seed=2)
    before, after = traced(first, tracer, tmp_path / "a"), traced(second, tracer, tmp_path / "b")
    found = compare(before, after, register(before.plan.raster, after.plan.raster))
    assert found.gained.pieces == ()
    assert len(found.lost.pieces) == 2
    assert len(found.areas_lost.areas) == 1


@pytest.mark.parametrize("seed", range(3, 7))
def test_new_light_and_another_viewpoint_are_no_change(tracer: Tracer, tmp_path: Path, seed: int) -> None:
    paint = painted(grown=False)
    before = traced(paint, tracer, tmp_path / "a")
    after = traced(photographed(paint, seed=seed), tracer, tmp_path / "b")
    found = compare(before, after, register(before.plan.raster, after.plan.raster))
    assert found.record.traces == ()
    assert [CHANGE_CLASSES[number].name for number in found.record.totals] == [
        "craquelure_gained",
        "craquelure_lost",
        "paint_loss_gained",
        "paint_loss_lost",
    ]


def test_within_32_px_of_the_edge_no_line_is_told(tracer: Tracer, tmp_path: Path) -> None:
    paint = painted(grown=False)
    band = paint[0].copy()
    for row in (20, 520):
        cv2.line(band, (60, row), (300, row), 8, 4)
    before, after = traced(paint, tracer, tmp_path / "a"), traced(np.stack([band] * 3), tracer, tmp_path / "b")
    found = compare(before, after, register(before.plan.raster, before.plan.raster))
    assert [float(piece[:, 1].mean()) for piece in found.gained.pieces] == pytest.approx([520.5], abs=1)


def test_two_thresholds_cannot_be_compared(tracer: Tracer, tmp_path: Path) -> None:
    paint = painted(grown=False)
    before = traced(paint, tracer, tmp_path / "a")
    after = traced(paint, tracer, tmp_path / "b", threshold=0.7)
    with pytest.raises(MismatchError, match=r"one threshold, got 0\.5 and 0\.7"):
        compare(before, after, register(before.plan.raster, after.plan.raster))


def test_what_the_model_sees_at_one_date_alone_is_no_change_where_both_photographs_show_it(
    tracer: Tracer, tmp_path: Path
) -> None:
    """An ornament and a pale patch lie just above the model's limits, and just below when the light is weaker."""
    paint = painted(grown=False)
    cv2.line(band := paint[0].copy(), (80, 520), (480, 500), 78, 5)
    band[300:340, 60:100] = 186
    paint = np.stack([band] * 3)
    darker = (paint * 0.86).clip(0, 255).astype(np.uint8)
    before, after = traced(paint, tracer, tmp_path / "a"), traced(darker, tracer, tmp_path / "b")
    n_cracks = [sum(trace.class_id == 1 for trace in record.traces) for record in (before, after)]
    assert n_cracks[1] > n_cracks[0], "the model sees the ornament in the weaker light alone"
    found = compare(before, after, register(before.plan.raster, after.plan.raster))
    assert found.gained.pieces == ()
    assert found.areas_lost.areas == ()


def test_raking_light_beside_even_light_is_refused(tracer: Tracer, tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    paint = painted(grown=False)
    shading = cv2.GaussianBlur(rng.normal(0, 1, (SIZE, SIZE)).astype(np.float32), (0, 0), 2.5)
    raking = (paint + 60 * shading / shading.std()).clip(0, 255).astype(np.uint8)
    before, after = traced(paint, tracer, tmp_path / "a"), traced(raking, tracer, tmp_path / "b")
    same = register(before.plan.raster, before.plan.raster)
    with pytest.raises(DataError, match=r"lit too differently .* 0\.90 is needed"):
        compare(before, after, same)
    assert compare(before, after, same, min_agreement=-1.0).tolerance_px > 0
