"""A network of cracks as a graph: nodes where cracks end, bend, branch and cross, smooth centre-lines between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import InputError
from graven.measure.components import read_runs
from graven.measure.crack_lines import (
    TIP,
    Lines,
    Surroundings,
    centre,
    even_lines,
    extend,
    fit_nodes,
    normals,
    split_at_corners,
    trim,
)
from graven.measure.crack_strokes import CrackStrokes
from graven.measure.paths import paths_between_nodes
from graven.measure.skeleton import skeleton_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.types import Ring

__all__ = ["NODE_KINDS", "CrackGraph", "CrackSamples", "as_probability", "trace_crack_graph"]

NODE_KINDS = ("I", "O", "Y", "X")
"""Free end, bend (or the seam of a ring that has none), three cracks, four or more."""

_FADING = 2.0  # units beyond a disc within which blur still mixes what lies inside with the crack


@dataclass(frozen=True, slots=True)
class CrackSamples:
    """Points along the centre-lines, about one unit apart, outside the discs around ends and junctions.

    Attributes
    ----------
    xy : ndarray of shape (S, 2), float64, units
        Where they are.
    normal : ndarray of shape (S, 2), float64
        Unit vectors across the crack.
    crack : ndarray of shape (S,), int64
        The crack of each.
    position : ndarray of shape (S,), float64, units
        Distance from the start of the crack.
    disc_width : ndarray of shape (S,), float64, units
        Local width by the distance to the border (`graven.measure.skeleton.skeleton_of`).
    is_core : ndarray of shape (S,), bool
        Outside the discs; False for the points of a crack that has nothing outside.
    """

    xy: NDArray[np.float64]
    normal: NDArray[np.float64]
    crack: NDArray[np.int64]
    position: NDArray[np.float64]
    disc_width: NDArray[np.float64]
    is_core: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CrackGraph:
    """Cracks between nodes. A unit is the side of the square that has the area of a pixel.

    Attributes
    ----------
    node_xy : ndarray of shape (N, 2), float64, pixels
        ``(x, y)`` from the outer corner of the top-left pixel.
    node_kind : ndarray of shape (N,), str
        One of `NODE_KINDS`.
    node_degree : ndarray of shape (N,), int64
        Ends of cracks that meet there; 2 for a bend.
    node_width : ndarray of shape (N,), float64, units
        Diameter of the largest disc inside the cracks there.
    node_contact : ndarray of shape (N,), str
        For a free end what it runs into: ``"border"`` of the picture or of what is known, ``"other"`` class (a loss),
        or ``""``; always ``""`` for other nodes.
    lines : list of Ring
        Centre-line of each crack from node to node, in pixels; that of a ring closes.
    start, end : ndarray of shape (E,), int64
        Nodes at which a crack begins and ends. A bend does not divide a crack.
    length : ndarray of shape (E,), float64, units
        Length of each centre-line.
    bend_crack : ndarray of shape (B,), int64
        The crack of each bend; bends are the last `B` nodes, together with the seams of rings.
    samples : CrackSamples
        Where widths can be measured.
    size : ndarray of shape (2,), float64
        Width and height of a pixel in units.
    """

    node_xy: NDArray[np.float64]
    node_kind: NDArray[np.str_]
    node_degree: NDArray[np.int64]
    node_width: NDArray[np.float64]
    node_contact: NDArray[np.str_]
    lines: list[Ring]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    length: NDArray[np.float64]
    bend_crack: NDArray[np.int64]
    samples: CrackSamples
    size: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.lines)

    def bends_of(self, cracks: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the nodes at which some cracks bend, other than those at which they start and end."""
        bends = np.flatnonzero(np.isin(self.bend_crack, cracks)) + len(self.node_xy) - len(self.bend_crack)
        return np.setdiff1d(bends, np.concatenate([self.start[cracks], self.end[cracks]]))


