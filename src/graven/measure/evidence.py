"""What two photographs show at one place, whatever a network made of them.

Two dates are traced by a network that makes mistakes, and not the same ones twice. A line counts as new only where the
difference of the photographs is a line and the earlier one does not show it; an area only where its brightness or
colour has changed. The light is divided out first, so contrasts are shares of the brightness around.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scipy.ndimage import median_filter, uniform_filter1d

from graven.measure.change import stretches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.types import Ring

__all__ = ["Sight", "areas_differ", "detail_agreement", "even_light", "valley_depths"]

LIGHT_PX = 24.0
DETAIL_PX = 8.0
STEP_PX = 0.5
FLANK_PX = 4.0
ALONG_PX = 8.0
REACH_PX = 1.5
FAR_PX = 4.0, 10.0
"""Beyond the width of a line: where its surroundings begin and end."""
WIDER = 1.0, 2.0
"""Widths that are looked for, as multiples of the typical one."""
MIN_DEPTH = 0.12
"""What a line must have come to stand out by, as a share of the brightness around."""
MIN_SEEN, SURE_DEPTH = 0.06, 0.25
"""What it stands out by now; beside ornament, where it stands out from nothing, what it changed by must be larger."""
NOISE_SIGMAS = 3.0
MAX_SHARE = 0.3
"""A line that shows in the other photograph with this share of its depth is there as well."""
MAX_SEEN = 0.25
"""And so is one that shows there in any colour, dark or pale, with this share of what it changed by."""
MAX_LOBE, LOBE_SLACK = 0.3, 0.01
"""Relief in another light darkens one side and brightens the other; a new line hardly does the second."""
EASIER = 0.5
"""How much less is asked of what continues a line that counts."""
MEDIAN_POINTS = 31
GAP_POINTS, END_POINTS = 20, 12
MIN_CHANGE, MIN_CONTRAST_SHARE = 0.1, 0.6
RING_PX = 6
MAD_OF_NORMAL = 0.6745


def even_light(pixels: NDArray[np.generic], valid: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """Divide the light out of a photograph.

    Parameters
    ----------
    pixels : ndarray of shape (H, W) or (3, H, W)
        Brightness, or colours.
    valid : ndarray of shape (H, W), bool, optional
        Where there is a picture.

    Returns
    -------
    ndarray of the same shape, float32
        Values over the brightness of the surroundings (a Gaussian of 24 px, all bands together); 1 where there is no
        picture.
    """
    values = pixels.astype(np.float32) + 1
    grey = values if values.ndim == 2 else values.mean(axis=0)
    weight = np.ones(grey.shape, np.float32) if valid is None else valid.astype(np.float32)
    share = np.maximum(cv2.GaussianBlur(weight, (0, 0), LIGHT_PX), 1e-3)
    around = np.maximum(cv2.GaussianBlur(grey * weight, (0, 0), LIGHT_PX) / share, 1)
    return np.where(weight > 0, values / around, np.float32(1)).astype(np.float32)


def valley_depths(even: NDArray[np.float32], line: Ring, *, width_px: float) -> NDArray[np.float64]:
    """Say how deep a dark valley runs along a line.

    Parameters
    ----------
    even : ndarray of shape (H, W), float32
        From `even_light`.
    line : ndarray of shape (N, 2), float64, pixels
        Vertices ``(x, y)`` about a pixel apart, at least two.
    width_px : float, pixels
        Width of the valley.

    Returns
    -------
    ndarray of shape (N,), float64
        The darkest place within 1.5 px below the darker of both flanks, as a share of the brightness; negative for a
        ridge, about 0 for an edge. Profiles are averaged over 8 points of the line.
    """
    profile, offsets = _profiles(even, line, reach_px=REACH_PX + width_px / 2 + STEP_PX + FLANK_PX)
    return _valleys(profile, offsets, width_px)


@dataclass(frozen=True, slots=True)
class Sight:
    """How one photograph shows lines.

    Attributes
    ----------
    even : ndarray of shape (H, W), float32
        Brightness, from `even_light`.
    colours : ndarray of shape (C, H, W), float32
        Colours, from `even_light`: a line that is as bright as the paint may still show by its hue.
    width_px : float, pixels
        Typical width of the lines.
    """

    even: NDArray[np.float32]
    colours: NDArray[np.float32]
    width_px: float

    def alone(self, points: Ring, other: Sight) -> NDArray[np.bool_]:
        """Say where a line shows in this photograph and not in another that lies on it.

        Parameters
        ----------
        points : ndarray of shape (N, 2), float64, pixels
            Points of the line about a pixel apart.
        other : Sight
            The other photograph.

        Returns
        -------
        ndarray of shape (N,), bool
            Where it does: where the difference of the photographs is a dark line, or a pale one, beside which it is not
            brighter, or darker, as it is where relief is lit from another side, and where the other photograph shows
            no line in any colour. What continues such a place counts where it shows more weakly; so do short gaps, and
            an end that is close, where other lines disturb.
        """
        reach = max(self.width_px + FAR_PX[1], REACH_PX + max(WIDER) * self.width_px / 2 + STEP_PX + FLANK_PX)
        here, offsets = _profiles(self.even, points, reach_px=reach)
        there, _ = _profiles(other.even, points, reach_px=reach)
        found = np.zeros(len(points), bool)
        for sign in (1, -1):
            strong, weak = _come(sign * here, sign * there, offsets, self.width_px)
            for first, last in stretches(weak):
                found[first:last] |= strong[first:last].any()
        true = np.flatnonzero(found)
        if len(true):
            found[: true[0]] = true[0] <= END_POINTS
            found[true[-1] :] = len(found) - 1 - true[-1] <= END_POINTS
            found[true[-1]] = True
        found = _without_gaps(found, GAP_POINTS)
        theirs = [_profiles(band, points, reach_px=reach)[0] for band in other.colours]
        gain, seen = (_deepest(parts, offsets, self.width_px) for parts in ([here - there], theirs))
        is_new = seen <= MAX_SEEN * gain
        for first, last in stretches(found):
            found[first:last] = is_new[first:last].mean() >= 0.5
        return found


def detail_agreement(even: NDArray[np.float32], other: NDArray[np.float32], known: NDArray[np.bool_]) -> float:
    """Correlate the fine detail of two photographs that lie on each other.

    Parameters
    ----------
    even, other : ndarray of shape (H, W), float32
        From `even_light`.
    known : ndarray of shape (H, W), bool
        Where both are.

    Returns
    -------
    float, -1 to 1
        Pearson's coefficient of what is finer than 8 px. Two photographs in similar light reach 0.95; raking light
        beside diffuse light does not, and its shadows would pass for change. NaN where too little is known at both
        dates, or one shows nothing at all.
    """
    inner = cv2.erode(known.astype(np.uint8), np.ones((41, 41), np.uint8), borderValue=0).astype(bool)
    if np.count_nonzero(inner) < 1000:
        return math.nan
    fine = [
        cv2.GaussianBlur(picture - cv2.GaussianBlur(picture, (0, 0), DETAIL_PX), (0, 0), 1.0)[inner]
        for picture in (even, other)
    ]
    return float(np.corrcoef(fine[0], fine[1])[0, 1])


def areas_differ(
    labels: NDArray[np.int32], chosen: NDArray[np.bool_], pictures: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> NDArray[np.bool_]:
    """Say which areas look different in two photographs that lie on each other.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int32
        Number of the area that a pixel belongs to; 0 is none.
    chosen : ndarray of shape (N,), bool
        Numbers that are asked about.
    pictures : pair of ndarray of shape (3, H, W), float32
        Colours of the date that has the areas, and of the other, from `even_light`.

    Returns
    -------
    ndarray of shape (N,), bool
        Of those chosen, where the mean colour differs between the dates by 0.1 and by six tenths of what the area
        stands out from its surroundings.
    """
    n = len(chosen)
    asked = np.where(chosen[labels], labels, 0).astype(np.int32)
    wide = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RING_PX + 1, 2 * RING_PX + 1))
    grown = cv2.dilate(asked.astype(np.float32), wide).astype(np.int32)
    ring = np.where(labels == 0, grown, 0)
    here, there = ([_means(band, asked, n) for band in picture] for picture in pictures)
    around = [_means(band, ring, n) for band in pictures[0]]
    change = np.sqrt(sum((a - b) ** 2 for a, b in zip(here, there, strict=True)))
    contrast = np.sqrt(sum((a - b) ** 2 for a, b in zip(here, around, strict=True)))
    return np.asarray(chosen & (change >= math.sqrt(3) * MIN_CHANGE) & (change >= MIN_CONTRAST_SHARE * contrast), bool)


def _profiles(
    even: NDArray[np.float32], line: Ring, *, reach_px: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give brightness across a line at each of its points, averaged over 8 of them, and the offsets."""
    steps = math.ceil(reach_px / STEP_PX)
    offsets = np.arange(-steps, steps + 1) * STEP_PX
    places = line[:, None] + offsets[None, :, None] * _normals(line)[:, None]
    profile = cv2.remap(
        even,
        (places[..., 0] - 0.5).astype(np.float32),
        (places[..., 1] - 0.5).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.float64)
    profile = uniform_filter1d(profile, min(round(ALONG_PX), len(line)), axis=0, mode="nearest")
    return np.asarray(profile, np.float64), offsets.astype(np.float64)


