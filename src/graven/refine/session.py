"""A person and a network at work on one mask: strokes, proposals, decisions, undo; a plain object.

The mask that stands (`Masks.mask`) is the initial prediction with everything that the person decided written
into it. The network is asked about the tiles that a stroke touches, and what is kept of its answers
(`graven.refine.keeping`) are **proposals**: they show in `Masks.proposed`, never in the mask, and nowhere where the
person has decided. To `confirm` makes a proposal, or a region as it is, part of the decisions; to `reject` decides that
pixels stay as they stand.

Everything that happens is an event, handed to `record` before it takes effect. The events alone give the state again
(`RefineSession.resume`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import InputError
from graven.refine.answers import Answer
from graven.refine.events import Agent, Event, stroke_parameters, window_list
from graven.refine.journal import replay
from graven.refine.local import answer_tile
from graven.refine.masks import Masks
from graven.refine.packing import array_sha256, pack
from graven.refine.regions import region_parameter, region_pixels, union_pixels
from graven.types import Stroke, Window
from graven.types.strokes import stroke_uid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from graven.refine.events import Action
    from graven.refine.local import Refiner, Tile, Turn
    from graven.refine.regions import Region
    from graven.refine.state import Step
    from graven.types import Raster
    from graven.types.strokes import Polarity

__all__ = ["Change", "RefineSession"]


@dataclass(frozen=True, slots=True)
class Change:
    """What something came to.

    Attributes
    ----------
    event : Event
        As it was recorded.
    window : Window
        Where masks or proposals may have changed.
    n_written : int
        Pixels that it decided, or of which undo or redo changed the decision.
    n_kept : int
        Pixels of the stroke or region that had been decided before and stay so.
    """

    event: Event
    window: Window
    n_written: int
    n_kept: int


class RefineSession(Masks):
    """One item, one class, one person at a time; what there is to see of it are `Masks`.

    Parameters
    ----------
    inputs : Raster
        What the network sees besides the hints, float32, the initial logits in the last band. Where it is not valid,
        nothing is predicted.
    refiner : Refiner, optional
        The network; without one, strokes and decisions are hard constraints on the initial prediction and no more.
    author : str
        Who works.
    class_id : int, 1 to 254
        Class of the strokes.
    threshold : float, 0 to 1
        Probability from which a pixel counts.
    keep_answers : bool
        Whether events hold the answers of the network, or their hashes alone.
    record : callable, optional
        Told every event before it takes effect; if it raises, nothing has happened.

    Raises
    ------
    MismatchError
        If the tiles of the refiner are for a raster of another size.
    InputError
        If the threshold does not lie between 0 and 1.

    Notes
    -----
    Not for two threads at once. Memory grows with two bytes per pixel that was decided on, and with the answers,
    which are compressed.
    """

    def __init__(
        self,
        inputs: Raster,
        refiner: Refiner | None = None,
        *,
        author: str = "",
        class_id: int = 1,
        threshold: float = 0.5,
        keep_answers: bool = True,
        record: Callable[[Event], None] | None = None,
    ) -> None:
        super().__init__(inputs, refiner, class_id=class_id, threshold=threshold)
        self.author, self.record = author, record
        self._keep_answers = keep_answers

    @classmethod
    def resume(
        cls, events: Iterable[Event], inputs: Raster, refiner: Refiner | None = None, **options: Any
    ) -> RefineSession:
        """Continue where a journal ends.

        Parameters
        ----------
        events : iterable of Event
            All events of the journal.
        inputs, refiner, **options
            As for `RefineSession`.

        Returns
        -------
        RefineSession
            In the state after the last event; its masks are the same bytes.

        Raises
        ------
        DataError, MismatchError
            As in `graven.refine.journal.replay`.
        """
        session = cls(inputs, refiner, **options)
        if refiner is None:
            replay(events, session._state)
            return session

        def answer(tile: Tile, turn: Turn) -> NDArray[np.int16]:
            return answer_tile(refiner, inputs, tile, turn)

        replay(events, session._state, answer=answer, model_sha256=refiner.sha256)
        return session

    @property
    def can_undo(self) -> bool:
        """Whether there is something to take back."""
        return self._state.to_undo is not None

    @property
    def can_redo(self) -> bool:
        """Whether there is something to do again."""
        return self._state.to_redo is not None

    def draw(self, points: NDArray[np.float64], *, width_px: float, override: bool = False) -> Change:
        """Say that something is there.

        Parameters
        ----------
        points : ndarray of shape (N, 2), float64, pixels
            The line, as in `Stroke`.
        width_px : float, pixels, > 0
            Its width.
        override : bool
            Also change pixels that were decided before.

        Returns
        -------
        Change
            What it came to.

        Raises
        ------
        InputError
            If it is no stroke, or lies beside the image.
        """
        return self._pen(points, width_px, "add", override=override)

    def erase(self, points: NDArray[np.float64], *, width_px: float, override: bool = False) -> Change:
        """Say that nothing is there; everything else as in `draw`."""
        return self._pen(points, width_px, "erase", override=override)

    def take(self, stroke: Stroke) -> Change:
        """Take over a stroke that was drawn elsewhere.

        Parameters
        ----------
        stroke : Stroke
            With a uid that no present stroke has.

        Returns
        -------
        Change
            What it came to.

        Raises
        ------
        InputError
            If it lies beside the image, is of another class, or its uid is taken.
        """
        return self._happen("import", stroke.uid, stroke_parameters(stroke))

    def refine(self) -> tuple[Window, ...]:
        """Ask the network about every stroke that it has not seen, one after the other, in all tiles that see it.

        Returns
        -------
        tuple of Window
            Parts of the raster where proposals may have changed; empty without a refiner.

        Raises
        ------
        DataError
            If its answer is none; what was answered before stays.
        """
        refiner, answers = self.refiner, self._state.answers
        if refiner is None or answers is None:
            return ()
        windows = []
        for tile in answers.unanswered(refiner.sha256):
            while (hints := answers.next_hints(tile, refiner.sha256)) is not None:
                self._ask(refiner, tile, hints, answers.turn(tile, hints))
            windows.append(refiner.grid.window(*tile).intersection(self.bounds))
        return tuple(windows)

    def confirm(self, region: Region) -> Change:
        """Decide that it is as proposed.

        Parameters
        ----------
        region : Window, ndarray of shape (N, 2), or str
            A rectangle or a polygon ``(x, y)`` in pixels: all of it, engraved or not, is decided. The uid of a stroke:
            what the network proposes to change in the tiles that see this stroke is decided, and nothing else.

        Returns
        -------
        Change
            What it came to.

        Raises
        ------
        InputError
            If there is no such region or stroke, or nothing in it to decide.
        """
        window, asked = self._pixels(region)
        proposed = self.proposed(window)
        if isinstance(region, str):
            asked &= proposed != self.mask(window)
        values = np.where(asked, np.where(proposed, np.int8(1), np.int8(-1)), np.int8(0))
        return self._decide("confirm", region, window, values)

    def reject(self, region: Region) -> Change:
        """Decide that what the network proposes to change stays as it stands.

        Parameters
        ----------
        region : Window, ndarray of shape (N, 2), or str
            As in `confirm`. Only pixels that a proposal would change are decided.

        Returns
        -------
        Change
            What it came to.

        Raises
        ------
        InputError
            If there is no such region or stroke, or nothing is proposed in it.
        """
        window, asked = self._pixels(region)
        standing = self.mask(window)
        asked &= self.proposed(window) != standing
        values = np.where(asked, np.where(standing, np.int8(1), np.int8(-1)), np.int8(0))
        return self._decide("reject", region, window, values)

    def undo(self) -> Change:
        """Take back the last stroke or decision, and with it what the network proposed to it.

        Raises
        ------
        InputError
            If there is nothing to undo.
        """
        act = self._state.to_undo
        return self._happen("undo", "" if act is None else str(act.event_id), {})

    def redo(self) -> Change:
        """Do again what was taken back last.

        Raises
        ------
        InputError
            If nothing was undone since the last stroke or decision.
        """
        act = self._state.to_redo
        return self._happen("redo", "" if act is None else str(act.event_id), {})

    def _pen(self, points: NDArray[np.float64], width_px: float, polarity: Polarity, *, override: bool) -> Change:
        time = _now()
        uid = stroke_uid(points, width_px=width_px, polarity=polarity, class_id=self._state.class_id, salt=time)
        stroke = Stroke(
            points=points,
            width_px=width_px,
            polarity=polarity,
            uid=uid,
            class_id=self._state.class_id,
            override=override,
            author=self.author,
            time=time,
        )
        return self._happen("create", uid, stroke_parameters(stroke))

    def _ask(self, refiner: Refiner, tile: Tile, hints: str, turn: Turn) -> None:
        """Ask about one stroke in one tile."""
        kept = answer_tile(refiner, self.inputs, tile, turn)
        data = pack(kept)
        parameters = {
            "tile": list(tile),
            "grid": [refiner.grid.tile_px, refiner.grid.overlap_px],
            "keeping": refiner.keeping.to_dict(),
            "hints": hints,
            "answer": array_sha256(kept),
            "data": data if self._keep_answers else None,
        }
        self._happen("refine", f"{tile[0]},{tile[1]}", parameters, data=data)

    def _decide(self, action: Action, region: Region, window: Window, values: NDArray[np.int8]) -> Change:
        if not (values[self._state.decided[window.slices()] == 0]).any():
            raise InputError(
                f"there is nothing to {action} in this region: nothing is proposed there, or all is decided"
            )
        parameters = {"region": region_parameter(region), "window": window_list(window), "values": pack(values)}
        return self._happen(action, "", parameters)

    def _pixels(self, region: Region) -> tuple[Window, NDArray[np.bool_]]:
        if not isinstance(region, str):
            return region_pixels(region, self.bounds)
        tiles = self._state.tiles_of(region)
        if self.refiner is None or not tiles:
            raise InputError(f"the network was not asked about a stroke {region!r}; it may have been undone")
        return union_pixels([self.refiner.grid.window(*tile).intersection(self.bounds) for tile in tiles])

    def _happen(self, action: Action, uid: str, parameters: Mapping[str, Any], *, data: str | None = None) -> Change:
        """Work out, record, do: in this order, so that what was not recorded has not happened."""
        refiner = self.refiner if action == "refine" else None
        sha256 = None if refiner is None else refiner.sha256
        step = self._state.prepare(action, uid, parameters, sha256)
        event = Event(
            id=self._state.n_events + 1,
            time=_now(),
            agent=Agent("person", self.author) if refiner is None else Agent("software", refiner.name, refiner.version),
            action=action,
            uid=uid,
            model_sha256=sha256,
            parameters=parameters,
            before=self._state.digest,
            after=step.after,
        )
        if self.record is not None:
            self.record(event)
        self._state.commit(step if data is None else step.with_answer(data))
        return self._change(event, step)

    def _change(self, event: Event, step: Step) -> Change:
        found = step.change
        if not isinstance(found, Answer):
            return Change(event, found.window, found.n_written, found.n_kept)
        seen = self.bounds if self.refiner is None else self.refiner.grid.window(*found.tile)
        return Change(event, seen.intersection(self.bounds), 0, 0)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
