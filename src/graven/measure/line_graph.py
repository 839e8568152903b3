"""Lines that a person has drawn or changed as a network of cracks: where they end, bend, meet and cross.

A traced network has its cracks end exactly at common nodes. Lines drawn by hand do not: they stop short of the crack
that they branch off, run a little beyond it, or cross others without a vertex. So wherever a changed line takes part,
what is near enough counts as touching; between lines that nobody touched only common ends do.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from graven.kernels.polylines import find_corners, resample_lines
from graven.measure.crack_graph import CrackGraph, CrackSamples
from graven.measure.crack_lines import LEAST_TURN, Lines, normals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.types import Ring

__all__ = ["TOUCH", "LineGraph", "graph_of_lines"]

TOUCH = 2.0
"""Units within which a changed line touches another, or half the width of the other and a unit where that is more."""

_SAME = 0.01  # units; points of one node
_TIP = 3  # points of a line that say where its end points
_FADING = 2.0  # units beyond a node that are no good for widths


@dataclass(frozen=True, slots=True)
class LineGraph:
    """The network of some lines.

    Attributes
    ----------
    graph : CrackGraph
        Cracks are the parts of lines between nodes.
    line : ndarray of shape (E,), int64
        The line that each crack is part of.
    """

    graph: CrackGraph
    line: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Cut:
    """A place on a line that is to be a node."""

    line: int
    along: float
    point: tuple[float, float]


def graph_of_lines(
    lines: Sequence[Ring],
    *,
    is_changed: Sequence[bool],
    widths_px: Sequence[float],
    other: NDArray[np.bool_],
    valid: NDArray[np.bool_],
    size_x: float = 1.0,
    size_y: float = 1.0,
) -> LineGraph:
    """Find nodes and cracks of lines.

    Parameters
    ----------
    lines : sequence of Ring
        Two points or more each, in pixels; a closed line repeats its first point.
    is_changed : sequence of bool
        Whether a person has drawn or changed the line.
    widths_px : sequence of float, pixels
        Width of each crack, NaN where it is not known.
    other : ndarray of shape (H, W), bool
        What else lies there, such as losses.
    valid : ndarray of shape (H, W), bool
        False where nothing is known.
    size_x, size_y : float, > 0
        Width and height of a pixel; only their ratio matters here.

    Returns
    -------
    LineGraph
        Lines are cut where others touch or cross them, and nowhere moved. A node of two cracks is of kind O.
    """
    size = np.array([size_x, size_y]) / np.sqrt(size_x * size_y)
    drawn = [np.asarray(line, np.float64) * size for line in lines]
    width = np.nan_to_num(np.asarray(widths_px, np.float64), nan=0.0)
    changed = np.asarray(is_changed, bool)
    cuts, links = _cuts(drawn, changed, np.maximum(TOUCH, width / 2 + 1))
    node, node_xy = _nodes(cuts, links, changed)
    pieces, ends, line = _pieces(drawn, cuts, node, 2 * max(TOUCH, float(width.max(initial=0.0)) / 2 + 1))
    of_piece = width[line] if len(line) else np.zeros(0)
    return LineGraph(_assembled(pieces, ends, node_xy, of_piece, size, other, valid), line)


def _cuts(
    drawn: list[Ring], changed: NDArray[np.bool_], touch: NDArray[np.float64]
) -> tuple[list[_Cut], list[tuple[int, int]]]:
    """List the ends of all lines and where a changed line touches or crosses another, and which are one place."""
    shapes = np.array([shapely.LineString(line) for line in drawn], object)
    length = shapely.length(shapes) if len(shapes) else np.zeros(0)
    cuts: list[_Cut] = []
    links: list[tuple[int, int]] = []
    for k, points in enumerate(drawn):
        cuts.append(_Cut(k, 0.0, (float(points[0, 0]), float(points[0, 1]))))
        cuts.append(_Cut(k, float(length[k]), (float(points[-1, 0]), float(points[-1, 1]))))
    if not changed.any():
        return cuts, links
    tree = shapely.STRtree(shapes)
    first, second = tree.query(shapes, predicate="dwithin", distance=float(touch.max()))
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        if a == b or not (changed[a] or changed[b]):
            continue
        where = shapely.get_coordinates(shapely.intersection(shapes[a], shapes[b])) if a < b else np.zeros((0, 2))
        for x, y in where.tolist():
            point = shapely.Point(x, y)
            cuts += [_Cut(k, float(shapely.line_locate_point(shapes[k], point)), (x, y)) for k in (a, b)]
        for number, end in ((2 * a, drawn[a][0]), (2 * a + 1, drawn[a][-1])):
            point = shapely.Point(end)
            if shapely.distance(shapes[b], point) <= touch[b]:
                along = float(shapely.line_locate_point(shapes[b], point))
                x, y = shapely.get_coordinates(shapely.line_interpolate_point(shapes[b], along))[0].tolist()
                links.append((number, len(cuts)))
                cuts.append(_Cut(b, along, (x, y)))
    return cuts, links


def _nodes(
    cuts: list[_Cut], links: list[tuple[int, int]], changed: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Join cuts that are one place; give the node of each cut and where the nodes are."""
    if not cuts:
        return np.zeros(0, np.int64), np.zeros((0, 2))
    xy = np.array([cut.point for cut in cuts])
    own = changed[[cut.line for cut in cuts]]
    pairs = KDTree(xy).query_pairs(TOUCH, output_type="ndarray")
    apart = np.hypot(*(xy[pairs[:, 0]] - xy[pairs[:, 1]]).T)
    pairs = np.concatenate([pairs[(apart <= _SAME) | own[pairs].any(axis=1)], np.array(links, int).reshape(-1, 2)])
    joined = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(cuts), len(cuts)))
    n_nodes, label = connected_components(joined, directed=False)
    # a node lies where traced cracks have it, if there are any
    weight = np.where(own, 1e-9, 1.0)
    total = np.bincount(label, weight, n_nodes)
    centre = np.stack([np.bincount(label, weight * xy[:, k], n_nodes) / total for k in (0, 1)], axis=1)
    return np.asarray(label, np.int64), centre