def trace_crack_graph(
    mask: NDArray[np.bool_],
    *,
    prob: NDArray[Any] | None = None,
    other: NDArray[np.bool_] | None = None,
    valid: NDArray[np.bool_] | None = None,
    threshold: float = 0.5,
    size_x: float = 1.0,
    size_y: float = 1.0,
    band_rows: int = 1024,
) -> CrackGraph:
    """Trace the network of cracks in a mask.

    Parameters
    ----------
    mask : ndarray of shape (H, W), bool
        The cracks.
    prob : ndarray of shape (H, W), optional
        Probability that the mask was cut from, uint8 in steps of 1/255 or float from 0 to 1; says more exactly than the
        mask where cracks end.
    other : ndarray of shape (H, W), bool, optional
        What else lies there, such as losses: cracks end at it.
    valid : ndarray of shape (H, W), bool, optional
        False where nothing is known.
    threshold : float
        Where the probability was cut.
    size_x, size_y : float, > 0
        Width and height of a pixel; only their ratio matters here.
    band_rows : int, >= 1
        Rows thinned at a time; the result does not depend on it.

    Returns
    -------
    CrackGraph
        Cracks in raster order of the first pixels of their skeletons. An object whose skeleton is a single point is
        no crack.

    Raises
    ------
    InputError
        If shapes differ or the mask is not two-dimensional.

    Notes
    -----
    *Nodes.* On the skeleton, spurs shorter than the local width go, shortest first; junctions nearer to each other than
    the local width are one; a loop no longer than the rim of the disc around its junction goes. The local width is
    the diameter of the largest disc at the junction, and half a pixel is added for each border. Two branchings farther
    apart are one crossing where both pairs of cracks beyond them run straight through, as when cracks cross at a sharp
    angle. A node then moves to where the cracks that meet there point. A bend is a turn of 40 degrees or more between
    two straight arms, less what the arms turn themselves, so no arc is one.

    *Lines.* Inside the discs around nodes the skeleton is bent towards branches and corners, so it is left out and
    bridged by a straight line to the node. The rest is moved half-way between the borders of the mask and smoothed by
    local quadratic regression, which leaves arcs as they are.

    *Ends.* A skeleton stops half a width before the end of the crack. There the line is carried on, as it bends there,
    to where the mask ends, or the probability falls below the threshold.
    """
    if mask.ndim != 2:
        raise InputError(f"a mask of cracks must have shape (H, W), got {mask.shape}")
    blocked = np.zeros(mask.shape, bool)
    for name, given in (("prob", prob), ("other", other), ("valid", valid)):
        if given is not None and given.shape != mask.shape:
            raise InputError(f"{name} must have the shape of the mask, {mask.shape}, got {given.shape}")
    if other is not None:
        blocked |= other
    if valid is not None:
        blocked |= ~valid
    mask = mask & ~blocked
    size = np.array([size_x, size_y]) / np.sqrt(size_x * size_y)
    around = Surroundings(mask.view(np.uint8), blocked, size, None if prob is None else as_probability(prob), threshold)
    strokes, node_xy, node_width = _skeleton_lines(mask, size, band_rows)
    n_ends = np.bincount(np.concatenate([strokes.start, strokes.end]) + 1, minlength=len(node_xy) + 1)[1:]
    tip = TIP * _node_lines_width(strokes, len(node_xy)) + 1
    even = trim(even_lines(strokes), node_xy, np.where(n_ends == 1, tip, node_width / 2))
    parts, corner = split_at_corners(even, centre(even, around), len(node_xy))
    node_xy = np.concatenate([node_xy, even.points[corner, :2]])
    node_width = np.concatenate([node_width, even.points[corner, 2]])
    degree = np.concatenate([n_ends, np.full(len(corner), 2)]).astype(np.int64)
    is_free = degree == 1
    line_width = _node_lines_width(parts, len(node_xy))
    radius = np.select([degree > 2, degree == 2], [node_width / 2, line_width / 2 + 2], TIP * line_width + 1)
    smooth = centre(trim(parts, node_xy, radius), around)
    node_xy = fit_nodes(smooth, node_xy, node_width, is_free)
    node_xy = extend(smooth, node_xy, is_free, around)
    outside = np.where(is_free, line_width / 2, radius) + _FADING
    lines, length, samples = _assemble(smooth, node_xy, outside, len(strokes), size)
    return CrackGraph(
        node_xy=node_xy / size,
        node_kind=np.array(["I", "O", "Y", "X"])[np.clip(degree, 1, 4) - 1],
        node_degree=degree,
        node_width=node_width,
        node_contact=_contacts(smooth, node_xy, is_free, size, other, valid, mask.shape),
        lines=lines,
        start=_of_crack(smooth, smooth.start, len(strokes), first=True),
        end=_of_crack(smooth, smooth.end, len(strokes), first=False),
        length=length,
        bend_crack=even.owner[corner],
        samples=samples,
        size=size,
    )


