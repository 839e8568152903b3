"""Cracks of a panel in figures: each crack, each network, and all of them together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import InputError
from graven.measure.crack_graph import as_probability, trace_crack_graph
from graven.measure.crack_totals import (
    WIDTHS,
    Scale,
    counts_of,
    direction_deg,
    directions_of,
    network_of,
    panel_measures,
    width_sigmas,
)
from graven.measure.crack_width import measure_widths
from graven.measure.shape import pixel_sides
from graven.measure.uncertainty import BOUNDARY_SIGMA_PX
from graven.types import Measure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.measure.crack_graph import CrackGraph
    from graven.measure.crack_width import CrackWidths
    from graven.types import PixelSize, Ring

__all__ = ["Crack", "CrackNetwork", "CrackSurvey", "measure_cracks", "networks_of"]


@dataclass(frozen=True, slots=True)
class Crack:
    """One crack between two nodes.

    Attributes
    ----------
    number : int
        From 1, in raster order of the first skeleton pixels.
    network : int
        Number of the network it belongs to.
    points : Ring
        Centre-line, ``(x, y)`` in pixels; that of a ring repeats its first point.
    start, end : int
        Its nodes, as rows of the nodes of the graph.
    profile : ndarray of shape (S, 2), float64, mm, or pixels without a scale
        Distance from the start and width, where a width could be measured.
    width_source : str
        One of `graven.measure.crack_width.WIDTH_SOURCES`.
    is_light : bool
        Whether it is lighter than its surroundings; False without image.
    measures : dict of str to Measure
        See `measure_cracks`.
    """

    number: int
    network: int
    points: Ring
    start: int
    end: int
    profile: NDArray[np.float64]
    width_source: str
    is_light: bool
    measures: dict[str, Measure]


@dataclass(frozen=True, slots=True)
class CrackNetwork:
    """Cracks that hang together.

    Attributes
    ----------
    number : int
        From 1, in the order of its first crack.
    cracks : tuple of int
        Numbers of its cracks.
    measures : dict of str to Measure
        See `measure_cracks`.
    """

    number: int
    cracks: tuple[int, ...]
    measures: dict[str, Measure]


@dataclass(frozen=True, slots=True)
class CrackSurvey:
    """All cracks of a panel.

    Attributes
    ----------
    graph : CrackGraph
        Nodes and centre-lines.
    cracks : list of Crack
        In the order of their numbers.
    networks : list of CrackNetwork
        In the order of their numbers.
    rose : ndarray of shape (18,), float64, mm, or pixels without a scale
        Length of crack by direction: bin ``k`` holds ``10 k <= direction < 10 (k + 1)`` degrees.
    measures : dict of str to Measure
        Of the panel, see `measure_cracks`.
    """

    graph: CrackGraph
    cracks: list[Crack]
    networks: list[CrackNetwork]
    rose: NDArray[np.float64]
    measures: dict[str, Measure]


def measure_cracks(
    mask: NDArray[np.bool_],
    *,
    image: NDArray[Any] | None = None,
    prob: NDArray[Any] | None = None,
    other: NDArray[np.bool_] | None = None,
    valid: NDArray[np.bool_] | None = None,
    pixel_size: PixelSize | None = None,
    threshold: float = 0.5,
    threshold_spread: float = 0.1,
    band_rows: int = 1024,
) -> CrackSurvey:
    """Measure the cracks of a panel.

    Parameters
    ----------
    mask : ndarray of shape (H, W), bool
        The cracks.
    image : ndarray of shape (H, W), optional
        Grey values, in which widths are measured.
    prob : ndarray of shape (H, W), optional
        Probability of the class, uint8 in steps of 1/255 or float from 0 to 1. Without it no uncertainty stems from the
        threshold.
    other : ndarray of shape (H, W), bool, optional
        What else lies there, such as losses: cracks end at it.
    valid : ndarray of shape (H, W), bool, optional
        False where nothing is known.
    pixel_size : PixelSize, optional
        Without it all measures are in pixels.
    threshold, threshold_spread : float
        Where the probability was cut, and how far the cut is moved down and up.
    band_rows : int, >= 1
        Rows thinned at a time; the result does not depend on it.

    Returns
    -------
    CrackSurvey
        Every crack has

        ``length``
            Of the centre-line, from end to end of the crack or to the middle of a junction.
        ``width_mean``, ``width_median``, ``width_p95``, ``width_max``
            Outside the discs around ends and junctions (`graven.measure.crack_width`).
        ``direction``
            Mean of its parts by length, in degrees counter-clockwise from the right, from 0 to 180.
        ``tortuosity``
            Length over the distance of the ends; not of a ring.

        Every network, and the panel, has ``n_cracks``, ``n_nodes_I`` (free ends), ``n_nodes_O`` (bends, and one for
        each ring without any), ``n_nodes_Y`` (three cracks meet), ``n_nodes_X`` (four or more), ``n_loops`` (meshes of
        the graph, each of which encloses islands) and ``length``; the panel also

        ``n_networks``, ``n_ends_at_border``, ``n_ends_at_other``
            Of the free ends, those where a crack runs out of the picture, and into something else.
        ``density``
            Length over the valid surface, in metres per square metre, or per pixel.
        ``spacing``
            The reverse: the distance at which parallel cracks are as dense.
        ``width_mean``, ``width_p95``, ``width_max``
            Mean by length, the 95th percentile of all points, and the widest point.
        ``direction``, ``direction_resultant``
            Mean direction, and from 0 (no preference) to 1 (all parallel) how strongly it is preferred: angle and
            length of the mean of unit vectors at twice the angle, by length.
        ``tortuosity``
            Total length over the total distance of the ends, rings left out.

    Raises
    ------
    InputError
        If shapes differ, the mask has no valid pixel, or a threshold lies outside 0 to 1.

    Notes
    -----
    Uncertainties follow `graven.measure.uncertainty`. A border lies within half a pixel, and moves by half of what the
    width changes between the two thresholds; both ends of a length move by it. Widths in an image or a probability are
    not rounded to pixels, so
    `graven.measure.crack_totals.WIDTH_SIGMA_PX` and the uncertainty of the fit take the place of the half pixel, and in
    an image the threshold plays no part. Errors of a sum are added, for they have one cause. Counts have none.
    """
    if not (threshold_spread >= 0 and threshold - threshold_spread > 0 and threshold + threshold_spread <= 1):
        raise InputError(
            f"a threshold moved by its spread must stay between 0 and 1, got {threshold} ± {threshold_spread}"
        )
    size_x, size_y = pixel_sides(pixel_size)
    prob = None if prob is None else as_probability(prob)
    graph = trace_crack_graph(
        mask,
        prob=prob,
        other=other,
        valid=valid,
        threshold=threshold,
        size_x=size_x,
        size_y=size_y,
        band_rows=band_rows,
    )
    n_valid = mask.size if valid is None else int(np.count_nonzero(valid))
    if n_valid == 0:
        raise InputError("the panel must have valid pixels to be measured, got none")
    widths = measure_widths(
        graph,
        mask,
        image=image,
        prob=prob,
        other=other,
        valid=valid,
        threshold=threshold,
        threshold_spread=threshold_spread,
    )
    scale = Scale(math.sqrt(size_x * size_y), *(("px", 0.0) if pixel_size is None else ("mm", pixel_size.sigma_rel)))
    network = network_of(graph)
    shift = np.hypot(BOUNDARY_SIGMA_PX, widths.growth / 2 / math.sqrt(12))
    moment, rose = directions_of(graph)
    cracks = _cracks(graph, widths, network, shift, moment, scale)
    networks = networks_of(graph, network, shift, scale)
    measures = counts_of(graph, np.arange(len(graph)), shift, scale) | panel_measures(
        graph, widths, shift, moment, valid_px=n_valid, scale=scale
    )
    measures["n_networks"] = Measure(float(len(networks)), "")
    return CrackSurvey(graph, cracks, networks, rose * scale.factor, measures)


def _cracks(
    graph: CrackGraph,
    widths: CrackWidths,
    network: NDArray[np.int64],
    shift: NDArray[np.float64],
    moment: NDArray[np.complex128],
    scale: Scale,
) -> list[Crack]:
    profile = np.stack([widths.position, widths.width], axis=1) * scale.factor
    profiles = np.split(profile, np.searchsorted(widths.crack, np.arange(1, len(graph))))
    distance = np.hypot(*((graph.node_xy[graph.end] - graph.node_xy[graph.start]) * graph.size).T)
    direction = direction_deg(moment)
    width_sigma = width_sigmas(widths, shift)
    values = np.stack([widths.mean, widths.median, widths.p95, widths.most], axis=1)
    cracks = []
    for k, points in enumerate(graph.lines):
        length, aside = float(graph.length[k]), float(shift[k])
        measures = {"length": scale.distance(length, aside)}
        for name, value in zip(WIDTHS, values[k].tolist(), strict=True):
            measures[name] = scale.width(value, float(width_sigma[k]))
        turn = math.degrees(math.sqrt(2) * aside / length) if length > 0 else 180.0
        measures["direction"] = Measure(float(direction[k]), "deg", turn)
        if distance[k] > 0:
            tortuosity = length / float(distance[k])
            measures["tortuosity"] = Measure(tortuosity, "", (tortuosity - 1) * 2 * aside / float(distance[k]))
        cracks.append(
            Crack(
                k + 1,
                int(network[k]) + 1,
                points,
                int(graph.start[k]),
                int(graph.end[k]),
                profiles[k],
                str(widths.source[k]),
                bool(widths.is_light[k]),
                measures,
            )
        )
    return cracks


def networks_of(
    graph: CrackGraph, network: NDArray[np.int64], shift: NDArray[np.float64], scale: Scale
) -> list[CrackNetwork]:
    """List the networks of a graph with their measures.

    Parameters
    ----------
    graph : CrackGraph
        The cracks.
    network : ndarray of shape (E,), int64
        Network of each, from 0 (`graven.measure.crack_totals.network_of`).
    shift : ndarray of shape (E,), float64, units
        Uncertainty of the borders of each crack.
    scale : Scale
        What a unit is.

    Returns
    -------
    list of CrackNetwork
        In the order of their numbers.
    """
    order = np.argsort(network, kind="stable")
    members = np.split(order, np.searchsorted(network[order], np.arange(1, int(network.max(initial=-1)) + 1)))
    return [
        CrackNetwork(number, tuple((cracks + 1).tolist()), counts_of(graph, cracks, shift, scale))
        for number, cracks in enumerate(members, start=1)
        if len(cracks)
    ]
