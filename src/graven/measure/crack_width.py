"""Widths along cracks: in the image, in the probability, or in the mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import InputError
from graven.kernels.sections import cross_sections, fold_profiles, integrate_across, side_levels
from graven.measure.crack_graph import as_probability
from graven.measure.crack_slits import MOST_REACH, STEP, slit_widths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.measure.crack_graph import CrackGraph

__all__ = ["WIDTH_SOURCES", "CrackWidths", "measure_widths"]

WIDTH_SOURCES = ("image", "probability", "mask", "disc")
"""Where a width comes from: see `measure_widths`."""

_FADING = 3.0  # units beyond the border of the mask within which a crack still darkens its surroundings
_GROUND = 5.0  # units beyond that from which the level of the surroundings is taken
_LEAST_FREE = 4.0  # units to the next crack or loss without which the surroundings are not to be told from either
_PIECE = 64  # points of a crack that share one depth
_LEAST_POINTS = 3
_LEAST_SIGNAL = 4.0  # standard errors that the darkness of a piece must exceed


@dataclass(frozen=True, slots=True)
class CrackWidths:
    """Widths of cracks, in units (`graven.measure.crack_graph.CrackGraph`).

    Attributes
    ----------
    crack : ndarray of shape (S,), int64
        Crack of each measured point.
    position : ndarray of shape (S,), float64, units
        Distance from the start of the crack.
    width : ndarray of shape (S,), float64, units
        Width there: in an image the mean over five points.
    mean, median, p95, most : ndarray of shape (E,), float64, units
        Of each crack.
    sigma : ndarray of shape (E,), float64, units
        Uncertainty of the fit of the mean; 0 where nothing was fitted.
    source : ndarray of shape (E,), str
        One of `WIDTH_SOURCES`.
    is_light : ndarray of shape (E,), bool
        Whether the crack is lighter than its surroundings; False without image.
    growth : ndarray of shape (E,), float64, units
        Width at the lower threshold less that at the upper one; 0 without probability.
    """

    crack: NDArray[np.int64]
    position: NDArray[np.float64]
    width: NDArray[np.float64]
    mean: NDArray[np.float64]
    median: NDArray[np.float64]
    p95: NDArray[np.float64]
    most: NDArray[np.float64]
    sigma: NDArray[np.float64]
    source: NDArray[np.str_]
    is_light: NDArray[np.bool_]
    growth: NDArray[np.float64]


@dataclass(slots=True)
class _Points:
    """Points where the mask is plain, and how far it reaches there: along the normal and against it."""

    xy: NDArray[np.float64]
    normal: NDArray[np.float64]
    crack: NDArray[np.int64]
    position: NDArray[np.float64]
    ends: NDArray[np.float64]
    free: NDArray[np.float64]

    def where(self, keep: NDArray[np.bool_]) -> _Points:
        return _Points(*(getattr(self, name)[keep] for name in self.__slots__))

    @property
    def run(self) -> NDArray[np.float64]:
        return np.asarray(self.ends.sum(axis=1))

    def zone(self, margin: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the stretch across the crack with a margin on either side."""
        return np.stack([-(self.ends[:, 1] + margin[:, 1]), self.ends[:, 0] + margin[:, 0]], axis=1)


