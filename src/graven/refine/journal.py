"""From a journal back to the state: every event is done again and must lead where it led before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graven.errors import DataError, InputError, MismatchError
from graven.refine.answers import Answer
from graven.refine.packing import array_sha256, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    from numpy.typing import NDArray

    from graven.refine.events import Event
    from graven.refine.local import Tile, Turn
    from graven.refine.state import RefineState, Step

__all__ = ["replay"]


def replay(
    events: Iterable[Event],
    state: RefineState,
    *,
    answer: Callable[[Tile, Turn], NDArray[np.int16]] | None = None,
    model_sha256: str | None = None,
) -> None:
    """Do the events of a journal again.

    Parameters
    ----------
    events : iterable of Event
        All of them from the first, in order; or, for a state that has seen some, those that follow.
    state : RefineState
        Where to begin; changed in place.
    answer : callable, optional
        Asks the network about a stroke in a tile. Answers of which the journal holds only the hash are then computed
        again. Without it, or where another model had answered, they are left out: the tile counts as
        unanswered, and what the person decided stays.
    model_sha256 : str, optional
        The model behind `answer`.

    Raises
    ------
    DataError
        If an event is missing, damaged or altered; events before it are done.
    MismatchError
        If the network answers otherwise than it did when the journal was written.

    Notes
    -----
    Strokes and decisions are in the journal with all their pixels, so `decided` and `hints` need neither the network
    nor the image, and are the same bytes wherever the journal is replayed. Proposals are so too where their answers are
    in it, which is the rule.
    """
    for event in events:
        if event.id != state.n_events + 1:
            raise DataError(f"event {state.n_events + 1} of the journal is missing, {event.id} came; restore the file")
        if event.before != state.digest:
            raise DataError(f"event {event.id} of the journal does not follow from those before it; restore the file")
        try:
            step = state.prepare(event.action, event.uid, event.parameters, event.model_sha256)
        except InputError as error:
            raise DataError(f"event {event.id} of the journal cannot be done again: {error}") from error
        if step.after != event.after:
            raise DataError(f"event {event.id} of the journal does not lead where it led before; restore the file")
        state.commit(_recalled(step, event, answer if event.model_sha256 == model_sha256 else None, state))


def _recalled(
    step: Step, event: Event, answer: Callable[[Tile, Turn], NDArray[np.int16]] | None, state: RefineState
) -> Step:
    """Compute an answer again of which only the hash was kept."""
    change = step.change
    if not isinstance(change, Answer) or event.parameters.get("data") is not None or answer is None:
        return step
    if state.answers is None or not state.answers.has_seen(change.tile, change.hints):
        return step  # of other tiles than are asked now
    kept = answer(change.tile, state.answers.turn(change.tile, change.hints))
    if array_sha256(kept) != change.sha256:
        raise MismatchError(
            f"the model answers otherwise for tile {event.uid} than when event {event.id} was written; use the machine "
            "and the engine of that day, or replay without the model and ask it anew"
        )
    return step.with_answer(pack(kept))
