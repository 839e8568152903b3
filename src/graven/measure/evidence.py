"""What two photographs show at one place, whatever a network made of them.

Two dates are traced by a network that makes mistakes, and not the same ones twice. A line counts as new only where the
later photograph shows it and the earlier one does not; an area only where its brightness or colour has changed. The
light is divided out first, so contrasts are shares of the brightness around.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy.ndimage import median_filter, uniform_filter1d

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
MIN_DEPTH = 0.08
"""What a line must stand out by, as a share of the brightness around."""
TEXTURE_SIGMAS, MAD_OF_NORMAL = 2.0, 0.6745
MAX_SHARE = 0.4
"""A line that shows in the other photograph with this share of its depth is there as well."""
MAX_OTHER = 0.05
MEDIAN_POINTS = 31
GAP_POINTS = 20
APART_PX = 9.0
MIN_CHANGE, MIN_CONTRAST_SHARE = 0.1, 0.6
RING_PX = 6


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
    size, normal = round(ALONG_PX), _normals(line)
    start = REACH_PX + width_px / 2 + 0.5
    offsets = np.arange(-start - FLANK_PX, start + FLANK_PX + STEP_PX / 2, STEP_PX)
    places = line[:, None] + offsets[None, :, None] * normal[:, None]
    profile = cv2.remap(
        even,
        (places[..., 0] - 0.5).astype(np.float32),
        (places[..., 1] - 0.5).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.float64)
    profile = uniform_filter1d(profile, min(size, len(line)), axis=0, mode="nearest")
    core = max(1, round(width_px / STEP_PX / 2))
    smooth = uniform_filter1d(profile, core, axis=1, mode="nearest")
    centre = smooth[:, np.abs(offsets) <= REACH_PX].min(axis=1)
    left, right = profile[:, offsets < -start].mean(axis=1), profile[:, offsets > start].mean(axis=1)
    return np.asarray(np.minimum(left, right) - centre, np.float64)


@dataclass(frozen=True, slots=True)
class Sight:
    """How one photograph shows lines.

    Attributes
    ----------
    even : ndarray of shape (H, W), float32
        From `even_light`; turned over where lines are paler than their surroundings, as when they are full of dust.
    texture : float
        Depth that hardly any place beside the lines has: two standard deviations, robustly.
    width_px : float, pixels
        Typical width of the lines.
    """

    even: NDArray[np.float32]
    texture: float
    width_px: float

    @classmethod
    def of(cls, even: NDArray[np.float32], lines: Sequence[Ring], *, width_px: float) -> Sight:
        """Learn from a photograph and the lines that were found in it whether they are dark, and what texture shows.

        Parameters
        ----------
        even : ndarray of shape (H, W), float32
            From `even_light`.
        lines : sequence of Ring
            Vertices about a pixel apart.
        width_px : float, pixels
            Typical width of the lines.

        Returns
        -------
        Sight
            Of this photograph.
        """
        pale = np.asarray(2 - even, np.float32)
        depths = [_median_depth(picture, lines, width_px) for picture in (even, pale)]
        seen = even if depths[0] >= depths[1] else pale
        beside = [line + shift * _normals(line) for line in lines for shift in (APART_PX, -APART_PX)]
        if not beside:
            return cls(seen, 0.0, width_px)
        found = np.concatenate([valley_depths(seen, line, width_px=width_px) for line in beside])
        spread = float(np.median(np.abs(found - np.median(found)))) / MAD_OF_NORMAL
        return cls(seen, TEXTURE_SIGMAS * spread, width_px)

    def depths(self, points: Ring) -> NDArray[np.float64]:
        """Say how deep a line shows at each of its points, as a running median."""
        depths = valley_depths(self.even, points, width_px=self.width_px)
        return np.asarray(median_filter(depths, MEDIAN_POINTS, mode="nearest"), np.float64)

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
            Where it does.
        """
        here, there = self.depths(points), other.depths(points)
        shows = here >= max(MIN_DEPTH, self.texture)
        found = shows & (there <= MAX_SHARE * here) & (there <= max(MAX_OTHER, other.texture))
        return _without_gaps(found, GAP_POINTS)


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


def _median_depth(even: NDArray[np.float32], lines: Sequence[Ring], width_px: float) -> float:
    depths = [float(np.median(valley_depths(even, line, width_px=width_px))) for line in lines]
    return float(np.median(depths)) if depths else 0.0