def as_probability(prob: NDArray[Any]) -> NDArray[np.float32]:
    """Give a probability as float32 from 0 to 1, whether it is that or uint8 in steps of 1/255."""
    if prob.dtype == np.uint8:
        return np.asarray(prob / np.float32(255))
    if not np.issubdtype(prob.dtype, np.floating):
        raise InputError(f"a probability must be uint8 in steps of 1/255 or float from 0 to 1, got {prob.dtype}")
    return prob.astype(np.float32, copy=False)


def _skeleton_lines(
    mask: NDArray[np.bool_], size: NDArray[np.float64], band_rows: int
) -> tuple[Lines, NDArray[np.float64], NDArray[np.float64]]:
    """Give the strokes of the pruned skeleton, and position and width of their nodes."""
    height, width = mask.shape
    runs = read_runs(lambda window: mask[window.slices()], height=height, width=width)
    if len(runs) == 0:
        none = np.zeros(0, np.int64)
        lines = Lines(np.zeros((0, 3)), np.zeros(1, np.int64), np.zeros(0, bool), none, none, none)
        return lines, np.zeros((0, 2)), np.zeros(0)
    skeleton = skeleton_of(runs, size_x=float(size[0]), size_y=float(size[1]), band_rows=band_rows)
    paths = paths_between_nodes(skeleton.row, skeleton.col)
    xy = np.stack([skeleton.col + 0.5, skeleton.row + 0.5], axis=1) * size
    graph = CrackStrokes(xy, skeleton.width, paths.node, paths.n_nodes)
    for pixels in paths.pixels:
        graph.add(pixels, int(paths.node[pixels[0]]), int(paths.node[pixels[-1]]))
    graph.simplify()
    strokes = sorted(graph.edges.values(), key=lambda edge: (edge.pixels.min(), edge.pixels[0], len(edge.pixels)))
    closed = np.array([edge.a < 0 for edge in strokes], bool)
    pixels_of_line = [edge.pixels[:-1] if edge.a < 0 else edge.pixels for edge in strokes]
    pixels = np.concatenate([np.zeros(0, np.int64), *pixels_of_line])
    offset = np.concatenate([[0], np.cumsum([len(part) for part in pixels_of_line])]).astype(np.int64)
    ends = np.array([(edge.a, edge.b) for edge in strokes], np.int64).reshape(-1, 2)
    kept, renumbered = np.unique(ends[ends >= 0], return_inverse=True)
    ends[ends >= 0] = renumbered
    points = np.column_stack([xy[pixels], skeleton.width[pixels]])
    lines = Lines(points, offset, closed, ends[:, 0].copy(), ends[:, 1].copy(), np.arange(len(strokes)))
    return lines, graph.position[kept], graph.node_width[kept]


def _node_lines_width(lines: Lines, n_nodes: int) -> NDArray[np.float64]:
    """Give for each node the mean width of the widest line there."""
    found = np.zeros(n_nodes)
    for node in (lines.start, lines.end):
        np.maximum.at(found, node[node >= 0], lines.width[node >= 0])
    return found


