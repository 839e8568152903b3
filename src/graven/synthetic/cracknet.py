"""A network of cracks as truth: centre-lines with their widths, the graph they form, and the pixels they cover."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MIN_WIDTH_PX",
    "Coverage",
    "Crack",
    "CrackNetwork",
    "Joint",
    "Points",
    "clip_network",
    "cover_pixels",
    "join_cracks",
    "locate",
]

Float = np.float32
Points = NDArray[np.float64]
_Origin = tuple[int, str]
NodeKind = Literal["end", "junction", "border"]

MIN_WIDTH_PX = 1.0
"""Cracks are a class where they are at least this wide; what is thinner is neither crack nor background."""

_SHORTEST_PX = 1.0  # pieces of a centre-line that are shorter are dropped


@dataclass(slots=True)
class Crack:
    """One crack as it grew, from end to end.

    Attributes
    ----------
    points : ndarray of shape (N, 2), float64, pixels
        Vertices (x, y) from the outer corner of the top-left pixel.
    generation : int
        0 for the oldest; later ones end on older ones.
    pattern : str
        Pattern that it belongs to.
    """

    points: Points
    generation: int
    pattern: str


class Joint(NamedTuple):
    """Where vertex `vertex` of crack `child` lies on the centre-line of crack `parent`."""

    child: int
    vertex: int
    parent: int


@dataclass(frozen=True, slots=True)
class CrackNetwork:
    """Centre-lines between nodes.

    Attributes
    ----------
    lines : tuple of ndarray of shape (N, 2), float64, pixels
        Vertices (x, y) of each edge, from the outer corner of the top-left pixel.
    widths_px : tuple of ndarray of shape (N,), float64, pixels
        Full width at each vertex; linear in between.
    generations : ndarray of shape (E,), int64
        Generation of the crack that each edge is a part of.
    patterns : tuple of str
        Pattern that each edge belongs to.
    edges : ndarray of shape (E, 2), int64
        Nodes at the first and the last vertex of each line.
    nodes_px : ndarray of shape (K, 2), float64, pixels
        Positions (x, y).
    kinds : tuple of {'end', 'junction', 'border'}
        Free end; meeting of cracks; end of what is to be seen, at a loss, an overpaint or the edge of the picture.
    """

    lines: tuple[Points, ...]
    widths_px: tuple[NDArray[np.float64], ...]
    generations: NDArray[np.int64]
    patterns: tuple[str, ...]
    edges: NDArray[np.int64]
    nodes_px: Points
    kinds: tuple[NodeKind, ...]

    @property
    def degrees(self) -> NDArray[np.int64]:
        """Number of edge ends at each node, shape (K,)."""
        return np.bincount(self.edges.ravel(), minlength=len(self.nodes_px))

    @property
    def lengths_px(self) -> NDArray[np.float64]:
        """Length of each edge, shape (E,)."""
        return np.array([np.hypot(*np.diff(line, axis=0).T).sum() for line in self.lines], np.float64)


class Coverage(NamedTuple):
    """Share of each pixel that cracks cover, (H, W) float32 in [0, 1]: those of `MIN_WIDTH_PX` or more, and thinner."""

    wide: NDArray[np.float32]
    thin: NDArray[np.float32]


def join_cracks(
    cracks: Sequence[Crack], widths_px: Sequence[NDArray[np.float64]], joints: Sequence[Joint]
) -> CrackNetwork:
    """Cut cracks at their joints into a graph.

    Parameters
    ----------
    cracks : sequence of Crack
        In the order in which they grew.
    widths_px : sequence of ndarray of shape (N,), pixels
        Full width at each vertex of each crack.
    joints : sequence of Joint
        Which vertex of which crack lies on which other one.

    Returns
    -------
    CrackNetwork
        Each crack has an edge between any two of its joints.
    """
    nodes: list[Points] = []
    kinds: list[NodeKind] = []
    cuts: list[dict[float, int]] = [{} for _ in cracks]
    for joint in joints:
        point = cracks[joint.child].points[joint.vertex]
        at = round(locate(cracks[joint.parent].points, point), 6)
        node = cuts[joint.parent].setdefault(at, len(nodes))
        node = cuts[joint.child].setdefault(float(joint.vertex), node)
        if node == len(nodes):
            nodes.append(point)
            kinds.append("junction")
    lines, widths, origins, edges = [], [], [], []
    for crack, width, cut in zip(cracks, widths_px, cuts, strict=True):
        for end in (0.0, len(crack.points) - 1.0):
            if end not in cut:
                cut[end] = len(nodes)
                nodes.append(crack.points[int(end)])
                kinds.append("end")
        places = sorted(cut)
        for start, stop in itertools.pairwise(places):
            line, along = _piece(crack.points, width, start, stop)
            line[0], line[-1] = nodes[cut[start]], nodes[cut[stop]]
            lines.append(line)
            widths.append(along)
            origins.append((crack.generation, crack.pattern))
            edges.append((cut[start], cut[stop]))
    return _without_passes(_network(lines, widths, origins, edges, nodes, kinds))


def clip_network(network: CrackNetwork, visible: NDArray[np.bool_]) -> CrackNetwork:
    """Keep what can be seen of a network.

    Parameters
    ----------
    network : CrackNetwork
        In the frame of the picture; it may reach beyond it.
    visible : ndarray of shape (H, W), bool
        False where paint is lost or covered.

    Returns
    -------
    CrackNetwork
        Edges end in nodes of kind ``border`` where they were cut. Junctions that have two arms left are passed
        through.
    """
    nodes, kinds = list(network.nodes_px), list(network.kinds)
    lines, widths, origins, edges = [], [], [], []
    hurt: set[int] = set()
    for line, width, origin, ends in zip(
        network.lines, network.widths_px, _origins(network), network.edges, strict=True
    ):
        last = len(line) - 1.0
        runs = _visible_runs(line, visible)
        hurt.update(int(node) for node, at in zip(ends, (0.0, last), strict=True) if at not in np.ravel(runs))
        for start, stop in runs:
            piece, along = _piece(line, width, start, stop)
            if np.hypot(*np.diff(piece, axis=0).T).sum() < _SHORTEST_PX:
                hurt.update(int(node) for node in ends)
                continue
            pair = [int(ends[0]), int(ends[1])]
            for side, whole in enumerate((start == 0.0, stop == last)):
                if not whole:
                    pair[side] = len(nodes)
                    nodes.append(piece[-side])
                    kinds.append("border")
            lines.append(piece)
            widths.append(along)
            origins.append(origin)
            edges.append((pair[0], pair[1]))
    degrees = np.bincount(np.array(edges, np.int64).reshape(-1, 2).ravel(), minlength=len(nodes))
    for node in hurt:
        if degrees[node] == 1:
            kinds[node] = "border"
    return _without_passes(_network(lines, widths, origins, edges, nodes, kinds))


def cover_pixels(network: CrackNetwork, shape: tuple[int, int]) -> Coverage:
    """Rasterise cracks by their analytic width.

    Parameters
    ----------
    network : CrackNetwork
        In the frame of the picture.
    shape : tuple of two int
        Height and width.

    Returns
    -------
    Coverage
        Overlap of a crack's cross-section with the pixel, seen as an interval of one pixel along the normal; ends are
        round.
    """
    wide, thin = np.zeros(shape, Float), np.zeros(shape, Float)
    if network.lines:
        start = np.concatenate([line[:-1] for line in network.lines])
        stop = np.concatenate([line[1:] for line in network.lines])
        width = np.concatenate([np.stack([w[:-1], w[1:]], 1) for w in network.widths_px])
        reach = np.ceil(np.abs(stop - start).max(1) / 2 + width.max(1) / 2 + 1.5).astype(np.int64)
        for size in np.unique(reach):
            chosen = np.flatnonzero(reach == size)
            for part in np.array_split(chosen, max(1, math.ceil(len(chosen) * (2 * size + 1) ** 2 / 2**21))):
                _cover(start[part], stop[part], width[part], int(size), wide, thin)
    return Coverage(wide, thin)


def locate(points: Points, point: Points) -> float:
    """Find where a polyline comes nearest to a point.

    Parameters
    ----------
    points : ndarray of shape (N, 2), float64
        Its vertices.
    point : ndarray of shape (2,), float64
        The point.

    Returns
    -------
    float, range [0, N - 1]
        Position in vertices from the start.

    Examples
    --------
    >>> locate(np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0]]), np.array([5.0, 1.0]))
    1.25
    """
    step = np.diff(points, axis=0)
    along = np.clip(((point - points[:-1]) * step).sum(1) / np.maximum((step * step).sum(1), 1e-12), 0, 1)
    gap = np.hypot(*(points[:-1] + along[:, None] * step - point).T)
    nearest = int(gap.argmin())
    return nearest + float(along[nearest])


def _piece(points: Points, width: NDArray[np.float64], start: float, stop: float) -> tuple[Points, NDArray[np.float64]]:
    """Part of a polyline between two positions, ends interpolated."""
    inner = np.arange(math.floor(start) + 1, math.ceil(stop))
    at = np.concatenate([[start], inner, [stop]])
    grid = np.arange(len(points))
    line = np.stack([np.interp(at, grid, points[:, 0]), np.interp(at, grid, points[:, 1])], 1)
    return line, np.interp(at, grid, width)


def _visible_runs(line: Points, visible: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Positions between which a line runs over visible pixels."""
    length = np.hypot(*np.diff(line, axis=0).T)
    n_steps = max(2, math.ceil(2 * length.sum()))
    arc = np.concatenate([[0.0], np.cumsum(length)])
    at = np.interp(np.linspace(0, arc[-1], n_steps), arc, np.arange(len(line)))
    at[-1] = len(line) - 1.0
    x = np.floor(np.interp(at, np.arange(len(line)), line[:, 0])).astype(np.int64)
    y = np.floor(np.interp(at, np.arange(len(line)), line[:, 1])).astype(np.int64)
    inside = (x >= 0) & (y >= 0) & (x < visible.shape[1]) & (y < visible.shape[0])
    seen = np.zeros(n_steps + 2, np.bool_)
    seen[1:-1][inside] = visible[y[inside], x[inside]]
    turns = np.flatnonzero(seen[1:] != seen[:-1])
    runs = zip(turns[::2], turns[1::2] - 1, strict=True)
    return [(float(at[first]), float(at[last])) for first, last in runs if last > first]