def _pieces(
    drawn: list[Ring], cuts: list[_Cut], node: NDArray[np.int64], beyond: float
) -> tuple[list[Ring], NDArray[np.int64], NDArray[np.int64]]:
    """Cut lines at their nodes; give the pieces, the nodes at their ends, and the line of each.

    A piece no longer than `beyond` that returns to its node is what runs a little over the crack that it meets.
    """
    by_line: dict[int, list[tuple[float, int]]] = {}
    for cut, number in zip(cuts, node.tolist(), strict=True):
        by_line.setdefault(cut.line, []).append((cut.along, number))
    pieces: list[Ring] = []
    ends: list[tuple[int, int]] = []
    owner: list[int] = []
    for k, points in enumerate(drawn):
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
        for (begin, a), (stop, b) in itertools.pairwise(sorted(by_line[k])):
            if a == b and stop - begin <= beyond and stop - begin < along[-1]:
                continue
            inside = points[(along > begin) & (along < stop)]
            tips = np.stack([np.interp([begin, stop], along, points[:, axis]) for axis in (0, 1)], axis=1)
            pieces.append(np.concatenate([tips[:1], inside, tips[1:]]))
            ends.append((a, b))
            owner.append(k)
    return pieces, np.array(ends, np.int64).reshape(-1, 2), np.array(owner, np.int64)