def _assemble(
    lines: Lines, node_xy: NDArray[np.float64], outside: NDArray[np.float64], n_cracks: int, size: NDArray[np.float64]
) -> tuple[list[Ring], NDArray[np.float64], CrackSamples]:
    """Join lines and nodes to cracks, and measure along them."""
    owner, count = lines.owner, np.diff(lines.offset)
    total = count + np.where(lines.closed, 1, 2)
    begin = np.concatenate([[0], np.cumsum(total)])
    xy = np.empty((begin[-1], 2))
    at = begin[:-1][owner] + np.arange(len(owner)) - lines.offset[:-1][owner] + ~lines.closed[owner]
    xy[at] = lines.points[:, :2]
    is_open = ~lines.closed
    xy[begin[:-1][is_open]] = node_xy[lines.start[is_open]]
    xy[begin[1:][is_open] - 1] = node_xy[lines.end[is_open]]
    xy[begin[1:][lines.closed] - 1] = lines.points[lines.offset[:-1][lines.closed], :2]
    crack_begin = np.concatenate([begin[np.searchsorted(lines.crack, np.arange(n_cracks))], begin[-1:]])
    step = np.concatenate([[0.0], np.hypot(*np.diff(xy, axis=0).T)]) if len(xy) else np.zeros(0)
    step[crack_begin[:-1]] = 0.0
    along = np.concatenate([np.cumsum(step), [0.0]])
    length = along[crack_begin[1:] - 1] - along[crack_begin[:-1]]
    crack = lines.crack[owner]
    ring = lines.closed[owner]
    points = lines.points[:, :2]
    near = [
        ~ring & (np.hypot(*(points - node_xy[node[owner]]).T) < outside[node[owner]])
        for node in (lines.start, lines.end)
    ]
    across = normals(lines)
    samples = CrackSamples(
        xy=points,
        normal=across,
        crack=crack,
        position=along[at] - along[crack_begin[:-1][crack]],
        disc_width=lines.points[:, 2],
        is_core=~(near[0] | near[1]) & (np.abs(across).max(axis=1, initial=0) > 0),
    )
    return np.split(xy / size, crack_begin[1:-1]) if n_cracks else [], length, samples


def _of_crack(lines: Lines, node: NDArray[np.int64], n_cracks: int, *, first: bool) -> NDArray[np.int64]:
    """Give the node at which the first line of each crack begins, or the last one ends."""
    cracks = np.arange(n_cracks)
    at = np.searchsorted(lines.crack, cracks) if first else np.searchsorted(lines.crack, cracks, side="right") - 1
    return node[at]


def _contacts(
    lines: Lines,
    node_xy: NDArray[np.float64],
    is_free: NDArray[np.bool_],
    size: NDArray[np.float64],
    other: NDArray[np.bool_] | None,
    valid: NDArray[np.bool_] | None,
    shape: tuple[int, ...],
) -> NDArray[np.str_]:
    """Say what lies one unit beyond each free end."""
    contact = np.full(len(node_xy), "", "<U6")
    for node, inner in ((lines.start, lines.offset[:-1]), (lines.end, lines.offset[1:] - 1)):
        line = np.flatnonzero(is_free[node])
        ends = node_xy[node[line]]
        out = ends - lines.points[inner[line], :2]
        out /= np.maximum(np.hypot(out[:, 0], out[:, 1]), 1e-9)[:, None]
        col, row = np.floor((ends + out) / size).astype(np.int64).T
        outside = (row < 0) | (col < 0) | (row >= shape[0]) | (col >= shape[1])
        row, col = np.clip(row, 0, shape[0] - 1), np.clip(col, 0, shape[1] - 1)
        if valid is not None:
            outside |= ~valid[row, col]
        if other is not None:
            contact[node[line[other[row, col]]]] = "other"
        contact[node[line[outside]]] = "border"
    return contact
