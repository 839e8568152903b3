"""What a person has decided and what a network has answered: a pure function of the events so far.

Two maps of int8 hold what the person said. `decided` binds every mask: strokes and decisions write it, and whoever was
first keeps a pixel, unless a stroke is marked as an override. `hints` holds strokes alone and is what the network sees;
where it is not 0 it equals `decided`. No answer of a network writes either of them. What it says is kept by
`graven.refine.answers`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError, DefectError, InputError
from graven.refine.answers import Answer, Answers, read_answer
from graven.refine.drawing import draw_stroke, stroke_window
from graven.refine.events import stroke_from_parameters, window_from_list
from graven.refine.packing import pack, unpack
from graven.types import StrokeSet, Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from graven.refine.events import Action
    from graven.refine.keeping import Keeping
    from graven.refine.local import Tile
    from graven.types import Stroke, TileGrid

__all__ = ["Act", "RefineState", "Step"]


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a person did, with both sides of it, so that it can be undone and redone.

    Attributes
    ----------
    event_id : int
        The event that did it first.
    stroke : Stroke or None
        What was drawn.
    window : Window
        Where pixels may differ.
    before, after : str
        Both maps inside the window, (2, h, w), packed.
    digest_before, digest_after : str
        Of all that was decided.
    n_written, n_kept : int
        Pixels that it decided, and pixels that it left as they had been decided before.
    tiles : tuple of Tile
        Tiles that saw their hints change.
    """

    event_id: int
    stroke: Stroke | None
    window: Window
    before: str
    after: str
    digest_before: str
    digest_after: str
    n_written: int
    n_kept: int
    tiles: tuple[Tile, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A change that was worked out and not made yet.

    Attributes
    ----------
    action : str
        As in `graven.refine.events.Event`.
    change : Act or Answer
        What is done, undone, redone or answered.
    after : str
        Digest of what will be decided then.
    """

    action: Action
    change: Act | Answer
    after: str

    def with_answer(self, data: str) -> Step:
        """Give the step with an answer of which its event holds the hash alone."""
        if not isinstance(self.change, Answer):
            raise DefectError(f"a step {self.action!r} has no answer; please report this as a defect")
        return replace(self, change=replace(self.change, data=data))


class RefineState:
    """Decisions, hints and answers of one item.

    Parameters
    ----------
    height, width : int, pixels
        Size of the raster.
    grid : TileGrid or None
        Tiles that are answered; None where there is no network.
    keeping : Keeping or None
        How much of an answer is kept; answers under another rule do not count.
    class_id : int
        Class of the strokes.

    Attributes
    ----------
    decided, hints : ndarray of shape (H, W), int8
        As the head of the module says; not to be changed.
    digest : str
        Of all that was decided, and how it came about: equal digests mean equal maps.
    n_events : int
        Events so far.
    answers : Answers or None
        What tiles have seen, and what was answered; None where there is no network.
    """

    def __init__(
        self, *, height: int, width: int, grid: TileGrid | None, keeping: Keeping | None = None, class_id: int = 1
    ) -> None:
        self.bounds = Window(0, 0, height, width)
        self.class_id = class_id
        self.decided = np.zeros((height, width), np.int8)
        self.hints = np.zeros((height, width), np.int8)
        self.digest = hashlib.sha256(f"graven|{height}|{width}|{class_id}".encode()).hexdigest()
        self.n_events = 0
        self.answers = None if grid is None else Answers(grid, keeping)
        self._done: list[Act] = []
        self._undone: list[Act] = []

    @property
    def strokes(self) -> StrokeSet:
        """The strokes that were not undone, in order."""
        return StrokeSet(tuple(act.stroke for act in self._done if act.stroke is not None))

    @property
    def to_undo(self) -> Act | None:
        """What undo would take back; None at the beginning."""
        return self._done[-1] if self._done else None

    @property
    def to_redo(self) -> Act | None:
        """What redo would do again; None where nothing was undone since the last act."""
        return self._undone[-1] if self._undone else None

    def prepare(self, action: Action, uid: str, parameters: Mapping[str, Any], model_sha256: str | None = None) -> Step:
        """Work out what an event does, without doing it.

        Parameters
        ----------
        action, uid, parameters, model_sha256
            As in `graven.refine.events.Event`.

        Returns
        -------
        Step
            For `commit`.

        Raises
        ------
        InputError
            If a stroke lies beside the raster, is of another class or has the uid of another, or there is nothing to
            undo or redo.
        DataError
            If parameters are not what this action needs.
        """
        if action == "refine":
            read = read_answer if self.answers is None else self.answers.read
            return Step(action, read(uid, parameters, model_sha256), self.digest)
        if action in ("undo", "redo"):
            return self._back_or_forth(action, uid)
        if action in ("create", "import"):
            act = self._draw(stroke_from_parameters(uid, parameters))
        else:
            act = self._decide(parameters)
        return Step(action, act, act.digest_after)

    def commit(self, step: Step) -> None:
        """Do what was worked out; nothing may have happened in between."""
        self.n_events += 1
        self.digest = step.after
        change = step.change
        if isinstance(change, Answer):
            if self.answers is not None:
                self.answers.add(change)
        elif step.action == "undo":
            self._undone.append(self._done.pop())
            self._write(change.window, change.before)
            if self.answers is not None:
                self.answers.forget(change.tiles)
        else:
            self._write(change.window, change.after)
            self._done.append(replace(change, tiles=self._look(change)))
            if step.action == "redo":
                self._undone.pop()
            else:
                self._undone.clear()

    def tiles_of(self, uid: str) -> tuple[Tile, ...]:
        """Give the tiles that saw their hints change with a stroke; none where there is no such stroke."""
        return next((act.tiles for act in self._done if act.stroke is not None and act.stroke.uid == uid), ())

    def _draw(self, stroke: Stroke) -> Act:
        if stroke.class_id != self.class_id:
            raise InputError(f"strokes here are of class {self.class_id}, got one of class {stroke.class_id}")
        if any(act.stroke is not None and act.stroke.uid == stroke.uid for act in self._done):
            raise InputError(f"a stroke with the uid {stroke.uid!r} is there already; give each one its own")
        window = stroke_window(stroke, self.bounds)
        drawn = draw_stroke(stroke, window)
        if not drawn.any():
            raise InputError(
                f"the stroke lies beside the image of {self.bounds.width} x {self.bounds.height} px; its box is "
                f"{tuple(round(value, 1) for value in stroke.bounds_px)}"
            )
        values = np.where(drawn, np.int8(stroke.sign), np.int8(0))
        return self._act(window, values, stroke=stroke)

    def _decide(self, parameters: Mapping[str, Any]) -> Act:
        window = window_from_list(parameters.get("window"), bounds=self.bounds)
        values = unpack(str(parameters.get("values")), (window.height, window.width), np.int8)
        if values.min() < -1 or values.max() > 1:
            raise DataError("a decision of a journal must hold -1, 0 and 1 only; restore the file")
        return self._act(window, values, stroke=None)

    def _act(self, window: Window, values: NDArray[np.int8], *, stroke: Stroke | None) -> Act:
        """Work out what values do to the maps, where the person may still decide."""
        slices = window.slices()
        before = np.stack([self.decided[slices], self.hints[slices]])
        is_free = (before[0] == 0) | (stroke is not None and stroke.override)
        written = (values != 0) & is_free
        after = before.copy()
        after[0][written] = values[written]
        if stroke is not None:
            after[1][written] = values[written]
        digest = hashlib.sha256(f"{self.digest}|{window}|{'' if stroke is None else stroke.uid}|".encode())
        digest.update(after.tobytes())
        return Act(
            event_id=self.n_events + 1,
            stroke=stroke,
            window=window,
            before=pack(before),
            after=pack(after),
            digest_before=self.digest,
            digest_after=digest.hexdigest(),
            n_written=int(written.sum()),
            n_kept=int(np.count_nonzero(values) - written.sum()),
        )

    def _back_or_forth(self, action: Action, uid: str) -> Step:
        act = self.to_undo if action == "undo" else self.to_redo
        if act is None:
            raise InputError(f"there is nothing to {action}")
        if uid != str(act.event_id):
            raise DataError(f"the journal says to {action} event {uid}, but it is the turn of {act.event_id}")
        # A digest tells how the maps came about, so the same strokes give the same one again.
        return Step(action, act, act.digest_before if action == "undo" else act.digest_after)

    def _write(self, window: Window, packed: str) -> None:
        slices = window.slices()
        self.decided[slices], self.hints[slices] = unpack(packed, (2, window.height, window.width), np.int8)

    def _look(self, act: Act) -> tuple[Tile, ...]:
        """Let the tiles near a stroke see it; give those that see something new."""
        if self.answers is None or act.stroke is None or not act.n_written:
            return ()
        return self.answers.look(self.hints, act.window)
