"""What a network was asked about tiles, and what was kept of its answers.

A tile sees strokes one after the other, and the network answers to each in turn, whether it is asked at once or later:
what is kept of an answer depends on the one before. An answer therefore belongs to a tile and to all the hints that led
to it, in order. Of a tile, the answer to the longest run of present strokes that was answered counts, so undo brings
back what was proposed before.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError, DefectError
from graven.refine.local import Tile, Turn, read_mirrored, tiles_seeing
from graven.refine.packing import array_sha256, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from graven.refine.keeping import Keeping
    from graven.types import TileGrid, Window

__all__ = ["Answer", "Answers", "read_answer"]

_N_UNPACKED = 64  # answers that are looked at again and again while a person works in one place


@dataclass(frozen=True, slots=True)
class Answer:
    """What was kept of a network's answer for a tile; packed, because most answers are looked at once.

    Attributes
    ----------
    tile : Tile
        Which tile.
    hints : str
        Hash of the hints that the network saw, and of those before them.
    sha256 : str
        Hash of the change that `graven.refine.local.answer_tile` gave.
    data : str or None
        The change as `graven.refine.packing.pack` writes it; None where only its hash was kept.
    model_sha256 : str or None
        Which model said it.
    """

    tile: Tile
    hints: str
    sha256: str
    data: str | None
    model_sha256: str | None


@dataclass(frozen=True, slots=True)
class _Sight:
    """The hints of a tile after a stroke, packed, and the hash of all that it saw until then."""

    hash: str
    hints: str


class Answers:
    """Hints that tiles have seen, and answers to them.

    Parameters
    ----------
    grid : TileGrid
        Tiles that are answered.
    keeping : Keeping or None
        How much of an answer is kept; answers under another rule do not count.
    """

    def __init__(self, grid: TileGrid, keeping: Keeping | None) -> None:
        self._grid = grid
        self._rule = None if keeping is None else keeping.to_dict()
        self._seen: dict[Tile, list[_Sight]] = {}
        self._answers: dict[tuple[Tile, str], Answer] = {}

    def look(self, hints: NDArray[np.int8], window: Window) -> tuple[Tile, ...]:
        """Note what tiles see now.

        Parameters
        ----------
        hints : ndarray of shape (H, W), int8
            Hint map of the raster.
        window : Window
            Where it has changed.

        Returns
        -------
        tuple of Tile
            Those that see something new, for `forget`.
        """
        changed = []
        for tile in tiles_seeing(self._grid, window):
            seen = self._seen.get(tile, [])
            cut = read_mirrored(hints, self._grid.window(*tile))
            if np.array_equal(cut, self._hints_at(tile, len(seen) - 1)):
                continue
            before = seen[-1].hash if seen else ""
            sight = _Sight(hashlib.sha256(f"{before}|{array_sha256(cut)}".encode()).hexdigest(), pack(cut))
            self._seen[tile] = [*seen, sight]
            changed.append(tile)
        return tuple(changed)

    def forget(self, tiles: tuple[Tile, ...]) -> None:
        """Take back the last look of tiles; answers are kept for when they see the same again."""
        for tile in tiles:
            self._seen[tile].pop()

    def unanswered(self, model_sha256: str | None) -> list[Tile]:
        """List tiles with strokes of which a model has not said what it thinks of them, row by row."""
        return [tile for tile in sorted(self._seen) if self.next_hints(tile, model_sha256) is not None]

    def next_hints(self, tile: Tile, model_sha256: str | None) -> str | None:
        """Give the hash of the first hints of a tile to which a model has not answered; None where it has to all."""
        for sight in self._seen.get(tile, ()):
            answer = self._answers.get((tile, sight.hash))
            if answer is None or answer.model_sha256 != model_sha256:
                return sight.hash
        return None

    def has_seen(self, tile: Tile, hints: str) -> bool:
        """Tell whether present strokes have led to hints in a tile of which the hash is given."""
        return any(sight.hash == hints for sight in self._seen.get(tile, ()))

    def turn(self, tile: Tile, hints: str) -> Turn:
        """Give what a network is to answer to.

        Parameters
        ----------
        tile : Tile
            Which tile.
        hints : str
            Hash of the hints, as `next_hints` gives it.

        Returns
        -------
        Turn
            These hints, those of them that are new, and what was kept of the answer before.
        """
        seen = self._seen[tile]
        index = [sight.hash for sight in seen].index(hints)
        now = self._hints_at(tile, index)
        stroke = np.where(now != self._hints_at(tile, index - 1), now, np.int8(0))
        before = self._answers.get((tile, seen[index - 1].hash)) if index else None
        return Turn(now, stroke, self._change(before))

    def change_of(self, tile: Tile) -> NDArray[np.int16] | None:
        """Give what counts for a tile, as a change of the initial logits in steps; None where it was not answered."""
        for sight in reversed(self._seen.get(tile, ())):
            if (tile, sight.hash) in self._answers:
                return self._change(self._answers[tile, sight.hash])
        return None

    def add(self, answer: Answer) -> None:
        """Take an answer over; one of which only the hash was kept says nothing."""
        if answer.data is not None:
            self._answers[answer.tile, answer.hints] = answer

    def read(self, uid: str, parameters: Mapping[str, Any], model_sha256: str | None) -> Answer:
        """Read an answer from the parameters of an event.

        Parameters
        ----------
        uid : str
            Of the event, for messages.
        parameters : mapping
            As `graven.refine.session.RefineSession` writes them.
        model_sha256 : str or None
            Which model said it.

        Returns
        -------
        Answer
            Without data where it is one for other tiles, or was kept by another rule.

        Raises
        ------
        DataError
            If something is missing or altered, or the present strokes do not lead to the hints that were seen.
        """
        answer = read_answer(uid, parameters, model_sha256)
        tiles = [self._grid.tile_px, self._grid.overlap_px]
        if (parameters.get("grid"), parameters.get("keeping")) != (tiles, self._rule):
            return replace(answer, data=None)
        if not self.has_seen(answer.tile, answer.hints):
            raise DataError(f"the answer for tile {uid} of a journal is one to other strokes; restore the file")
        side = self._grid.tile_px
        if answer.data is not None and array_sha256(unpack(answer.data, (side, side), np.int16)) != answer.sha256:
            raise DataError(f"the answer for tile {uid} of a journal does not have its hash; restore the file")
        return answer

    def _hints_at(self, tile: Tile, index: int) -> NDArray[np.int8]:
        """Give the hints of a tile after its stroke of that index; none before the first."""
        side = self._grid.tile_px
        if index < 0:
            return np.zeros((side, side), np.int8)
        return unpack(self._seen[tile][index].hints, (side, side), np.int8)

    def _change(self, answer: Answer | None) -> NDArray[np.int16]:
        side = self._grid.tile_px
        if answer is None:
            return np.zeros((side, side), np.int16)
        if answer.data is None:
            raise DefectError(f"an answer for tile {answer.tile} is kept without data; please report this as a defect")
        return _unpacked(answer.data, side)


def read_answer(uid: str, parameters: Mapping[str, Any], model_sha256: str | None) -> Answer:
    """Read an answer, whatever it is one to; `Answers.read` also compares it with what was seen.

    Raises
    ------
    DataError
        If something is missing or of another kind.
    """
    tile, data = parameters.get("tile"), parameters.get("data")
    texts = [parameters.get("hints"), parameters.get("answer"), "" if data is None else data]
    is_tile = isinstance(tile, list) and len(tile) == 2 and all(type(index) is int for index in tile)
    if not is_tile or not all(isinstance(text, str) for text in texts):
        raise DataError(f"the answer for tile {uid} of a journal lacks its tile, hints or hash; restore the file")
    row, col = parameters["tile"]
    return Answer((row, col), parameters["hints"], parameters["answer"], data, model_sha256)


@lru_cache(maxsize=_N_UNPACKED)
def _unpacked(data: str, side: int) -> NDArray[np.int16]:
    change: NDArray[np.int16] = unpack(data, (side, side), np.int16)
    change.flags.writeable = False
    return change
