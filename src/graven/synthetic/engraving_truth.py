"""What a draughtsman can still trace of an engraving, and what is lost.

The truth is the drawing that an ideal draughtsman makes: every line with the width it was cut with, also where it is
worn but can be followed. A point counts as seen where nothing destroyed the surface and at least `SEEN_MM` of the
groove is left, and one and a half times the deviation of the fine texture there. Gaps of up to `GAP_MM` in a line that
is seen on both sides are drawn, as draughtsmen do; pieces shorter than `PIECE_MM` that remain of a longer line are not.
What is worn away, filled or destroyed beyond that is **not** in the mask, and kept apart as lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.synthetic.engraving_cut import Groove

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.synthetic.bronze import Workpiece

__all__ = ["GAP_MM", "PIECE_MM", "SEEN_MM", "clip_line", "split_traceable"]

SEEN_MM = 0.01
GAP_MM = 1.5
PIECE_MM = 0.8


def split_traceable(grooves: Sequence[Groove], piece: Workpiece) -> tuple[list[Groove], list[Groove]]:
    """Split grooves into what can be traced and what is lost.

    Parameters
    ----------
    grooves : sequence of Groove
        As they were cut.
    piece : Workpiece
        Its wear, fill and losses.

    Returns
    -------
    tuple of two list of Groove
        Traceable and lost stretches; together they are the grooves, neighbours share a vertex. What lies wholly outside
        the frame or off the bronze is in neither.
    """
    rows, cols = piece.canvas.shape
    traced: list[Groove] = []
    lost: list[Groove] = []
    for groove in grooves:
        cell = np.floor(groove.points_px).astype(np.int64)
        framed = (cell[:, 0] >= 0) & (cell[:, 1] >= 0) & (cell[:, 0] < cols) & (cell[:, 1] < rows)
        x, y = np.clip(cell[:, 0], 0, cols - 1), np.clip(cell[:, 1], 0, rows - 1)
        on = piece.inside[y, x]
        if not (on & framed).any():
            continue
        left = np.maximum(groove.depths_mm - piece.worn_mm[y, x], 0) * (1 - piece.fill[y, x])
        clear = (left >= np.maximum(SEEN_MM, 1.5 * piece.rough_mm[y, x])) & ~piece.gone[y, x] & on
        seen = _as_drawn(clear, groove, piece.canvas.pixel_size_mm)
        for first, last, drawn in _runs(seen):
            stretch = Groove(
                groove.points_px[first:last],
                groove.widths_px[first:last],
                groove.depths_mm[first:last],
                groove.edge,
                groove.burr,
            )
            (traced if drawn else lost).append(stretch)
    return traced, lost


def _as_drawn(seen: NDArray[np.bool_], groove: Groove, pixel_size_mm: float) -> NDArray[np.bool_]:
    """Close short gaps, then drop what is left of a line as crumbs."""
    step = np.hypot(*np.diff(groove.points_px, axis=0).T) * pixel_size_mm
    along = np.concatenate([[0.0], np.cumsum(step)])
    drawn = seen.copy()
    for value, limit in ((False, GAP_MM), (True, PIECE_MM)):
        edges = np.flatnonzero(np.diff(drawn.astype(np.int8))) + 1
        starts, stops = np.concatenate([[0], edges]), np.concatenate([edges, [len(drawn)]])
        for start, stop in zip(starts, stops, strict=True):
            if drawn[start] != value or (start == 0 and stop == len(drawn)):
                continue
            inner = start > 0 and stop < len(drawn)
            if along[stop - 1] - along[start] <= limit and (value or inner):
                drawn[start:stop] = not value
    return drawn


def _runs(drawn: NDArray[np.bool_]) -> list[tuple[int, int, bool]]:
    """Stretches of vertices of one kind; a seen stretch keeps its vertices, a lost one reaches to its neighbours."""
    edges = np.flatnonzero(np.diff(drawn.astype(np.int8))) + 1
    starts, stops = np.concatenate([[0], edges]), np.concatenate([edges, [len(drawn)]])
    runs = []
    for start, stop in zip(starts, stops, strict=True):
        seen = bool(drawn[start])
        first, last = (int(start), int(stop)) if seen else (max(int(start) - 1, 0), min(int(stop) + 1, len(drawn)))
        if last - first >= 2:
            runs.append((first, last, seen))
    return runs


def clip_line(
    points: NDArray[np.float64], widths: NDArray[np.float64], shape: tuple[int, ...]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Cut a line off at the frame.

    Parameters
    ----------
    points : ndarray of shape (N, 2), float64, pixels
        Vertices (x, y).
    widths : ndarray of shape (N,), float64, pixels
        Width at each.
    shape : tuple of two int
        Height and width of the frame.

    Returns
    -------
    list of (ndarray of shape (M, 2), ndarray of shape (M,))
        The stretches inside, ends on the border interpolated.

    Examples
    --------
    >>> [(line, width)] = clip_line(np.array([[-2.0, 1.0], [2.0, 1.0]]), np.array([1.0, 3.0]), (4, 4))
    >>> line.tolist(), width.tolist()
    ([[0.0, 1.0], [2.0, 1.0]], [2.0, 3.0])
    """
    step = np.diff(points, axis=0)
    still = np.abs(step) < 1e-12
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = -points[:-1] / step, (np.array([shape[1], shape[0]]) - points[:-1]) / step
    inside = (points[:-1] >= 0) & (points[:-1] <= (shape[1], shape[0]))
    enter = np.where(still, np.where(inside, -np.inf, np.inf), np.minimum(low, high)).max(1).clip(0, None)
    leave = np.where(still, np.where(inside, np.inf, -np.inf), np.maximum(low, high)).min(1).clip(None, 1)
    both = np.column_stack([points, widths])
    pieces: list[list[NDArray[np.float64]]] = []
    for number in np.flatnonzero(leave - enter > 1e-9):
        first = both[number] + enter[number] * (both[number + 1] - both[number])
        last = both[number] + leave[number] * (both[number + 1] - both[number])
        if enter[number] > 0 or not pieces or not np.array_equal(pieces[-1][-1], first):
            pieces.append([first])
        pieces[-1].append(last)
    return [(np.array(piece)[:, :2], np.array(piece)[:, 2]) for piece in pieces]