def measure_widths(
    graph: CrackGraph,
    mask: NDArray[np.bool_],
    *,
    image: NDArray[Any] | None = None,
    prob: NDArray[Any] | None = None,
    other: NDArray[np.bool_] | None = None,
    valid: NDArray[np.bool_] | None = None,
    threshold: float = 0.5,
    threshold_spread: float = 0.1,
) -> CrackWidths:
    """Measure widths along the normals of cracks.

    Parameters
    ----------
    graph : CrackGraph
        The cracks of `mask`.
    mask : ndarray of shape (H, W), bool
        As given to `graven.measure.crack_graph.trace_crack_graph`.
    image : ndarray of shape (H, W), optional
        Grey values; linear ones serve best.
    prob : ndarray of shape (H, W), optional
        Probability of the class, uint8 in steps of 1/255 or float from 0 to 1.
    other, valid
        As in `graven.measure.crack_graph.trace_crack_graph`.
    threshold, threshold_spread : float
        Where the probability was cut, and how far the cut is moved.

    Returns
    -------
    CrackWidths
        Widths at points and of cracks.

    Raises
    ------
    InputError
        If an array has another shape than the mask.

    Notes
    -----
    ``image``: the width of a slit behind a blur that darkens as the crack does (`graven.measure.crack_slits`), fitted
    to pieces of up to 64 units; along a piece the width follows the integral of the darkness below the line between
    the levels on both sides, which no blur changes. A light crack is measured as a dark one in the negative. Levels
    are taken 3 to 8 units beyond the border of the mask; where another crack or a loss is nearer, half-way at most,
    and where it is nearer than 4 units the point is left out. A crack of which nothing is left, that is not clearly
    darker or lighter, or that is wider than 100 units, is measured in the probability or the mask instead.

    ``probability``: its integral across the crack above its level 3 units beyond either border, or half-way to the
    next crack.

    ``mask``: the distance of its borders along the normal, interpolated between pixels; over a crack the mean is its
    area over its length.

    ``disc``: of a crack so short that the discs around its nodes hold all of it, the diameter of the largest disc
    inside, half-way along (`graven.measure.skeleton.skeleton_of`).
    """
    for name, array in (("image", image), ("prob", prob), ("other", other), ("valid", valid)):
        if array is not None and array.shape != mask.shape:
            raise InputError(f"{name} must have the shape of the mask, {mask.shape}, got {array.shape}")
    blocked = np.zeros(mask.shape, bool) if other is None else other.copy()
    if valid is not None:
        blocked |= ~valid
    n_cracks = len(graph)
    points = _plain_points(graph, (mask & ~blocked).view(np.uint8), blocked)
    source = np.full(n_cracks, "disc", "<U11")
    source[points.crack] = "mask"
    width, sigma, is_light = points.run, np.zeros(n_cracks), np.zeros(n_cracks, bool)
    growth = np.zeros(n_cracks)
    if prob is not None:
        evidence = as_probability(prob)
        width = _in_probability(points, evidence)
        source[points.crack] = "probability"
        growth = _growth(points, evidence, blocked, threshold, threshold_spread, n_cracks)
    if image is not None:
        fitted, piece_sigma, light = _in_image(points, image.astype(np.float32, copy=False), n_cracks)
        done = np.bincount(points.crack[np.isfinite(fitted)], minlength=n_cracks) > 0
        source[done] = "image"
        sigma[done], is_light[done] = piece_sigma[done], light[done]
        kept = np.isfinite(fitted) | ~done[points.crack]
        width, points = np.where(done[points.crack], fitted, width)[kept], points.where(kept)
    crack, position, width = _with_discs(graph, points, width, source == "disc")
    mean = np.bincount(crack, weights=width, minlength=n_cracks) / np.maximum(np.bincount(crack, minlength=n_cracks), 1)
    median, p95, most = _quantiles(width, crack, n_cracks, (0.5, 0.95, 1.0))
    return CrackWidths(crack, position, width, mean, median, p95, most, sigma, source, is_light, growth)


def _plain_points(graph: CrackGraph, mask: NDArray[np.uint8], blocked: NDArray[np.bool_]) -> _Points:
    """Find the points across which the mask is as wide as elsewhere along the crack."""
    core = graph.samples.is_core
    xy, normal = graph.samples.xy[core] / graph.size, graph.samples.normal[core] / graph.size
    crack = graph.samples.crack[core]
    found = cross_sections(mask, blocked, xy, normal, 1.5 * graph.samples.disc_width[core] + 12, 0.5)
    points = _Points(xy, normal, crack, graph.samples.position[core], found[:, :2], found[:, 2:])
    points = points.where(np.asarray((points.ends > 0).all(axis=1)))
    usual = _quantiles(points.run, points.crack, len(graph), (0.5,))[0]
    return points.where(points.run <= 1.6 * usual[points.crack] + 2)


