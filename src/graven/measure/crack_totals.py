"""What many cracks have in common: networks, directions, sums, each with its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from graven.measure.crack_graph import NODE_KINDS
from graven.measure.uncertainty import length_sigma
from graven.types import Measure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.measure.crack_graph import CrackGraph
    from graven.measure.crack_width import CrackWidths

__all__ = [
    "ROSE_BINS",
    "WIDTHS",
    "WIDTH_SIGMA_PX",
    "Scale",
    "counts_of",
    "direction_deg",
    "directions_of",
    "network_of",
    "panel_measures",
    "width_sigmas",
]

ROSE_BINS = 18
"""Bins of the rose of directions, of 10 degrees each."""

WIDTHS = ("width_mean", "width_median", "width_p95", "width_max")
"""Names of the widths of a crack."""

WIDTH_SIGMA_PX = 0.15
"""Error of widths in an image or a probability beyond that of the fit: the root mean square on drawn cracks 1.5 to 12
pixels wide in one picture, blurred by up to 1 pixel, with 5 % of noise, is below."""

_M_PER_M2 = 1000.0  # metres per square metre in one millimetre per square millimetre


@dataclass(frozen=True, slots=True)
class Scale:
    """What a unit of the graph is on the panel.

    Attributes
    ----------
    factor : float
        Its length in `unit`.
    unit : str
        ``mm`` or ``px``.
    sigma_rel : float
        Relative uncertainty of the scale.
    """

    factor: float
    unit: str
    sigma_rel: float

    def distance(self, value: float, shift: float) -> Measure:
        """Give a distance both ends of which move by `shift`; both in units of the graph."""
        sigma = length_sigma(value * self.factor, shift_sigma=shift * self.factor, scale_sigma_rel=self.sigma_rel)
        return Measure(value * self.factor, self.unit, sigma)

    def width(self, value: float, sigma: float) -> Measure:
        """Give a width of known uncertainty but for the scale; both in units of the graph."""
        return Measure(value * self.factor, self.unit, math.hypot(self.sigma_rel * value, sigma) * self.factor)


def network_of(graph: CrackGraph) -> NDArray[np.int64]:
    """Give the network of each crack: cracks that share nodes, numbered from 0 in the order of their first cracks."""
    n_nodes = len(graph.node_xy)
    links = coo_array((np.ones(len(graph)), (graph.start, graph.end)), shape=(n_nodes, n_nodes))
    label = connected_components(links, directed=False)[1][graph.start] if len(graph) else np.zeros(0, np.int64)
    _, first, found = np.unique(label, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[found], np.int64)


def directions_of(graph: CrackGraph) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Sum up the directions of the parts of each crack, and of all.

    Parameters
    ----------
    graph : CrackGraph
        The cracks.

    Returns
    -------
    moment : ndarray of shape (E,), complex
        Sum over the parts of their lengths times the unit vectors at twice their angles.
    rose : ndarray of shape (18,), float64, units
        Length by direction.
    """
    n_points = [len(points) for points in graph.lines]
    crack = np.repeat(np.arange(len(graph)), n_points)
    points = np.concatenate([np.zeros((0, 2)), *graph.lines]) * graph.size
    within = crack[1:] == crack[:-1]
    step = np.diff(points, axis=0)[within]
    length = np.hypot(step[:, 0], step[:, 1])
    angle = np.arctan2(-step[:, 1], step[:, 0])
    part = length * np.exp(2j * angle)
    of = crack[1:][within]
    moment = np.bincount(of, part.real, len(graph)) + 1j * np.bincount(of, part.imag, len(graph)).astype(np.complex128)
    # a line drawn at exactly 20 degrees must not fall to either side by the last bit of its cosine
    turn = np.mod(np.round(np.degrees(angle), 9), 180.0)
    rose = np.bincount((turn // (180 / ROSE_BINS)).astype(np.int64) % ROSE_BINS, weights=length, minlength=ROSE_BINS)
    return moment, np.asarray(rose, np.float64)


def direction_deg(moment: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Give the mean direction, from 0 to 180 degrees."""
    return np.asarray(np.mod(np.degrees(np.angle(moment)) / 2, 180.0))


def width_sigmas(widths: CrackWidths, shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the uncertainty of the width of each crack but for the scale, in units.

    Parameters
    ----------
    widths : CrackWidths
        The widths.
    shift : ndarray of shape (E,), float64, units
        Uncertainty of the borders of each crack, from pixels and threshold.

    Returns
    -------
    ndarray of shape (E,), float64, units
        In an image `WIDTH_SIGMA_PX` and that of the fit, in a probability that of the threshold as well, in a mask that
        of both borders moving together.
    """
    measured = np.hypot(WIDTH_SIGMA_PX, np.nan_to_num(widths.sigma))
    in_prob = np.hypot(measured, widths.growth / math.sqrt(12))
    return np.select([widths.source == "image", widths.source == "probability"], [measured, in_prob], 2 * shift)


def counts_of(
    graph: CrackGraph, cracks: NDArray[np.int64], shift: NDArray[np.float64], scale: Scale
) -> dict[str, Measure]:
    """Count the nodes and meshes of some cracks that share no node with others, and add up their lengths.

    Parameters
    ----------
    graph : CrackGraph
        All cracks.
    cracks : ndarray of shape (K,), int64
        Which ones.
    shift : ndarray of shape (E,), float64, units
        Uncertainty of the borders of each crack of the graph.
    scale : Scale
        What a unit is.

    Returns
    -------
    dict of str to Measure
        ``n_cracks``, ``n_nodes_I`` to ``n_nodes_X``, ``n_loops`` and ``length``.
    """
    nodes = np.unique(np.concatenate([graph.start[cracks], graph.end[cracks]]))
    whole = len(cracks) == len(graph)
    kinds = graph.node_kind if whole else graph.node_kind[np.concatenate([nodes, graph.bends_of(cracks)])]
    n_parts = len(np.unique(network_of(graph))) if whole else 1
    found = {"n_cracks": float(len(cracks))}
    found |= {f"n_nodes_{kind}": float(np.count_nonzero(kinds == kind)) for kind in NODE_KINDS}
    found["n_loops"] = float(len(cracks) - len(nodes) + n_parts)
    measures = {name: Measure(value, "") for name, value in found.items()}
    measures["length"] = scale.distance(float(graph.length[cracks].sum()), float(shift[cracks].sum()))
    return measures


def panel_measures(
    graph: CrackGraph,
    widths: CrackWidths | None,
    shift: NDArray[np.float64],
    moment: NDArray[np.complex128],
    *,
    valid_px: int,
    scale: Scale,
) -> dict[str, Measure]:
    """Measure what only the panel has (`graven.measure.crack_measures.measure_cracks`).

    Parameters
    ----------
    graph : CrackGraph
        The cracks.
    widths : CrackWidths or None
        Their widths, where they are known.
    shift, moment
        Uncertainty of the borders, and `directions_of`, of each crack.
    valid_px : int, > 0, pixels
        Where something is known.
    scale : Scale
        What a unit is.

    Returns
    -------
    dict of str to Measure
        By name; widths, directions and spacing only where there are cracks.
    """
    length, per = float(graph.length.sum()), (_M_PER_M2 if scale.unit == "mm" else 1.0)
    density = length / valid_px / scale.factor
    rest = 2 * float(shift.sum()) / max(length, 1e-12)
    relative = math.hypot(scale.sigma_rel, rest)
    valid_area = valid_px * scale.factor**2
    measures = {
        "valid_area": Measure(valid_area, f"{scale.unit}2", 2 * scale.sigma_rel * valid_area),
        "n_ends_at_border": Measure(float(np.count_nonzero(graph.node_contact == "border")), ""),
        "n_ends_at_other": Measure(float(np.count_nonzero(graph.node_contact == "other")), ""),
        "density": Measure(density * per, "m/m2" if scale.unit == "mm" else "px/px2", relative * density * per),
    }
    if length == 0:
        return measures
    measures["spacing"] = Measure(1 / density, scale.unit, relative / density)
    if widths is not None:
        sigma = width_sigmas(widths, shift)
        mean, mean_sigma = (float(np.average(values, weights=graph.length)) for values in (widths.mean, sigma))
        measures["width_mean"] = scale.width(mean, mean_sigma)
        measures["width_p95"] = scale.width(float(np.quantile(widths.width, 0.95)), mean_sigma)
        widest = int(np.argmax(widths.width))
        measures["width_max"] = scale.width(float(widths.width[widest]), float(sigma[widths.crack[widest]]))
    resultant = complex(moment.sum()) / length
    turn = math.degrees(math.sqrt(2) * float(np.average(shift, weights=graph.length)) * len(graph) / length)
    measures["direction"] = Measure(float(direction_deg(np.array([resultant]))[0]), "deg", turn)
    measures["direction_resultant"] = Measure(abs(resultant), "")
    distance = np.hypot(*((graph.node_xy[graph.end] - graph.node_xy[graph.start]) * graph.size).T)
    is_open = distance > 0
    if is_open.any():
        apart = float(distance[is_open].sum())
        tortuosity = max(1.0, float(graph.length[is_open].sum()) / apart)  # a drawn line may end beside its node
        measures["tortuosity"] = Measure(tortuosity, "", (tortuosity - 1) * 2 * float(shift[is_open].sum()) / apart)
    return measures
