"""Many lines at once: from staircases of skeleton pixels to smooth centre-lines with exact ends and corners.

All coordinates are in *units*: the side of the square that has the area of a pixel, so that pixels that are not square
are treated rightly; with square pixels a unit is a pixel. Lines are ragged (`graven.kernels.polylines`).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from graven.kernels.polylines import find_corners, line_ends, resample_lines, smooth_lines, trim_lines
from graven.kernels.sections import cross_sections, walk_out

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Lines",
    "Surroundings",
    "centre",
    "even_lines",
    "extend",
    "fit_nodes",
    "normals",
    "split_at_corners",
    "trim",
]

TIP = 0.75
"""Of its width, and a unit more: what is left out of a crack at a free end, where skeletons bend into a corner."""

LEAST_TURN = math.radians(40)
"""A bend that turns by less is part of the line."""

_SKELETON_SIGMA = 1.5  # units; takes out the staircase before corners are looked for
_LEAST_SIGMA, _MOST_SIGMA = 2.5, 5.0  # units; of the final smoothing, which grows with the width
_HAIRLINE = 4.0  # units
_LEAST_LEFT = 3  # points of a line that are left between two discs


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the lines lie in.

    Attributes
    ----------
    mask : ndarray of shape (H, W), uint8, 0 or 1
        The cracks.
    blocked : ndarray of shape (H, W), bool
        Where something else lies or nothing is known.
    size : ndarray of shape (2,), float64
        Width and height of a pixel in units.
    prob : ndarray of shape (H, W), float32, 0 to 1, or None
        Probability that the mask was cut from.
    threshold : float
        Where it was cut.
    """

    mask: NDArray[np.uint8]
    blocked: NDArray[np.bool_]
    size: NDArray[np.float64]
    prob: NDArray[np.float32] | None = None
    threshold: float = 0.5

    def sections(
        self, xy: NDArray[np.float64], direction: NDArray[np.float64], reach: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Walk across the cracks (`graven.kernels.sections.cross_sections`); everything in units."""
        walk = self.blocked, xy / self.size, direction / self.size, reach
        found = cross_sections(self.mask, *walk, 0.5)
        if self.prob is not None:
            exact = cross_sections(self.prob, *walk, self.threshold)[:, :2]
            found[:, :2] = _agreeing(exact, found[:, :2])
        return found

    def walk_out(
        self,
        xy: NDArray[np.float64],
        direction: NDArray[np.float64],
        bend: NDArray[np.float64],
        reach: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Walk along the cracks to their ends (`graven.kernels.sections.walk_out`); everything in units."""
        walk = self.blocked, xy / self.size, direction / self.size, bend / self.size, reach
        found = walk_out(self.mask, *walk, 0.5)
        return found if self.prob is None else _agreeing(walk_out(self.prob, *walk, self.threshold), found)


def _agreeing(exact: NDArray[np.float64], found: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take distances in the probability where they agree with those in the mask to a unit; a mask may be edited."""
    return np.where(np.abs(exact - found) <= 1, exact, found)


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines between nodes.

    Attributes
    ----------
    points : ndarray of shape (P, 3), float64, units
        ``(x, y, local width)``.
    offset : ndarray of shape (K + 1,), int64
        Where lines begin.
    closed : ndarray of shape (K,), bool
        Whether a line is closed; its first point is not repeated.
    start, end : ndarray of shape (K,), int64
        Node at either end.
    crack : ndarray of shape (K,), int64
        The crack that a line is part of; the lines of a crack follow each other.
    """

    points: NDArray[np.float64]
    offset: NDArray[np.int64]
    closed: NDArray[np.bool_]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    crack: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offset) - 1

    @property
    def width(self) -> NDArray[np.float64]:
        """Mean local width of each line."""
        count = np.maximum(np.diff(self.offset), 1)
        return np.bincount(self.owner, weights=self.points[:, 2], minlength=len(self)) / count

    @property
    def owner(self) -> NDArray[np.int64]:
        """The line of each point."""
        return np.repeat(np.arange(len(self)), np.diff(self.offset))


def even_lines(lines: Lines) -> Lines:
    """Take out the staircase and place points one unit apart."""
    sigma = np.full(len(lines), _SKELETON_SIGMA)
    smooth = smooth_lines(lines.points, lines.offset, lines.closed, sigma)
    points, offset = resample_lines(smooth, lines.offset, lines.closed, 1.0)
    return replace(lines, points=points, offset=offset)


def split_at_corners(lines: Lines, smooth: Lines, n_nodes: int) -> tuple[Lines, NDArray[np.int64]]:
    """Split lines where the smooth ones turn at once; each corner gets a node from `n_nodes` on.

    So does each closed line without a corner. Returns the lines and the points that have become nodes.
    """
    width = lines.width
    gap = np.ceil(width / 2 + 2).astype(np.int64)
    arm = np.ceil(np.maximum(width, 6)).astype(np.int64)
    xy = np.ascontiguousarray(smooth.points[:, :2])
    corner = np.flatnonzero(find_corners(xy, lines.offset, lines.closed, gap, arm, LEAST_TURN))
    corners_of = np.split(corner, np.searchsorted(corner, lines.offset[1:-1])) if len(lines) else []
    taken: list[NDArray[np.int64]] = []
    rows: list[tuple[bool, int, int, int]] = []
    nodes: list[int] = []
    for line, at in enumerate(corners_of):
        begin, stop = int(lines.offset[line]), int(lines.offset[line + 1])
        first_node = n_nodes + len(nodes)
        if not lines.closed[line]:
            ends = [begin, *at.tolist(), stop - 1]
            taken += [np.arange(a, b + 1) for a, b in itertools.pairwise(ends)]
            inner = list(range(first_node, first_node + len(at)))
            chain = [int(lines.start[line]), *inner, int(lines.end[line])]
            rows += [(False, a, b, line) for a, b in itertools.pairwise(chain)]
            nodes += at.tolist()
        elif len(at) == 0:
            taken.append(np.arange(begin, stop))
            rows.append((True, first_node, first_node, line))
            nodes.append(begin)
        else:
            ends = [*at.tolist(), int(at[0]) + stop - begin]
            taken += [begin + (np.arange(a, b + 1) - begin) % (stop - begin) for a, b in itertools.pairwise(ends)]
            chain = [first_node + k for k in (*range(len(at)), 0)]
            rows += [(False, a, b, line) for a, b in itertools.pairwise(chain)]
            nodes += at.tolist()
    index = np.concatenate([np.zeros(0, np.int64), *taken])
    offset = np.concatenate([[0], np.cumsum([len(part) for part in taken])]).astype(np.int64)
    table = np.array(rows, np.int64).reshape(-1, 4)
    parts = Lines(lines.points[index], offset, table[:, 0] > 0, *(table[:, k].copy() for k in (1, 2, 3)))
    return parts, np.array(nodes, np.int64)


def trim(lines: Lines, node_xy: NDArray[np.float64], radius: NDArray[np.float64]) -> Lines:
    """Leave out what lies in the discs around the nodes at both ends; a closed line stays as it is."""
    disc = np.concatenate([np.column_stack([node_xy, radius]), np.zeros((1, 3))])
    first, last = (disc[np.where(lines.closed, -1, node)] for node in (lines.start, lines.end))
    kept = trim_lines(lines.points, lines.offset, first, last, _LEAST_LEFT)
    index = np.arange(len(lines.points))
    owner = lines.owner
    points = lines.points[(index >= kept[owner, 0]) & (index < kept[owner, 1])]
    offset = np.concatenate([[0], np.cumsum(kept[:, 1] - kept[:, 0])]).astype(np.int64)
    return replace(lines, points=points, offset=offset)


def normals(lines: Lines) -> NDArray[np.float64]:
    """Give the unit vector across the line at each point; to its right as seen, looking along it (y points down)."""
    xy, owner = lines.points[:, :2], lines.owner
    first, last = lines.offset[:-1][owner], lines.offset[1:][owner] - 1
    index = np.arange(len(xy))
    closed = lines.closed[owner]
    ahead = np.where(index < last, index + 1, np.where(closed, first, last))
    behind = np.where(index > first, index - 1, np.where(closed, last, first))
    along = xy[ahead] - xy[behind]
    long = np.hypot(along[:, 0], along[:, 1])[:, None]
    along = np.divide(along, long, out=np.zeros_like(along), where=long > 0)
    return np.stack([-along[:, 1], along[:, 0]], axis=1)


def centre(lines: Lines, around: Surroundings) -> Lines:
    """Move points half-way between the borders of the crack, and smooth the lines."""
    width = lines.width
    sigma = np.clip(0.35 * width, _LEAST_SIGMA, _MOST_SIGMA)
    rough = replace(lines, points=smooth_lines(lines.points, lines.offset, lines.closed, sigma))
    across = normals(rough)
    wide = width[lines.owner]
    xy = rough.points[:, :2]
    found = around.sections(np.ascontiguousarray(xy), across, wide + 2)
    run = found[:, 0] + found[:, 1]
    is_plain = (found[:, :2] > 0).all(axis=1) & (run <= 1.6 * wide + 2)
    shift = np.where(is_plain, (found[:, 0] - found[:, 1]) / 2, 0.0)
    moved = np.column_stack([xy + shift[:, None] * across, lines.points[:, 2]])
    return replace(lines, points=smooth_lines(moved, lines.offset, lines.closed, sigma))


def fit_nodes(
    lines: Lines, node_xy: NDArray[np.float64], node_width: NDArray[np.float64], is_free: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Place each node that is not a free end where the lines that meet there point, within its disc."""
    anchor, direction, _ = _ends(lines, np.clip(1.5 * lines.width, 10, 18), degree=1)
    node = np.stack([lines.start, lines.end], axis=1).reshape(-1)
    anchor, direction = anchor.reshape(-1, 2), direction.reshape(-1, 2)
    use = np.repeat(~lines.closed, 2) & ~is_free[node] & (np.abs(direction).max(axis=1, initial=0) > 0)
    node, anchor, direction = node[use], anchor[use], direction[use]
    across = np.stack([-direction[:, 1], direction[:, 0]], axis=1)
    offset = (across * (anchor - node_xy[node])).sum(axis=1)
    matrix = np.zeros((len(node_xy), 2, 2)) + 0.05 * np.eye(2)  # lines that are nearly parallel do not say where
    np.add.at(matrix, node, across[:, :, None] * across[:, None, :])
    right = np.zeros((len(node_xy), 2))
    np.add.at(right, node, across * offset[:, None])
    shift = np.linalg.solve(matrix, right[:, :, None])[:, :, 0]
    most = node_width / 2 + 1
    long = np.hypot(shift[:, 0], shift[:, 1])
    return np.asarray(node_xy + shift * np.minimum(1.0, most / np.maximum(long, 1e-9))[:, None])


def extend(
    lines: Lines, node_xy: NDArray[np.float64], is_free: NDArray[np.bool_], around: Surroundings
) -> NDArray[np.float64]:
    """Prolong lines from their free ends, as they bend there, to where the crack ends."""
    ends = _ends(lines, np.clip(2 * lines.width, 24, 36), degree=2)
    node = np.stack([lines.start, lines.end], axis=1).reshape(-1)
    use = is_free[node] & np.repeat(~lines.closed, 2)
    node = node[use]
    anchor, direction, bend = (part.reshape(-1, 2)[use] for part in ends)
    width = np.repeat(lines.width, 2)[use]
    reach = 2.5 * width + 4
    far = around.walk_out(anchor, direction, bend, reach)
    # a hairline may leave its mask, which steps aside, before it comes to the last pixel
    tip = node_xy[node]
    past = ((tip - anchor) * direction).sum(axis=1) + around.walk_out(tip, direction, np.zeros_like(bend), reach)
    far = np.where(width <= _HAIRLINE, np.maximum(far, past), far)[:, None]
    moved = node_xy.copy()
    moved[node] = np.where(far > 0, anchor + far * direction + far**2 * bend, node_xy[node])
    return moved


def _ends(lines: Lines, arm: NDArray[np.float64], *, degree: int) -> tuple[NDArray[np.float64], ...]:
    points = np.ascontiguousarray(lines.points[:, :2])
    ends: tuple[NDArray[np.float64], ...] = line_ends(points, lines.offset, np.ceil(arm).astype(np.int64), degree)
    return ends
