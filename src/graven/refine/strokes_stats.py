"""How wide the strokes of drawings are: half-widths on the skeleton, and a shifted Gamma distribution of them.

The value sampled is the Euclidean distance from a skeleton pixel to the nearest background pixel. It is a half-width:
a stroke of odd width ``w`` gives ``(w + 1) / 2``. The published simulation takes it as a number of dilation steps, and
measured it at full size but draws on the half-size grid; so its mean, 6, gives hints of 13 pixels there where strokes
have about 6, and the mean less two standard deviations, 3, gives 7 and fits best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import digamma, gammaln, polygamma
from skimage.morphology import skeletonize

from graven.errors import DataError, InputError, MismatchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "OFFICIAL_STROKES",
    "StrokeStatistics",
    "StrokeWidth",
    "fit_stroke_statistics",
    "half_widths",
    "half_widths_at",
    "within_two_sigma",
]

StrokeWidth = Literal["sampled", "mean", "thin"]
"""How wide a simulated hint is, the paper's options a, b and c."""


_LOG_LEADS = (math.log(1e-3), math.log(1e3))
"""How far before the smallest value a fitted distribution may begin, in standard deviations."""


@dataclass(frozen=True, slots=True)
class StrokeStatistics:
    """A shifted Gamma distribution of half-widths.

    Attributes
    ----------
    shape : float, > 0
        Shape ``a`` of the Gamma distribution.
    loc : float, pixels
        Where it begins; may be negative.
    scale : float, pixels, > 0
        Its scale.

    Examples
    --------
    >>> OFFICIAL_STROKES.n_guard, OFFICIAL_STROKES.n_mean, OFFICIAL_STROKES.n_thin
    (9, 6, 3)
    """

    shape: float
    loc: float
    scale: float

    def __post_init__(self) -> None:
        if not (self.shape > 0 and self.scale > 0 and math.isfinite(self.shape + self.loc + self.scale)):
            raise InputError(f"a Gamma distribution needs a positive shape and scale, got {self}")

    @property
    def mean(self) -> float:
        """Mean half-width in pixels."""
        return self.shape * self.scale + self.loc

    @property
    def std(self) -> float:
        """Standard deviation of the half-width in pixels."""
        return math.sqrt(self.shape) * self.scale

    @property
    def n_mean(self) -> int:
        """Dilation steps of a hint of mean width."""
        return max(1, round(self.mean))

    @property
    def n_thin(self) -> int:
        """Dilation steps of a thin hint, two standard deviations below the mean."""
        return max(1, round(self.mean - 2 * self.std))

    @property
    def n_guard(self) -> int:
        """Dilation steps around a true line within which nothing is superfluous, two deviations above the mean."""
        return max(1, round(self.mean + 2 * self.std))

    def steps(self, width: StrokeWidth, rng: np.random.Generator) -> int:
        """Give the dilation steps of one hint.

        Parameters
        ----------
        width : {"sampled", "mean", "thin"}
            ``sampled`` draws a half-width; the others draw nothing.
        rng : numpy.random.Generator
            Source of the half-width.

        Returns
        -------
        int, >= 1
            Rounded, halves to even.
        """
        if width == "sampled":
            return max(1, round(rng.gamma(self.shape, self.scale) + self.loc))
        return self.n_mean if width == "mean" else self.n_thin


OFFICIAL_STROKES = StrokeStatistics(shape=49.12884764154485, loc=-4.2788432450867955, scale=0.21316680159573143)
"""The constants of the published code, from 25 drawings of Etruscan mirrors at full size."""