def _valleys(profile: NDArray[np.float64], offsets: NDArray[np.float64], width_px: float) -> NDArray[np.float64]:
    """Say how far the darkest place near the middle lies below the darker flank."""
    start = REACH_PX + width_px / 2 + STEP_PX
    smooth = uniform_filter1d(profile, max(1, round(width_px / STEP_PX / 2)), axis=1, mode="nearest")
    centre = smooth[:, np.abs(offsets) <= REACH_PX].min(axis=1)
    flank = (np.abs(offsets) > start) & (np.abs(offsets) <= start + FLANK_PX)
    left, right = (profile[:, flank & (side * offsets > 0)].mean(axis=1) for side in (-1, 1))
    return np.asarray(np.minimum(left, right) - centre, np.float64)


def _deepest(profiles: Sequence[NDArray[np.float64]], offsets: NDArray[np.float64], width_px: float) -> NDArray[Any]:
    """Say how deep a valley, or how high a ridge, shows in any of the profiles, as a running median."""
    found = [
        _valleys(sign * part, offsets, wider * width_px) for part in profiles for sign in (1, -1) for wider in WIDER
    ]
    size = (1, min(MEDIAN_POINTS, found[0].size))
    return np.asarray(median_filter(np.array(found), size, mode="nearest").max(axis=0), np.float64)


