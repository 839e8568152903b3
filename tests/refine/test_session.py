"""A person and a network at work: proposals, decisions, and who wins."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from graven.errors import DataError, InputError, MismatchError
from graven.refine.constraints import constrain
from graven.refine.events import Event
from graven.refine.journal import replay
from graven.refine.keeping import KEEPING, Keeping
from graven.refine.local import STEPS, Refiner
from graven.refine.session import RefineSession
from graven.refine.state import RefineState
from graven.types import Stroke, TileGrid, Window, raster_from_array

HEIGHT, WIDTH, TILE = 20, 28, 8
GRID = TileGrid(HEIGHT, WIDTH, TILE, 4)
WEIGHTS = np.outer(np.hanning(TILE + 2)[1:-1], np.hanning(TILE + 2)[1:-1])
LINE = np.array([[4.5, 6.5], [9.5, 6.5]])
RNG = np.random.default_rng(11)
DEPTH = RNG.normal(size=(HEIGHT, WIDTH)).astype(np.float32)
LOGITS = RNG.normal(size=(HEIGHT, WIDTH)).astype(np.float32)
INPUTS = raster_from_array(np.stack([DEPTH, LOGITS]))


def contrary(patch: NDArray[np.float32]) -> NDArray[np.float32]:
    """A network that contradicts the first prediction, and every hint."""
    return -2 * patch[1] - 5 * patch[2] + patch[0]


def refiner(predict: Any = contrary, sha256: str = "f" * 64, grid: TileGrid = GRID, **options: Any) -> Refiner:
    facts = {"weights": WEIGHTS, "name": "contrary", "version": "1", "sha256": sha256}
    return Refiner(predict=predict, grid=grid, **facts, **options)


def session(predict: Any = contrary, **options: Any) -> RefineSession:
    return RefineSession(INPUTS, refiner(predict), author="Ada", **options)


def test_the_network_only_proposes():
    work = session()
    before = work.mask()
    work.draw(LINE, width_px=1)
    drawn = work.hints() != 0
    standing = work.mask()
    assert np.array_equal(standing, before | drawn)
    windows = work.refine()
    assert windows
    assert np.array_equal(work.mask(), standing)
    assert not np.array_equal(work.proposed(), standing)
    assert work.proposed()[drawn].all()
    assert (work.probability()[drawn] == 1).all()
    changed = work.proposed() != standing
    for window in windows:
        changed[window.slices()] = False
    assert not changed.any()


def test_confirmed_proposals_stand_and_rejected_ones_never_come_again():
    work = session()
    work.draw(LINE, width_px=1)
    work.refine()
    left, right = Window(4, 2, 6, 5), Window(4, 7, 6, 5)
    proposed, standing = work.proposed(), work.mask()
    assert (proposed != standing)[left.slices()].any()
    assert (proposed != standing)[right.slices()].any()
    work.confirm(left)
    assert np.array_equal(work.mask(left), proposed[left.slices()])
    work.reject(right)
    assert np.array_equal(work.proposed(right), standing[right.slices()])
    work.erase(np.array([[3.5, 3.5], [12.5, 12.5]]), width_px=2)
    erased = work.hints() == -1
    work.refine()
    for window, expected in ((left, proposed), (right, standing)):
        assert np.array_equal(work.mask(window), expected[window.slices()] & ~erased[window.slices()])
    assert (work.decided(left) != 0).all()


def test_a_confirmed_polygon_is_decided_pixel_by_pixel():
    work = session()
    change = work.confirm(np.array([[2.0, 3.0], [6.0, 3.0], [6.0, 5.0], [2.0, 5.0]]))
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[3:5, 2:6] = True
    assert np.array_equal(work.decided() != 0, expected)
    assert (change.n_written, change.n_kept) == (8, 0)
    assert np.array_equal(work.decided()[expected] == 1, (LOGITS >= 0)[expected])


def test_a_stroke_stands_for_the_proposals_in_the_tiles_that_saw_it():
    work = session()
    work.draw(LINE, width_px=1)
    work.draw(np.array([[22.5, 16.5]]), width_px=1)
    work.refine()
    first = work.strokes.strokes[0]
    differs = work.proposed() != work.mask()
    near = np.zeros_like(differs)
    for row, col, window in GRID.windows():
        inside = window.intersection(GRID.bounds).slices()
        if window.row <= 6 < window.row_end and window.col <= 9 and window.col_end > 4:
            near[inside] = True
        assert (row, col) == (window.row // 4, window.col // 4)
    assert (differs & near).any()
    assert (differs & ~near).any()
    proposed, decided = work.proposed(), work.decided()
    work.confirm(first.uid)
    expected = np.where(differs & near, np.where(proposed, 1, -1), decided)
    assert np.array_equal(work.decided(), expected)


def test_earlier_decisions_keep_their_pixels_unless_overridden():
    work = session()
    work.draw(LINE, width_px=1)
    change = work.erase(LINE, width_px=3)
    row = np.arange(WIDTH)
    assert (work.decided()[6, (row >= 4) & (row <= 9)] == 1).all()
    assert change.n_kept == 6
    assert change.n_written > 0
    work.erase(LINE, width_px=1, override=True)
    assert (work.decided()[6, (row >= 4) & (row <= 9)] == -1).all()
    work.confirm(Window(12, 12, 3, 3))
    confirmed = work.decided(Window(12, 12, 3, 3))
    work.draw(np.array([[13.5, 13.5]]), width_px=4)
    assert np.array_equal(work.decided(Window(12, 12, 3, 3)), confirmed)
    assert (work.hints(Window(12, 12, 3, 3)) == 0).all()
    work.draw(np.array([[13.5, 13.5]]), width_px=9, override=True)
    assert (work.decided(Window(12, 12, 3, 3)) == 1).all()


def test_undo_brings_back_the_proposals_too():
    work = session()
    work.draw(LINE, width_px=1)
    work.refine()
    before = work.logits(), work.decided(), work.hints(), work.digest
    work.erase(np.add(LINE, (1, 4)), width_px=2)
    work.refine()
    after = work.logits(), work.decided(), work.hints(), work.digest
    work.confirm(Window(0, 0, 20, 20))
    work.undo()
    work.undo()
    for found, expected in zip((work.logits(), work.decided(), work.hints(), work.digest), before, strict=True):
        assert np.array_equal(found, expected)
    assert work.unanswered == ()
    work.redo()
    for found, expected in zip((work.logits(), work.decided(), work.hints(), work.digest), after, strict=True):
        assert np.array_equal(found, expected)
    assert work.can_redo
    work.draw(LINE + 9, width_px=1)
    assert not work.can_redo


def test_tile_by_tile_is_the_same_as_all_at_once():
    """Strokes one by one with an answer to each, or all strokes and then one prediction: the same bytes."""
    lines = [LINE, np.add(LINE, (3, 2)), np.add(LINE[:1], (14, 9)), np.add(LINE, (8, 5))]
    slow, fast = session(), session()
    for line in lines:
        slow.draw(line, width_px=2)
        slow.refine()
        fast.draw(line, width_px=2)
    fast.refine()
    assert slow.logits().tobytes() == fast.logits().tobytes()


def test_a_later_stroke_undoes_nothing_far_from_it_or_against_it():
    """The network contradicts itself with every stroke; what is kept of it follows the strokes."""
    side, tile = 160, 64
    logits = np.random.default_rng(1).normal(0, 3, (side, side)).astype(np.float32)
    grid = TileGrid(side, side, tile, tile // 2)
    said = iter(np.random.default_rng(2).normal(0, 9, (99, tile, tile)).astype(np.float32))
    network = Refiner(predict=lambda _patch: next(said), grid=grid, weights=np.ones((tile, tile)))
    work = RefineSession(raster_from_array(np.stack([logits, logits])), network)
    rows, cols = np.mgrid[:side, :side] + 0.5
    for (x, y), pen in (((40, 40), work.draw), ((60, 44), work.erase), ((100, 120), work.draw), ((50, 60), work.erase)):
        before, standing = work.logits(), work.proposed()
        pen(np.array([[float(x), float(y)]]), width_px=5)
        work.refine()
        after, far = work.logits(), np.hypot(rows - y, cols - x) > 2 * 24 + 3
        assert np.array_equal(after[far], before[far])
        assert np.array_equal(work.proposed()[far], standing[far])
        assert (after >= before).all() if pen == work.draw else (after <= before).all()
        assert (after != before).sum() > 1000


def test_answers_kept_by_another_rule_are_asked_anew():
    work, events = recorded()
    other = RefineSession.resume(events, INPUTS, refiner(keeping=KEEPING["official"]))
    assert other.unanswered
    assert np.array_equal(other.decided(), work.decided())
    assert np.array_equal(other.logits(), LOGITS)
    other.refine()
    assert not np.array_equal(other.logits(), work.logits())


def test_with_hints_in_every_tile_the_blend_is_that_of_a_full_prediction():
    work = RefineSession(INPUTS, refiner(keeping=Keeping()))
    for row in range(1, HEIGHT, 3):
        work.draw(np.array([[0.5, row + 0.5], [WIDTH - 0.5, row + 0.5]]), width_px=1)
    work.refine()
    planes = np.stack([DEPTH, LOGITS, work.hints()]).astype(np.float32)
    padded = np.pad(planes, [(0, 0), (0, TILE), (0, TILE)], mode="reflect")
    sums, whole = np.zeros((2, HEIGHT + TILE, WIDTH + TILE))
    for _, _, window in GRID.windows():
        slices = window.slices()
        sums[slices] += WEIGHTS * contrary(padded[(slice(None), *slices)])
        whole[slices] += WEIGHTS
    inside = GRID.bounds.slices()
    full = sums[inside] / whole[inside]
    assert np.abs(work.logits() - full).max() <= 0.5 / STEPS + 1e-5


def test_without_a_network_strokes_are_constraints_alone():
    work = RefineSession(INPUTS)
    work.draw(LINE, width_px=1)
    assert work.refine() == ()
    assert np.array_equal(work.proposed(), work.mask())
    expected = constrain((1 / (1 + np.exp(-LOGITS.astype(np.float64)))).astype(np.float32), work.hints())
    assert np.allclose(work.probability(), expected, atol=1e-6)
    with pytest.raises(InputError, match="nothing to reject"):
        work.reject(Window(0, 0, 5, 5))


def test_nothing_is_predicted_where_nothing_is_valid_but_a_person_may_decide_there():
    valid = np.zeros((HEIGHT, WIDTH), bool)
    valid[:, 14:] = True
    inputs = raster_from_array(np.stack([DEPTH, LOGITS]), valid=valid)
    work = RefineSession(inputs, refiner(lambda patch: np.full_like(patch[1], 9)))
    work.draw(LINE, width_px=1)
    work.refine()
    drawn = work.hints() != 0
    assert np.array_equal(work.proposed()[~valid], drawn[~valid])
    assert np.array_equal(work.probability()[~valid], drawn[~valid].astype(np.float32))


def test_the_threshold_is_a_probability():
    work = RefineSession(INPUTS, threshold=0.8)
    assert np.array_equal(work.mask(), 1 / (1 + np.exp(-LOGITS.astype(np.float64))) >= 0.8)


def test_what_cannot_be_recorded_has_not_happened():
    def record(event: Event) -> None:
        if event.id == 3:
            raise DataError("the disk is gone")

    work = session(record=record)
    work.draw(LINE, width_px=1)
    work.undo()
    state = work.digest, work.can_undo, work.can_redo, work.decided().tobytes()
    for act in (work.redo, lambda: work.draw(LINE, width_px=1), lambda: work.confirm(Window(0, 0, 2, 2))):
        with pytest.raises(DataError, match="the disk is gone"):
            act()
        assert state == (work.digest, work.can_undo, work.can_redo, work.decided().tobytes())


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda work: work.undo(), "nothing to undo"),
        (lambda work: work.redo(), "nothing to redo"),
        (lambda work: work.draw(LINE + 100, width_px=1), "beside the image of 28 x 20 px"),
        (lambda work: work.draw(LINE, width_px=-1), "width of a stroke"),
        (lambda work: work.confirm(Window(30, 0, 2, 2)), "region lies beside the image"),
        (lambda work: work.confirm("0123"), "not asked about a stroke '0123'"),
        (lambda work: work.reject(Window(0, 0, 4, 4)), "nothing to reject"),
        (lambda work: work.mask(Window(0, 0, 21, 4)), "reaches beyond the image"),
        (
            lambda work: work.take(Stroke(points=LINE, width_px=1, polarity="add", uid="a", class_id=2)),
            "of class 1, got one of class 2",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_no_event(act, message):
    events: list[Event] = []
    work = session(record=events.append)
    with pytest.raises(InputError, match=message):
        act(work)
    assert events == []


def test_a_uid_is_taken_once():
    work = session()
    stroke = Stroke(points=LINE, width_px=1, polarity="add", uid="a")
    work.take(stroke)
    with pytest.raises(InputError, match="uid 'a' is there already"):
        work.take(stroke)
    work.undo()
    assert work.take(stroke).n_written == 6


def test_tiles_must_be_for_the_image():
    with pytest.raises(MismatchError, match="for 8 x 8 px, the image has 20 x 28"):
        RefineSession(INPUTS, refiner(grid=TileGrid(8, 8, TILE, 4)))


def recorded(**options: Any) -> tuple[RefineSession, list[Event]]:
    events: list[Event] = []
    work = session(record=events.append, **options)
    work.draw(LINE, width_px=1)
    work.refine()
    work.confirm(Window(4, 4, 5, 5))
    work.erase(LINE + 5, width_px=2)
    work.refine()
    work.undo()
    work.redo()
    return work, events


def test_events_say_who_did_what():
    work, events = recorded()
    first, answer = events[0], events[1]
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert (first.agent.kind, first.agent.name, first.action) == ("person", "Ada", "create")
    assert first.uid == work.strokes.strokes[0].uid
    assert (answer.agent.kind, answer.agent.name, answer.model_sha256) == ("software", "contrary", "f" * 64)
    assert all((event.before == event.after) == (event.action == "refine") for event in events)
    assert all(later.before == earlier.after for earlier, later in pairwise(events))
    assert [Event.from_dict(event.to_dict()) for event in events] == events


def test_events_without_answers_are_asked_again_and_compared():
    work, events = recorded(keep_answers=False)
    again = RefineSession.resume(events, INPUTS, refiner())
    assert again.logits().tobytes() == work.logits().tobytes()
    with pytest.raises(MismatchError, match="answers otherwise for tile"):
        RefineSession.resume(events, INPUTS, refiner(lambda patch: contrary(patch) + 0.1))
    other = RefineSession.resume(events, INPUTS, refiner(lambda patch: contrary(patch) + 0.1, sha256="another"))
    assert other.decided().tobytes() == work.decided().tobytes()
    assert other.unanswered


def test_another_model_is_asked_anew_and_its_answers_replace_those_before():
    _, events = recorded()
    other = RefineSession.resume(events, INPUTS, refiner(lambda patch: patch[1] + 1, sha256="another"))
    decided = other.decided()
    assert other.unanswered
    other.refine()
    assert other.unanswered == ()
    fresh = RefineSession(INPUTS, refiner(lambda patch: patch[1] + 1))
    for stroke in other.strokes:
        fresh.take(stroke)
    fresh.refine()
    assert np.array_equal(other.logits(), fresh.logits())
    assert np.array_equal(other.decided(), decided)


def test_decisions_come_back_without_image_or_network():
    work, events = recorded()
    state = RefineState(height=HEIGHT, width=WIDTH, grid=None)
    replay(events, state)
    assert state.decided.tobytes() == work.decided().tobytes()
    assert state.hints.tobytes() == work.hints().tobytes()
    assert state.digest == work.digest


@pytest.mark.parametrize("index", [0, 1, 3])
def test_a_journal_with_a_missing_event_is_refused(index):
    _, events = recorded()
    del events[index]
    with pytest.raises(DataError, match=f"event {index + 1} of the journal is missing"):
        RefineSession.resume(events, INPUTS, refiner())


def test_a_journal_that_was_altered_is_refused():
    _, events = recorded()
    moved = {**events[0].parameters, "width_px": 5.0}
    with pytest.raises(DataError, match="event 1 of the journal does not lead where it led"):
        RefineSession.resume([replace(events[0], parameters=moved)], INPUTS, refiner())
    swapped = {**events[1].parameters, "data": events[2].parameters["data"]}
    with pytest.raises(DataError, match="does not have its hash"):
        RefineSession.resume([events[0], replace(events[1], parameters=swapped)], INPUTS, refiner())
    with pytest.raises(DataError, match="does not follow"):
        RefineSession.resume([replace(events[0], before="0")], INPUTS, refiner())


@pytest.mark.parametrize(
    ("index", "changes"),
    [
        (0, {"points": [[0, "x"]]}),
        (0, {"points": None}),
        (0, {"polarity": ["add"]}),
        (0, {"class_id": "one"}),
        (0, {"colour": "red"}),
        (1, {"tile": ["a", 1]}),
        (1, {"tile": None}),
        (1, {"hints": "0" * 64}),
        (1, {"data": 5}),
        (1, {"data": "AAAA"}),
        (-1, {"window": [0, 0, 5, 1000]}),
        (-1, {"window": "all"}),
        (-1, {"values": None}),
    ],
)
def test_an_event_of_another_make_is_refused_in_one_line(index, changes):
    _, events = recorded()
    until = [event.action for event in events].index("confirm") + 1
    kept = events[:until]
    kept[index] = replace(kept[index], parameters={**kept[index].parameters, **changes})
    with pytest.raises(DataError, match=r"journal|packed array"):
        RefineSession.resume(kept, INPUTS, refiner())


@pytest.mark.parametrize(
    "changes", [{"action": "paint"}, {"agent": "Ada"}, {"agent": {"kind": "ghost"}}, {"id": "1"}, {"more": 1}]
)
def test_facts_that_are_no_event_are_refused(changes):
    _, events = recorded()
    with pytest.raises(DataError, match="of a journal"):
        Event.from_dict(events[0].to_dict() | changes)


def test_constraints_on_a_probability_of_any_kind():
    hints = np.array([[1, 0, -1]], np.int8)
    assert constrain(np.array([[0.2, 0.3, 0.4]], np.float32), hints).tolist() == [[1, np.float32(0.3), 0]]
    assert constrain(np.array([[1, 2, 3]], np.uint8), hints).tolist() == [[255, 2, 0]]
    with pytest.raises(InputError, match="got int64"):
        constrain(np.array([[1, 2, 3]]), hints)  # type: ignore[type-var]  # refused on purpose
    with pytest.raises(MismatchError, match=r"\(1, 3\), got \(1, 2\)"):
        constrain(np.zeros((1, 2), np.float32), hints)