def half_widths(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Sample the half-width of every stroke of a drawing at each pixel of its skeleton.

    Parameters
    ----------
    mask : ndarray of shape (H, W), bool
        The drawing, at full size.

    Returns
    -------
    ndarray of shape (N,), float64, pixels, >= 1
        Distances to the background in raster order; those of several drawings are concatenated. Empty where the
        drawing is.

    Raises
    ------
    DataError
        If the mask has no background.
    InputError
        If it is not a bool image.
    """
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise InputError(f"expected a bool mask of shape (H, W), got {mask.dtype} of shape {mask.shape}")
    return half_widths_at(mask, skeletonize(mask))


def half_widths_at(mask: NDArray[np.bool_], skeleton: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Sample half-widths at given pixels.

    Parameters
    ----------
    mask : ndarray of shape (H, W), bool
        The drawing.
    skeleton : ndarray of shape (H, W), bool
        Where to sample; pixels outside `mask` give 0.

    Returns
    -------
    ndarray of shape (N,), float64, pixels
        Distances to the nearest background pixel in raster order.

    Raises
    ------
    MismatchError
        If shapes differ; both are shown.
    DataError
        If the mask has no background.

    Notes
    -----
    A squared distance is a whole number, so distances below 2000 pixels, which OpenCV gives in single precision, are
    rounded back to exact ones.
    """
    if mask.shape != skeleton.shape:
        raise MismatchError(
            f"the mask has shape {mask.shape}, the skeleton {skeleton.shape}; they must be one drawing's"
        )
    if mask.all():
        raise DataError("a drawing needs background, got a mask that is set everywhere; is it the object's mask?")
    distance = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[skeleton]
    return np.sqrt(np.rint(distance.astype(np.float64) ** 2))


def within_two_sigma(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keep the values within two population standard deviations of the mean, limits included.

    Parameters
    ----------
    values : ndarray of shape (N,), float64
        Any sample.

    Returns
    -------
    ndarray of shape (M,), float64
        Those kept, in order; applied once, not until nothing changes.

    Examples
    --------
    >>> within_two_sigma(np.array([4.0, 5, 5, 6, 6, 6, 7, 7, 8, 20])).tolist()
    [4.0, 5.0, 5.0, 6.0, 6.0, 6.0, 7.0, 7.0, 8.0]
    """
    if values.size == 0:
        return values.copy()
    kept: NDArray[np.float64] = values[np.abs(values - values.mean()) <= 2 * values.std()]
    return kept


def fit_stroke_statistics(values: NDArray[np.float64]) -> StrokeStatistics:
    """Fit the distribution of half-widths by maximum likelihood, with its beginning free.

    Parameters
    ----------
    values : ndarray of shape (N,), float64, pixels
        From `half_widths`, of all drawings together. Those beyond two standard deviations are left out first.

    Returns
    -------
    StrokeStatistics
        The fitted distribution.

    Raises
    ------
    DataError
        If fewer than three different values are left: there is nothing to fit.

    Notes
    -----
    For a given beginning shape and scale follow in closed form but for one root, so only the beginning is searched: up
    to a thousand standard deviations before the smallest value, which a sample without skew asks for. Few different
    distances occur, so the time does not depend on the size of the sample.
    """
    kept = within_two_sigma(values)
    distinct, counts = np.unique(kept, return_counts=True)
    if distinct.size < 3:
        raise DataError(
            f"three different half-widths are needed to fit their distribution, got {distinct.size} "
            f"among {kept.size} values; give larger drawings"
        )
    share = counts / kept.size
    std = float(kept.std())

    def fit_from(log_lead: float) -> tuple[float, StrokeStatistics]:
        loc = float(distinct[0] - math.exp(log_lead) * std)
        return _fit_from(loc, distinct, share)

    found = minimize_scalar(lambda log_lead: fit_from(log_lead)[0], bounds=_LOG_LEADS, method="bounded")
    return fit_from(float(found.x))[1]


def _fit_from(loc: float, values: NDArray[np.float64], share: NDArray[np.float64]) -> tuple[float, StrokeStatistics]:
    """Fit shape and scale for a given beginning; give the negative mean log-likelihood with them."""
    mean, mean_log = float(share @ (values - loc)), float(share @ np.log(values - loc))
    gap = math.log(mean) - mean_log
    shape = (3 - gap + math.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)  # close; Newton makes it exact
    for _ in range(4):
        shape -= (math.log(shape) - digamma(shape) - gap) / (1 / shape - polygamma(1, shape))
    scale = mean / shape
    cost = gammaln(shape) + shape * math.log(scale) - (shape - 1) * mean_log + shape
    return float(cost), StrokeStatistics(float(shape), loc, float(scale))