def _assembled(
    pieces: list[Ring],
    ends: NDArray[np.int64],
    node_xy: NDArray[np.float64],
    width: NDArray[np.float64],
    size: NDArray[np.float64],
    other: NDArray[np.bool_],
    valid: NDArray[np.bool_],
) -> CrackGraph:
    """Put nodes, bends and pieces together as `graven.measure.crack_graph.trace_crack_graph` does."""
    used, ends = np.unique(ends, return_inverse=True)
    ends = ends.reshape(-1, 2)
    node_xy = node_xy[used]
    degree = np.bincount(ends.ravel(), minlength=len(used)).astype(np.int64)
    even = _resampled(pieces, ends)
    gap = np.ceil(width / 2 + 2).astype(np.int64)
    arm = np.ceil(np.maximum(width, 6)).astype(np.int64)
    xy = np.ascontiguousarray(even.points[:, :2])
    corner = np.flatnonzero(find_corners(xy, even.offset, even.closed, gap, arm, LEAST_TURN))
    node_width = np.zeros(len(used))
    for column in (0, 1):
        np.maximum.at(node_width, ends[:, column], width)
    contact = _contacts(even, node_xy, degree == 1, size, other, valid)
    bends = len(corner)
    at_ends = [ends[even.owner, k] for k in (0, 1)]
    near = [np.hypot(*(xy - node_xy[node]).T) < node_width[node] / 2 + _FADING for node in at_ends]
    length = np.array([float(np.hypot(*np.diff(piece, axis=0).T).sum()) for piece in pieces])
    return CrackGraph(
        node_xy=np.concatenate([node_xy, xy[corner]]) / size,
        node_kind=np.array(["I", "O", "Y", "X"])[np.clip(np.concatenate([degree, np.full(bends, 2)]), 1, 4) - 1],
        node_degree=np.concatenate([degree, np.full(bends, 2, np.int64)]),
        node_width=np.concatenate([node_width, np.zeros(bends)]),
        node_contact=np.concatenate([contact, np.full(bends, "", "<U6")]),
        lines=[piece / size for piece in pieces],
        start=ends[:, 0],
        end=ends[:, 1],
        length=length,
        bend_crack=even.owner[corner],
        samples=CrackSamples(
            xy=xy,
            normal=normals(even),
            crack=even.owner,
            position=_positions(even),
            disc_width=np.maximum(width, 1.0)[even.owner],
            is_core=~(near[0] | near[1]),
        ),
        size=size,
    )


def _contacts(
    lines: Lines,
    node_xy: NDArray[np.float64],
    is_free: NDArray[np.bool_],
    size: NDArray[np.float64],
    other: NDArray[np.bool_],
    valid: NDArray[np.bool_],
) -> NDArray[np.str_]:
    """Say what lies one unit beyond each free end, in the direction of the last units of its line."""
    contact = np.full(len(node_xy), "", "<U6")
    height, width = valid.shape
    first, last = lines.offset[:-1], lines.offset[1:] - 1
    for node, inner in ((lines.start, np.minimum(first + _TIP, last)), (lines.end, np.maximum(last - _TIP, first))):
        line = np.flatnonzero(is_free[node])
        ends = node_xy[node[line]]
        out = ends - lines.points[inner[line], :2]
        out /= np.maximum(np.hypot(out[:, 0], out[:, 1]), 1e-9)[:, None]
        col, row = np.floor((ends + out) / size).astype(np.int64).T
        outside = (row < 0) | (col < 0) | (row >= height) | (col >= width)
        row, col = np.clip(row, 0, height - 1), np.clip(col, 0, width - 1)
        contact[node[line[other[row, col]]]] = "other"
        contact[node[line[outside | ~valid[row, col]]]] = "border"
    return contact


def _resampled(pieces: list[Ring], ends: NDArray[np.int64]) -> Lines:
    """Give the pieces with points about a unit apart."""
    offset = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])]).astype(np.int64)
    points = np.concatenate([np.zeros((0, 2)), *pieces])
    is_open = np.zeros(len(pieces), bool)
    even, offset = resample_lines(np.column_stack([points, np.zeros(len(points))]), offset, is_open, 1.0)
    return Lines(even, offset, is_open, ends[:, 0].copy(), ends[:, 1].copy(), np.arange(len(pieces)))


def _positions(lines: Lines) -> NDArray[np.float64]:
    """Give the distance of each point from the start of its line."""
    if len(lines.points) == 0:
        return np.zeros(0)
    step = np.concatenate([[0.0], np.hypot(*np.diff(lines.points[:, :2], axis=0).T)])
    along = np.cumsum(step)
    return np.asarray(along - along[lines.offset[:-1]][lines.owner])