def _cover(
    start: Points,
    stop: Points,
    width: NDArray[np.float64],
    reach: int,
    wide: NDArray[np.float32],
    thin: NDArray[np.float32],
) -> None:
    """Add segments of one reach to both coverages, in place."""
    rows, cols = wide.shape
    middle = np.floor((start + stop) / 2).astype(np.int64)
    offset = np.arange(-reach, reach + 1)
    x = middle[:, 0, None, None] + offset[None, None, :]
    y = middle[:, 1, None, None] + offset[None, :, None]
    step = (stop - start).astype(Float)[:, :, None, None]
    from_x = (x + 0.5 - start[:, 0, None, None]).astype(Float)
    from_y = (y + 0.5 - start[:, 1, None, None]).astype(Float)
    along = np.clip((from_x * step[:, 0] + from_y * step[:, 1]) / np.maximum((step * step).sum(1), 1e-9), 0, 1)
    gap = np.hypot(from_x - along * step[:, 0], from_y - along * step[:, 1])
    ends = width.astype(Float)[:, :, None, None]
    local = ends[:, 0] + along * (ends[:, 1] - ends[:, 0])
    share = np.minimum(gap + Float(0.5), local / 2) - np.maximum(gap - Float(0.5), -local / 2)
    hit = (share > 0) & (x >= 0) & (x < cols) & (y >= 0) & (y < rows)
    place = np.broadcast_to(y * cols + x, hit.shape)[hit]
    share, is_wide = np.minimum(share[hit], 1), local[hit] >= MIN_WIDTH_PX
    np.maximum.at(wide.reshape(-1), place[is_wide], share[is_wide])
    np.maximum.at(thin.reshape(-1), place[~is_wide], share[~is_wide])


