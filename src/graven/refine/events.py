"""What happens in a refinement, one event after the other, ready for JSON.

A person draws, confirms, rejects, undoes and redoes; a network answers. Every event carries the digest of what the
person has decided before it and after it. An answer of a network leaves that digest alone, because it decides nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import numpy as np

from graven.errors import DataError, InputError
from graven.types import Stroke, Window

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Action",
    "Agent",
    "Event",
    "stroke_from_parameters",
    "stroke_parameters",
    "window_from_list",
    "window_list",
]

Action = Literal["create", "import", "confirm", "reject", "undo", "redo", "refine"]
"""A stroke drawn here, or read from elsewhere; a decision on what is proposed; a step back or forth; an answer."""


@dataclass(frozen=True, slots=True)
class Agent:
    """Who did something.

    Attributes
    ----------
    kind : {"person", "software"}
        Which of the two.
    name : str
        Name of the person, or of the model.
    version : str
        Version of the model.
    """

    kind: Literal["person", "software"]
    name: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of a journal.

    Attributes
    ----------
    id : int, >= 1
        Place in the journal; the order of events is that of their ids, never that of their times.
    time : str
        When, in ISO 8601; for people.
    agent : Agent
        Who.
    action : str
        One of `Action`.
    uid : str
        What it was done to: the uid of a stroke, ``row,col`` of a tile, or the id of the event that is undone or
        redone. Empty for a decision on a region.
    model_sha256 : str or None
        Model that answered.
    parameters : mapping
        Everything that is needed to do it again, JSON-ready.
    before, after : str
        Digest of what the person has decided.
    """

    id: int
    time: str
    agent: Agent
    action: Action
    uid: str
    model_sha256: str | None
    parameters: Mapping[str, Any]
    before: str
    after: str

    def to_dict(self) -> dict[str, Any]:
        """Give the event as plain dictionaries and lists."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)} | {"agent": asdict(self.agent)}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read an event.

        Parameters
        ----------
        facts : mapping
            As `to_dict` gave it.

        Returns
        -------
        Event
            The same.

        Raises
        ------
        DataError
            If something is missing, unknown or of another kind.
        """
        try:
            event = cls(**{**facts, "agent": Agent(**facts["agent"])})
        except (KeyError, TypeError) as error:
            raise DataError(f"an event of a journal is not one of this graven ({_short(error)})") from error
        agent = event.agent
        texts = (event.time, event.uid, event.before, event.after, agent.name, agent.version)
        kinds: list[tuple[object, type]] = [(event.id, int), (event.parameters, dict), *((text, str) for text in texts)]
        is_sound = all(isinstance(value, kind) for value, kind in kinds)
        if not is_sound or event.action not in get_args(Action) or agent.kind not in ("person", "software"):
            raise DataError(f"event {event.id!r} of a journal has an unknown action, or a member of another kind")
        return event


def stroke_parameters(stroke: Stroke) -> dict[str, Any]:
    """Write a stroke without its uid, JSON-ready and without loss."""
    return {
        "points": stroke.points.tolist(),
        "width_px": stroke.width_px,
        "polarity": stroke.polarity,
        "class_id": stroke.class_id,
        "override": stroke.override,
        "author": stroke.author,
        "time": stroke.time,
    }


def stroke_from_parameters(uid: str, parameters: Mapping[str, Any]) -> Stroke:
    """Read a stroke.

    Raises
    ------
    DataError
        If it is none.
    """
    try:
        return Stroke(uid=uid, **{**parameters, "points": np.array(parameters["points"], np.float64)})
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise DataError(f"stroke {uid!r} of a journal is damaged ({_short(error)})") from error


def window_list(window: Window) -> list[int]:
    """Write a window as ``[row, col, height, width]``."""
    return [window.row, window.col, window.height, window.width]


def window_from_list(values: Any, *, bounds: Window) -> Window:
    """Read a window.

    Raises
    ------
    DataError
        If it is none, or does not lie inside `bounds`.
    """
    if not (isinstance(values, list) and len(values) == 4 and all(type(value) is int for value in values)):
        raise DataError(f"a window of a journal must be [row, col, height, width], got {str(values)[:60]}")
    row, col, height, width = values
    if height < 1 or width < 1 or Window(row, col, height, width).intersection(bounds) != Window(*values):
        raise DataError(f"the window {values} of a journal does not lie in {bounds.height} x {bounds.width} px")
    return Window(row, col, height, width)


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
