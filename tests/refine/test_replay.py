"""Random scripts of a person, a network and crashes, against a model that computes everything from the beginning.

The model keeps one hint map and one map of decisions per act, and looks through them; the session keeps patches and
digests. After every event both must hold the same bytes. A crash cuts the journal at any byte; what is left of it must
bring back the state after its last whole line.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from numpy.typing import NDArray

from graven.errors import InputError
from graven.io import seam
from graven.io.journalfile import JournalFile
from graven.refine.events import Event
from graven.refine.journal import replay
from graven.refine.keeping import Keeping, keep
from graven.refine.local import STEPS, Refiner
from graven.refine.session import RefineSession
from graven.refine.state import RefineState
from graven.types import TileGrid, Window, raster_from_array

HEIGHT, WIDTH, TILE = 13, 17, 8
GRID = TileGrid(HEIGHT, WIDTH, TILE, 4)
FRAMES = {(row, col): window for row, col, window in GRID.windows()}
WEIGHTS = np.outer(np.arange(1, 9) * np.arange(8, 0, -1), np.arange(1, 9) * np.arange(8, 0, -1)) / 400
RNG = np.random.default_rng(5)
PLANES = RNG.normal(size=(2, HEIGHT, WIDTH)).astype(np.float32)
VALID = np.ones((HEIGHT, WIDTH), bool)
VALID[3:6, 10:14] = False
INPUTS = raster_from_array(PLANES, valid=VALID)
HEAD = {"height": HEIGHT, "width": WIDTH, "tile_px": TILE}
COLS, ROWS = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)


def contrary(patch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Contradict every hint, and change its mind far from it with every new one."""
    return (3 * np.sin(7 * patch[0] + patch[2].sum()) - 6 * patch[2]).astype(np.float32)


RULE = Keeping(follows_polarity=True, reach_px=3)
"""As that of graven, but within tiles of 8 px."""

REFINER = Refiner(
    predict=contrary, grid=GRID, weights=WEIGHTS, name="contrary", version="1", sha256="f" * 64, keeping=RULE
)


def seen_by(tile: tuple[int, int], values: NDArray[Any]) -> NDArray[Any]:
    wide = [(0, 0)] * (values.ndim - 2) + [(0, TILE), (0, TILE)]
    return np.pad(values, wide, mode="reflect")[(..., *FRAMES[tile].slices())]


@dataclass(frozen=True)
class Model:
    """Maps before the first act and after each with the uid of its stroke, what was undone, and what was answered."""

    decided: tuple[NDArray[np.int8], ...] = (np.zeros((HEIGHT, WIDTH), np.int8),)
    hints: tuple[NDArray[np.int8], ...] = (np.zeros((HEIGHT, WIDTH), np.int8),)
    uids: tuple[str, ...] = ("",)
    undone: tuple[tuple[NDArray[np.int8], NDArray[np.int8], str], ...] = ()
    answered: dict[Any, NDArray[np.int16]] = field(default_factory=dict)

    def act(self, values: NDArray[np.int8], *, uid: str = "", override: bool = False) -> Model:
        free = values.astype(bool) & (override | (self.decided[-1] == 0))
        decided = np.where(free, values, self.decided[-1])
        return self._then(decided, np.where(free, values, self.hints[-1]) if uid else self.hints[-1], uid, ())

    def undo(self) -> Model:
        taken = (*self.undone, (self.decided[-1], self.hints[-1], self.uids[-1]))
        kept = {"decided": self.decided[:-1], "hints": self.hints[:-1], "uids": self.uids[:-1]}
        return replace(self, **kept, undone=taken)

    def redo(self) -> Model:
        return self._then(*self.undone[-1], self.undone[:-1])

    def _then(self, decided: NDArray[np.int8], hints: NDArray[np.int8], uid: str, undone: Any) -> Model:
        maps = {"decided": (*self.decided, decided), "hints": (*self.hints, hints)}
        return replace(self, **maps, uids=(*self.uids, uid), undone=undone)

    def answer(self, tile: tuple[int, int]) -> Model:
        """Answer to the first stroke in a tile that was not answered, on top of the answers before."""
        chain = self.chain(tile)
        n = next(n for n in range(1, len(chain)) if (tile, tuple(chain[: n + 1])) not in self.answered)
        hints, before = (np.frombuffer(chain[k], np.int8).reshape(TILE, TILE) for k in (n, n - 1))
        planes = seen_by(tile, PLANES)
        earlier = planes[1] + self.answered.get((tile, tuple(chain[:n])), np.int16(0)) / np.float32(STEPS)
        said = contrary(np.concatenate([planes, hints[None].astype(np.float32)]))
        kept = keep(earlier, said, np.where(hints != before, hints, np.int8(0)), RULE)
        change = np.rint((kept - planes[1]) * STEPS).astype(np.int16)
        return replace(self, answered={**self.answered, (tile, tuple(chain[: n + 1])): change})

    def chain(self, tile: tuple[int, int]) -> list[bytes]:
        """All that a tile has seen of the present strokes, nothing first."""
        seen = [seen_by(tile, hints).tobytes() for hints in self.hints]
        return [hints for k, hints in enumerate(seen) if k == 0 or hints != seen[k - 1]]

    def open_tiles(self) -> list[tuple[int, int]]:
        chains = {tile: self.chain(tile) for tile in FRAMES}
        return [tile for tile, chain in chains.items() if len(chain) > 1 and (tile, tuple(chain)) not in self.answered]

    def logits(self) -> NDArray[np.float32]:
        sums, whole = np.zeros((2, HEIGHT, WIDTH))
        for tile, frame in FRAMES.items():
            inside = frame.intersection(GRID.bounds)
            part, there = inside.slices(), inside.relative_to(frame).slices()
            chain = self.chain(tile)
            keys = [(tile, tuple(chain[:n])) for n in range(len(chain), 1, -1)]
            change = next((self.answered[key] for key in keys if key in self.answered), None)
            whole[part] += WEIGHTS[there]
            if change is not None:
                sums[part] += WEIGHTS[there] * (change[there] / STEPS)
        return PLANES[1] + (sums / whole).astype(np.float32)

    def masks(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        decided = self.decided[-1]
        standing, proposed = (
            np.where(decided == 0, (logits >= 0) & VALID, decided == 1) for logits in (PLANES[1], self.logits())
        )
        return standing, proposed


coordinates = st.integers(-2, 36).map(lambda value: value / 2)
lines = st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=3).map(np.array)
windows = st.builds(Window, st.integers(-3, HEIGHT), st.integers(-3, WIDTH), st.integers(1, 12), st.integers(1, 12))