def _without_passes(network: CrackNetwork) -> CrackNetwork:
    """Join the two edges that meet in a junction that is none any more."""
    lines, widths = list(network.lines), list(network.widths_px)
    edges = [(int(start), int(stop)) for start, stop in network.edges]
    at: dict[int, list[int]] = {}
    for number, pair in enumerate(edges):
        for node in pair:
            at.setdefault(node, []).append(number)
    gone: set[int] = set()
    for node, kind in enumerate(network.kinds):
        meeting = at.get(node, [])
        if kind != "junction" or len(meeting) != 2 or meeting[0] == meeting[1]:
            continue
        first, second = meeting
        if edges[first][0] == node:
            lines[first], widths[first], edges[first] = lines[first][::-1], widths[first][::-1], edges[first][::-1]
        if edges[second][1] == node:
            lines[second], widths[second], edges[second] = (
                lines[second][::-1],
                widths[second][::-1],
                edges[second][::-1],
            )
        after = edges[second][1]
        lines[first] = np.concatenate([lines[first], lines[second][1:]])
        widths[first] = np.concatenate([widths[first], widths[second][1:]])
        edges[first] = (edges[first][0], after)
        gone.add(second)
        at[after] = [first if number == second else number for number in at[after]]
    kept = [number for number in range(len(lines)) if number not in gone]
    origins = _origins(network)
    return _network(
        [lines[number] for number in kept],
        [widths[number] for number in kept],
        [origins[number] for number in kept],
        [edges[number] for number in kept],
        list(network.nodes_px),
        list(network.kinds),
    )


def _origins(network: CrackNetwork) -> list[_Origin]:
    """Pair generation and pattern of each edge."""
    return list(zip(network.generations.tolist(), network.patterns, strict=True))


def _network(
    lines: list[Points],
    widths: list[NDArray[np.float64]],
    origins: list[_Origin],
    edges: list[tuple[int, int]],
    nodes: list[Points],
    kinds: list[NodeKind],
) -> CrackNetwork:
    """Freeze, without nodes that no edge uses."""
    pairs = np.array(edges, np.int64).reshape(-1, 2)
    used, renamed = np.unique(pairs, return_inverse=True)
    return CrackNetwork(
        tuple(lines),
        tuple(widths),
        np.array([generation for generation, _ in origins], np.int64),
        tuple(pattern for _, pattern in origins),
        renamed.reshape(-1, 2).astype(np.int64),
        np.array([nodes[node] for node in used], np.float64).reshape(-1, 2),
        tuple(kinds[node] for node in used),
    )