def _in_probability(points: _Points, prob: NDArray[np.float32]) -> NDArray[np.float64]:
    zone = points.zone(np.minimum(_FADING, points.free / 2))
    tip = np.stack([zone[:, 0], zone[:, 0] + STEP], axis=1), np.stack([zone[:, 1] - STEP, zone[:, 1]], axis=1)
    base = np.stack([side_levels(prob, points.xy, points.normal, part) for part in tip], axis=1)
    base[points.free[:, ::-1] < 2 * _FADING] = 0.0  # half-way to the next crack is no ground
    return np.maximum(-integrate_across(prob, points.xy, points.normal, zone, base)[:, 0], 0.0)


def _growth(
    points: _Points,
    prob: NDArray[np.float32],
    blocked: NDArray[np.bool_],
    threshold: float,
    spread: float,
    n_cracks: int,
) -> NDArray[np.float64]:
    """Give how much wider cracks are at the lower threshold than at the upper one."""
    reach = points.run + 4
    at = [
        cross_sections(prob, blocked, points.xy, points.normal, reach, level)[:, :2].sum(axis=1)
        for level in (threshold - spread, threshold + spread)
    ]
    total = np.bincount(points.crack, weights=np.maximum(at[0] - at[1], 0), minlength=n_cracks)
    return total / np.maximum(np.bincount(points.crack, minlength=n_cracks), 1)


