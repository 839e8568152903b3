"""Widths of lines that a person has drawn, in the photograph or in a probability: there is no mask of them.

A hand does not follow a crack to the pixel. So the crack is looked for near the line, point by point, and how wide it
is about is taken from where its mean profile has half its depth. From both a mask is painted, and with that the cracks
are measured as traced ones are (`graven.measure.crack_width`).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scipy import ndimage

from graven.measure.crack_graph import as_probability
from graven.measure.crack_totals import width_sigmas
from graven.measure.crack_width import measure_widths
from graven.measure.uncertainty import BOUNDARY_SIGMA_PX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from graven.measure.line_graph import LineGraph

__all__ = ["LineWidths", "measure_line_widths"]

SEARCH = 3.0
"""Units on either side of a drawn line within which its crack is looked for."""

_REACH, _STEP = 16.0, 0.5  # units
_ALONG = 4.0  # points over which profiles are averaged before the crack is looked for
_LEAST_SIGNAL = 4.0  # standard errors of the ground by which a crack must stand out
_ARC_SHIFT = 4  # bits of a fraction of a pixel with which masks are painted


@dataclass(frozen=True, slots=True)
class LineWidths:
    """Width of one line, in units (`graven.measure.crack_graph.CrackGraph`).

    Attributes
    ----------
    mean, median, p95, most : float, units
        Over the line.
    sigma : float, units
        Uncertainty of each but for the scale.
    """

    mean: float
    median: float
    p95: float
    most: float
    sigma: float


def measure_line_widths(
    lines: LineGraph,
    *,
    image: NDArray[Any] | None = None,
    prob: NDArray[Any] | None = None,
    other: NDArray[np.bool_],
    valid: NDArray[np.bool_],
) -> dict[int, LineWidths]:
    """Measure the widths of lines where they can be measured.

    Parameters
    ----------
    lines : LineGraph
        The lines as a network.
    image : ndarray of shape (H, W), optional
        Grey values.
    prob : ndarray of shape (H, W), optional
        Probability of cracks, uint8 in steps of 1/255 or float from 0 to 1. Used where the image shows no width.
    other : ndarray of shape (H, W), bool
        What else lies there, such as losses.
    valid : ndarray of shape (H, W), bool
        False where nothing is known.

    Returns
    -------
    dict of int to LineWidths
        By line. A line at which neither shows a crack, and one whose crack is wider than about 18 units, is left out.
    """
    found: dict[int, LineWidths] = {}
    for source, values in (("image", image), ("probability", prob)):
        if values is None:
            continue
        evidence = as_probability(values) if source == "probability" else values.astype(np.float32, copy=False)
        for line, widths in _measured(lines, evidence, source, other, valid):
            found.setdefault(line, widths)
    return found


def _measured(
    lines: LineGraph, evidence: NDArray[np.float32], source: str, other: NDArray[np.bool_], valid: NDArray[np.bool_]
) -> Iterator[tuple[int, LineWidths]]:
    """Measure the pieces in one evidence, and give the lines of which any piece has a width."""
    graph = lines.graph
    samples = graph.samples
    profile, offset = _profiles(samples.xy / graph.size, samples.normal / graph.size, evidence)
    shift = _shifts(profile, offset, samples.crack)
    rough = _rough_widths(profile, offset, shift, samples.crack, len(graph))
    xy = samples.xy + shift[:, None] * samples.normal
    centred = replace(graph, samples=replace(samples, xy=xy))
    mask = _painted(xy / graph.size, samples.crack, rough, other.shape) & ~other & valid
    image, prob = (evidence, None) if source == "image" else (None, evidence)
    widths = measure_widths(centred, mask, image=image, prob=prob, other=other, valid=valid)
    sigma = width_sigmas(widths, np.full(len(graph), BOUNDARY_SIGMA_PX))
    good = (widths.source[widths.crack] == source) & np.isfinite(rough)[widths.crack]
    for line in np.unique(lines.line[widths.crack[good]]).tolist():
        own = good & (lines.line[widths.crack] == line)
        values = widths.width[own]
        error = float(np.average(sigma[widths.crack[own]]))
        yield (
            line,
            LineWidths(
                float(values.mean()),
                float(np.median(values)),
                float(np.quantile(values, 0.95)),
                float(values.max()),
                error,
            ),
        )


def _profiles(
    xy: NDArray[np.float64], normal: NDArray[np.float64], evidence: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read values across the line at each point, and the offsets at which they were read."""
    offset = np.arange(-_REACH, _REACH + _STEP / 2, _STEP)
    at = xy[:, None] + offset[None, :, None] * normal[:, None]
    values = ndimage.map_coordinates(evidence, [at[..., 1] - 0.5, at[..., 0] - 0.5], order=1, mode="nearest")
    return np.asarray(values, np.float64), offset


def _shifts(profile: NDArray[np.float64], offset: NDArray[np.float64], crack: NDArray[np.int64]) -> NDArray[np.float64]:
    """Say how far beside each point the crack is: where the profile, averaged along the line, differs most."""
    near = np.abs(offset) <= SEARCH
    shift = np.zeros(len(profile))
    for begin, stop in _runs(crack):
        own = ndimage.gaussian_filter(profile[begin:stop], (_ALONG, 1.0), mode="nearest")
        away = own - np.median(own, axis=1, keepdims=True)
        away *= np.sign(away[:, near].sum()) or 1.0
        best = offset[near][np.argmax(away[:, near], axis=1)]
        shift[begin:stop] = ndimage.median_filter(best, size=9, mode="nearest")
    return shift


def _rough_widths(
    profile: NDArray[np.float64],
    offset: NDArray[np.float64],
    shift: NDArray[np.float64],
    crack: NDArray[np.int64],
    n_cracks: int,
) -> NDArray[np.float64]:
    """Give the width at half depth of the mean profile of each crack, NaN where none stands out."""
    rough = np.full(n_cracks, np.nan)
    for begin, stop in _runs(crack):
        centred = [
            np.interp(offset, offset - s, row) for row, s in zip(profile[begin:stop], shift[begin:stop], strict=True)
        ]
        mean = np.mean(centred, axis=0)
        outer = np.abs(offset) > 0.6 * _REACH
        ground = float(np.median(mean[outer]))
        noise = 1.4826 * float(np.median(np.abs(mean[outer] - ground)))
        middle = len(mean) // 2
        depth = float(mean[middle] - ground)
        if abs(depth) <= _LEAST_SIGNAL * noise or depth == 0:
            continue
        below = (mean - ground) / depth < 0.5
        left, right = np.flatnonzero(below[:middle]), np.flatnonzero(below[middle:])
        if len(left) and len(right):
            rough[crack[begin]] = (right[0] + middle - left[-1] - 1) * _STEP
    return rough


def _painted(
    xy: NDArray[np.float64], crack: NDArray[np.int64], rough: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Paint the pieces as wide as they are about."""
    mask = np.zeros(shape, np.uint8)
    for begin, stop in _runs(crack):
        width = rough[crack[begin]]
        if np.isfinite(width) and stop - begin > 1:
            points = np.rint((xy[begin:stop] - 0.5) * 2**_ARC_SHIFT).astype(np.int32)
            thick = max(1, round(float(width)))
            cv2.polylines(mask, [points[:, None]], isClosed=False, color=1, thickness=thick, shift=_ARC_SHIFT)
    return mask.astype(bool)


def _runs(crack: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield where the points of each crack begin and stop; they follow each other."""
    edges = np.flatnonzero(np.diff(crack)) + 1
    bounds = [0, *edges.tolist(), len(crack)] if len(crack) else []
    yield from itertools.pairwise(bounds)