def drawn(points: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    """Pixels whose centre is nearer to a line than the radius, one segment after the other."""
    nearest = np.full(COLS.shape, np.inf)
    ends = points[1:] if len(points) > 1 else points
    for (ax, ay), (bx, by) in zip(points, ends, strict=False):
        long = (bx - ax) ** 2 + (by - ay) ** 2
        share = np.clip(((COLS - ax) * (bx - ax) + (ROWS - ay) * (by - ay)) / (long or 1), 0, 1)
        nearest = np.minimum(nearest, np.hypot(COLS - ax - share * (bx - ax), ROWS - ay - share * (by - ay)))
    return nearest < radius


class Journey(RuleBasedStateMachine):
    """A person, a network, and a machine that may die at any byte."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "journal.jsonl"
        self.models = [Model()]
        self.journal = JournalFile(self.path, HEAD, resume=False)
        self.work = RefineSession(INPUTS, REFINER, record=self._record)

    def _record(self, event: Event) -> None:
        self.journal.add(event.to_dict())

    def _reach(self, model: Model) -> None:
        self.models.append(model)
        self._compare(self.work)

    def _compare(self, work: RefineSession) -> None:
        model = self.models[-1]
        standing, proposed = model.masks()
        assert work.decided().tobytes() == model.decided[-1].tobytes()
        assert work.hints().tobytes() == model.hints[-1].tobytes()
        assert work.logits().tobytes() == model.logits().tobytes()
        assert np.array_equal(work.mask(), standing)
        assert np.array_equal(work.proposed(), proposed)
        assert sorted(work.unanswered) == model.open_tiles()
        assert (work.can_undo, work.can_redo) == (len(model.decided) > 1, bool(model.undone))

    # Squared distances between half pixels are rational, so no centre lies on the border of such a line.
    @rule(
        points=lines,
        width=st.sampled_from([math.pi / 2, math.e, math.pi + 2]),
        erase=st.booleans(),
        override=st.booleans(),
    )
    def draw(self, points: NDArray[np.float64], width: float, erase: bool, override: bool) -> None:
        pixels = drawn(points, width / 2)
        pen = self.work.erase if erase else self.work.draw
        if not pixels.any():
            with pytest.raises(InputError, match="beside the image"):
                pen(points, width_px=width, override=override)
            return
        uid = pen(points, width_px=width, override=override).event.uid
        values = np.where(pixels, np.int8(-1 if erase else 1), np.int8(0))
        self._reach(self.models[-1].act(values, uid=uid, override=override))

    @rule()
    def refine(self) -> None:
        decided, standing = self.work.decided(), self.work.mask()
        for tile in self.models[-1].open_tiles():
            while tile in self.models[-1].open_tiles():
                self.models.append(self.models[-1].answer(tile))
        self.work.refine()
        self._compare(self.work)
        assert np.array_equal(self.work.decided(), decided)
        assert np.array_equal(self.work.mask(), standing)
        proposed, prob = self.work.proposed(), self.work.probability()
        assert (proposed[decided == 1].all(), proposed[decided == -1].any()) == (True, False)
        assert ((prob[decided == 1] == 1).all(), (prob[decided == -1] == 0).all()) == (True, True)

    @rule(window=windows, confirm=st.booleans())
    def decide(self, window: Window, confirm: bool) -> None:
        asked = np.zeros((HEIGHT, WIDTH), bool)
        inside = window.intersection(GRID.bounds)
        if not inside.is_empty:
            asked[inside.slices()] = True
        self._decide(window, asked, confirm=confirm, changes_alone=not confirm)

    @precondition(lambda self: len(self.work.strokes) > 0)
    @rule(which=st.integers(0, 99), confirm=st.booleans())
    def decide_answer(self, which: int, confirm: bool) -> None:
        """Tiles that saw the stroke: those in which its act changed the hints."""
        model = self.models[-1]
        acts = [index for index, uid in enumerate(model.uids) if uid]
        index = acts[which % len(acts)]
        asked = np.zeros((HEIGHT, WIDTH), bool)
        for tile, frame in FRAMES.items():
            before, after = (seen_by(tile, model.hints[at]) for at in (index - 1, index))
            if not np.array_equal(before, after):
                asked[frame.intersection(GRID.bounds).slices()] = True
        self._decide(model.uids[index], asked, confirm=confirm, changes_alone=True)

    def _decide(self, region: Any, asked: NDArray[np.bool_], *, confirm: bool, changes_alone: bool) -> None:
        model = self.models[-1]
        standing, proposed = model.masks()
        if changes_alone:
            asked = asked & (standing != proposed)
        act = self.work.confirm if confirm else self.work.reject
        if not (asked & (model.decided[-1] == 0)).any():
            with pytest.raises(InputError):
                act(region)
            return
        act(region)
        chosen = np.where(proposed if confirm else standing, np.int8(1), np.int8(-1))
        self._reach(model.act(np.where(asked, chosen, np.int8(0))))

    @rule()
    def undo(self) -> None:
        if len(self.models[-1].decided) == 1:
            with pytest.raises(InputError, match="nothing to undo"):
                self.work.undo()
            return
        self.work.undo()
        self._reach(self.models[-1].undo())

    @rule()
    def redo(self) -> None:
        if not self.models[-1].undone:
            with pytest.raises(InputError, match="nothing to redo"):
                self.work.redo()
            return
        self.work.redo()
        self._reach(self.models[-1].redo())

    @rule()
    def replay_decisions_elsewhere(self) -> None:
        """Without image and network."""
        state = RefineState(height=HEIGHT, width=WIDTH, grid=None)
        replay((Event.from_dict(facts) for facts in self.journal.events()), state)
        assert state.decided.tobytes() == self.models[-1].decided[-1].tobytes()
        assert state.hints.tobytes() == self.models[-1].hints[-1].tobytes()
        assert state.digest == self.work.digest

    @rule(share=st.floats(0, 1), recent=st.booleans())
    def crash(self, share: float, recent: bool) -> None:
        """Cut the journal at any byte, or within its last line."""
        self.journal.close()
        content = self.path.read_bytes()
        first = content[:-1].rfind(b"\n") + 1 if recent else 0
        cut = first + round(share * (len(content) - first))
        self.path.write_bytes(content[:cut])
        n_whole = content[:cut].count(b"\n")
        if cut < len(content) and content[cut : cut + 1] == b"\n":
            n_whole += 1  # only the end of the line is missing
        is_torn = content[:cut].rsplit(b"\n", 1)[-1] != b"" and content[cut : cut + 1] != b"\n"
        self.journal = JournalFile(self.path, HEAD, resume=True)
        assert (self.journal.notice is not None) == (is_torn or cut == 0)
        events = [Event.from_dict(facts) for facts in self.journal.events()]
        assert len(events) == max(0, n_whole - 1)
        del self.models[len(events) + 1 :]
        self.work = RefineSession.resume(events, INPUTS, REFINER, record=self._record)
        self._compare(self.work)

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.journal.close()
            self.folder.cleanup()


class WithoutWaiting(seam.FileOperations):
    """Files as they are, but no waiting for the device: what is tested is cut off by hand."""

    def fsync(self, path: Path) -> None:
        """Go on at once."""


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seam, "OPERATIONS", WithoutWaiting())


def test_random_scripts_replay_to_the_same_bytes():
    run_state_machine_as_test(Journey, settings=settings(max_examples=25, stateful_step_count=12, deadline=None))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_thousand_random_scripts_replay_to_the_same_bytes():
    run_state_machine_as_test(Journey, settings=settings(max_examples=2000, stateful_step_count=16, deadline=None))