def _in_image(
    points: _Points, image: NDArray[np.float32], n_cracks: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Give the width at each point, NaN where there is none, and uncertainty and polarity of each crack."""
    near = np.minimum(_FADING, points.free / 2 - 0.5)
    far = np.minimum(_FADING + _GROUND, points.free - near)
    use = (points.free >= _LEAST_FREE).all(axis=1) & (points.run / 2 + _FADING + _GROUND <= MOST_REACH)
    use &= np.bincount(points.crack[use], minlength=n_cracks)[points.crack] >= _LEAST_POINTS
    width = np.full(len(use), np.nan)
    inner, near, far = points.where(use), near[use], far[use]
    level = _levels(inner, image, near, far)
    lack, moment = integrate_across(
        image, inner.xy, inner.normal, inner.zone(near), _base(inner, level, near, far, near)
    ).T
    is_light = np.bincount(inner.crack, weights=lack, minlength=n_cracks) < 0
    sign = np.where(is_light, -1.0, 1.0)[inner.crack]
    lack, moment = lack * sign, moment * sign
    total = _running_mean(lack, inner.crack, 5)
    shift = np.divide(_running_mean(moment, inner.crack, 5), total, out=np.zeros_like(total), where=total > 0)
    shift = np.clip(shift, -inner.run / 4, inner.run / 4)
    inner.xy = inner.xy + shift[:, None] * inner.normal
    inner.ends = inner.ends + shift[:, None] * np.array([-1.0, 1.0])
    piece, n_pieces = _pieces(inner.crack)
    n_steps = int((inner.run.max(initial=0) / 2 + _FADING + _GROUND) / STEP) + 2
    depth, count = fold_profiles(
        image, inner.xy, inner.normal, inner.zone(far), _base(inner, level, near, far, far), piece, n_pieces, n_steps
    )
    first = np.searchsorted(piece, np.arange(n_pieces))
    depth *= sign[first][:, None] / np.maximum(count, 1)
    n_points = np.bincount(piece, minlength=n_pieces)
    mean_lack = np.bincount(piece, weights=lack, minlength=n_pieces) / n_points
    error = np.sqrt(np.bincount(piece, weights=(lack - mean_lack[piece]) ** 2, minlength=n_pieces)) / n_points
    mask_width = np.bincount(piece, weights=inner.run, minlength=n_pieces) / n_points
    fitted, sigma = slit_widths(depth, count, mask_width)
    fitted[mean_lack <= _LEAST_SIGNAL * error] = np.nan
    width[use] = np.maximum(fitted[piece] * _running_mean(lack, inner.crack, 2) / mean_lack[piece], 0)
    of_crack = inner.crack[first]
    found = np.isfinite(fitted)
    share = np.where(found, n_points, 0.0)
    total_share = np.maximum(np.bincount(of_crack, weights=share, minlength=n_cracks), 1)
    variance = np.bincount(of_crack, weights=np.where(found, share * np.nan_to_num(sigma), 0) ** 2, minlength=n_cracks)
    return width, np.sqrt(variance) / total_share, is_light


def _levels(
    points: _Points, image: NDArray[np.float32], near: NDArray[np.float64], far: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give the level of the surroundings against the normal and along it, as a mean over nine points."""
    sides = []
    for side, sign in ((1, -1.0), (0, 1.0)):
        zone = sign * (points.ends[:, [side]] + np.stack([near[:, side], far[:, side]], axis=1))
        sides.append(_running_mean(side_levels(image, points.xy, points.normal, zone), points.crack, 4))
    return np.stack(sides, axis=1)


def _base(
    points: _Points,
    level: NDArray[np.float64],
    near: NDArray[np.float64],
    far: NDArray[np.float64],
    at: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Give the line through both levels, which hold half-way from `near` to `far`, at the ends of the zone `at`."""
    middle, zone = points.zone((near + far) / 2), points.zone(at)
    slope = (level[:, 1] - level[:, 0]) / (middle[:, 1] - middle[:, 0])
    return np.asarray(level[:, [0]] + slope[:, None] * (zone - middle[:, [0]]))


def _pieces(crack: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Divide the points of each crack evenly into pieces; points of a crack follow each other."""
    if len(crack) == 0:
        return np.zeros(0, np.int64), 0
    _, first, count = np.unique(crack, return_index=True, return_counts=True)
    n_pieces = np.maximum(1, np.rint(count / _PIECE).astype(np.int64))
    before = np.concatenate([[0], np.cumsum(n_pieces)])
    rank = np.arange(len(crack)) - np.repeat(first, count)
    return np.repeat(before[:-1], count) + rank * np.repeat(n_pieces, count) // np.repeat(count, count), int(before[-1])


def _running_mean(values: NDArray[np.float64], crack: NDArray[np.int64], half: int) -> NDArray[np.float64]:
    """Give the mean over as many points of the same crack to either side."""
    index = np.arange(len(values))
    first = np.maximum(np.searchsorted(crack, crack, side="left"), index - half)
    last = np.minimum(np.searchsorted(crack, crack, side="right"), index + half + 1)
    total = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray((total[last] - total[first]) / (last - first))


def _with_discs(
    graph: CrackGraph, points: _Points, width: NDArray[np.float64], is_disc: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Add the disc half-way along each crack that has no point of its own."""
    samples = graph.samples
    without = np.flatnonzero(is_disc)
    middle = (np.searchsorted(samples.crack, without) + np.searchsorted(samples.crack, without, side="right")) // 2
    crack = np.concatenate([points.crack, without])
    position = np.concatenate([points.position, samples.position[middle]])
    everything = np.concatenate([width, samples.disc_width[middle]])
    order = np.lexsort((position, crack))
    return crack[order], position[order], everything[order]


def _quantiles(
    values: NDArray[np.float64], group: NDArray[np.int64], n_groups: int, shares: tuple[float, ...]
) -> list[NDArray[np.float64]]:
    """Give quantiles of each group, interpolated; NaN for a group without values."""
    order = np.lexsort((values, group))
    ranked = values[order]
    count = np.bincount(group, minlength=n_groups)
    first = np.concatenate([[0], np.cumsum(count)])[:-1]
    found = []
    for share in shares:
        at = first + share * np.maximum(count - 1, 0)
        low = np.minimum(np.floor(at).astype(np.int64), max(len(values) - 1, 0))
        high = np.minimum(low + 1, np.maximum(first + count - 1, low))
        result = np.full(n_groups, np.nan)
        some = count > 0
        result[some] = ranked[low[some]] + (at - low)[some] * (ranked[high[some]] - ranked[low[some]])
        found.append(result)
    return found