def _come(
    here: NDArray[np.float64], there: NDArray[np.float64], offsets: NDArray[np.float64], width_px: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say where a dark line shows in the first profiles and not in the second, surely and perhaps."""
    n_points = min(MEDIAN_POINTS, len(here))
    change = here - there
    depths = np.array(
        [[_valleys(part, offsets, wider * width_px) for part in (here, there, change)] for wider in WIDER]
    )
    depths = median_filter(depths, (1, 1, n_points), mode="nearest")
    best = depths[:, 2].argmax(axis=0)[None, None]
    now, before, gain = np.take_along_axis(depths, best, axis=0)[0]
    steady = median_filter(change, (n_points, 1), mode="nearest")
    steady = uniform_filter1d(steady, max(1, round(width_px)), axis=1, mode="nearest")
    far, near = np.abs(offsets) > width_px + FAR_PX[0], np.abs(offsets) <= width_px / 2 + 2.5
    level = np.median(steady[:, far], axis=1)
    noise = np.median(np.abs(steady[:, far] - level[:, None]), axis=1) / MAD_OF_NORMAL
    lobe, depth = steady[:, near].max(axis=1) - level, level - steady[:, near].min(axis=1)
    stands = (now >= MIN_SEEN) | (gain >= SURE_DEPTH)
    is_clear = (gain >= MIN_DEPTH) & (gain >= NOISE_SIGMAS * noise) & stands
    strong = is_clear & (before <= MAX_SHARE * gain) & (lobe <= MAX_LOBE * depth + LOBE_SLACK)
    weak = (gain >= EASIER * MIN_DEPTH) & (before <= MAX_SHARE / EASIER * gain)
    weak &= lobe <= MAX_LOBE / EASIER * depth + LOBE_SLACK
    return strong, strong | weak


def _normals(line: Ring) -> NDArray[np.float64]:
    """Give the unit normal at each vertex, over a few vertices."""
    chord = np.gradient(np.asarray(line, np.float64), axis=0)
    tangent = uniform_filter1d(chord, min(round(ALONG_PX), len(line)), axis=0, mode="nearest")
    tangent /= np.maximum(np.hypot(*tangent.T), 1e-9)[:, None]
    return np.column_stack([-tangent[:, 1], tangent[:, 0]])


def _without_gaps(mask: NDArray[np.bool_], longest: int) -> NDArray[np.bool_]:
    """Fill gaps between two stretches that are no longer than so many points."""
    filled = mask.copy()
    true = np.flatnonzero(mask)
    for left, right in pairwise(true):
        filled[left:right] |= right - left - 1 <= longest
    return filled


def _means(values: NDArray[np.float32], labels: NDArray[np.int32], n: int) -> NDArray[np.float64]:
    counts = np.bincount(labels.ravel(), minlength=n)
    sums = np.bincount(labels.ravel(), weights=values.ravel(), minlength=n)
    return np.asarray(sums / np.maximum(counts, 1), np.float64)
