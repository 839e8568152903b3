"""A correction of the first answer on the whole panel, learnt from the strokes that were drawn so far.

The first network gives a pixel the logit l, and saw the numbers f before its last convolution. The corrected logit is
l + g with g = w · φ and φ = (1, standardised f, l / 4); w is normal around 0 beforehand. Pixels of strokes tell what is
true; pixels that nobody touched, the **anchors**, have the network's own probability as a soft label and hold
everything else where it is. The posterior of w is that of Bayesian logistic regression, by Laplace's method.

Strokes are drawn only where the network was wrong, so they overstate how often it is. The correction is therefore cut
back until it changes no more untouched pixels than it has earned: each group of strokes is judged by a correction
learnt from the others, and what that would have set right there, less what it would have set wrong, is the credit.
Upwards and downwards are weighed apart: additions do not earn the right to take away.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.special import expit

from graven.errors import InputError, MismatchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Adjustment", "AdjustmentSettings", "Evidence", "Samples", "fit_adjustment", "moderated"]

_LOGIT_SCALE = 4.0
_SMALLEST_DEVIATION = 1e-6
_N_HELD = 4096
_MAX_STEPS = 50
_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentSettings:
    """How much strokes and untouched pixels say.

    Attributes
    ----------
    prior_sigma : float, > 0
        Standard deviation of every coefficient beforehand.
    stroke_weight : float, >= 0
        Observations that one stroke counts for, however many pixels it has: neighbours repeat each other.
    anchor_weight : float, > 0
        Observations that all anchors count for together.
    trust : float, >= 0, or inf
        Untouched pixels that may change sides for each pixel of credit; ``inf`` sets no bound.
    least_recall_up : float, 0 to 1
        There is no credit for rises unless they set right at least this share of what additions had to set right: a
        rise draws lines where nobody has looked, and each that is wrong costs a stroke.
    n_folds : int, >= 2
        Groups of strokes that are judged by the others; single strokes where there are fewer.
    """

    prior_sigma: float = 0.5
    stroke_weight: float = 8.0
    anchor_weight: float = 2000.0
    trust: float = 3.0
    least_recall_up: float = 0.4
    n_folds: int = 8

    def __post_init__(self) -> None:
        if not (self.prior_sigma > 0 and self.anchor_weight > 0 and self.stroke_weight >= 0 and self.trust >= 0):
            raise InputError(
                f"prior_sigma and anchor_weight must be above 0, stroke_weight and trust at least 0, got {self}"
            )
        if self.n_folds < 2:
            raise InputError(f"n_folds must be 2 or more, got {self.n_folds}")


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Pixels, as the first network saw them.

    Attributes
    ----------
    features : ndarray of shape (N, C), float32 or float64
        What it saw before its last convolution.
    initial : ndarray of shape (N,), float64
        Its logits.
    """

    features: NDArray[np.floating]
    initial: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or self.initial.shape != self.features.shape[:1]:
            raise MismatchError(
                f"features of shape {self.features.shape} need one logit each, got {self.initial.shape}"
            )
        if not (np.isfinite(self.features).all() and np.isfinite(self.initial).all()):
            raise InputError("features and logits of samples must be finite")


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What there is to learn from.

    Attributes
    ----------
    drawn : Samples
        Pixels of strokes.
    is_there : ndarray of shape (N,), bool
        Whether their stroke adds.
    stroke : ndarray of shape (N,), int64
        Number of their stroke, from 0 on.
    drawn_px : ndarray of shape (N,), float64, pixels
        How many pixels of its stroke each stands for.
    anchors : Samples
        Pixels that nobody touched, in random order. The first 4096 hold the fit; all are counted where sides change.
    anchor_px : float, pixels
        How many untouched pixels of the panel each anchor stands for.
    """

    drawn: Samples
    is_there: NDArray[np.bool_]
    stroke: NDArray[np.int64]
    drawn_px: NDArray[np.float64]
    anchors: Samples
    anchor_px: float

    def __post_init__(self) -> None:
        n_drawn = self.drawn.initial.shape
        if not self.is_there.shape == self.stroke.shape == self.drawn_px.shape == n_drawn:
            raise MismatchError("every drawn pixel needs its sign, its stroke and its weight")
        if not len(self.anchors.initial):
            raise InputError("an adjustment needs untouched pixels to hold on to, and there are none")

    @property
    def n_strokes(self) -> int:
        """How many strokes there are."""
        return int(self.stroke.max()) + 1 if len(self.stroke) else 0


@dataclass(frozen=True, slots=True, eq=False)
class Adjustment:
    """A correction that was learnt.

    Attributes
    ----------
    centre, scale : ndarray of shape (C,), float64
        Mean and deviation of the features over the anchors.
    coefficients : ndarray of shape (C + 2,), float64
        Of the constant, the standardised features, and the logit over 4: the mode of the posterior.
    root : ndarray of shape (C + 2, C + 2), float64
        Lower triangular; its product with its transpose is the curvature of the posterior there.
    up, down : float, 0 to 1
        How much of a rise and of a fall of the logit is kept.
    credit_up, credit_down : float, pixels
        What earned that.
    """

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    root: NDArray[np.float64]
    up: float
    down: float
    credit_up: float
    credit_down: float

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Covariance of the coefficients, of shape (C + 2, C + 2)."""
        found: NDArray[np.float64] = cho_solve((self.root, True), np.eye(len(self.root)))
        return found

    @property
    def sha256(self) -> str:
        """Hash of all that changes pixels."""
        digest = hashlib.sha256()
        for values in (self.centre, self.scale, self.coefficients, self.root, np.array([self.up, self.down])):
            digest.update(values.astype("<f8").tobytes())
        return digest.hexdigest()

    def change(self, samples: Samples) -> NDArray[np.float64]:
        """Give what is added to the logit of pixels.

        Parameters
        ----------
        samples : Samples
            N pixels of the panel.

        Returns
        -------
        ndarray of shape (N,), float64
            The correction, cut back to what was earned.

        Raises
        ------
        MismatchError
            If they have another number of features than was learnt from.
        """
        _check_width(samples, len(self.centre))
        slopes = self.coefficients[1:-1] / self.scale
        constant = self.coefficients[0] - slopes @ self.centre
        change: NDArray[np.float64] = samples.features @ slopes.astype(samples.features.dtype) + constant
        change = change + samples.initial * (self.coefficients[-1] / _LOGIT_SCALE)
        return np.where(change > 0, self.up, self.down) * change

    def sigma(self, samples: Samples) -> NDArray[np.float64]:
        """Give the standard deviation of the correction, as it was before it was cut back; else as `change`."""
        design = _design(samples, self.centre, self.scale)
        spread = design @ solve_triangular(self.root, np.eye(len(self.root)), lower=True).T
        found: NDArray[np.float64] = np.sqrt(np.einsum("nk,nk->n", spread, spread))
        return found


def moderated(
    logit: NDArray[np.float64], sigma: NDArray[np.float64], *, threshold_logit: float = 0.0
) -> NDArray[np.float64]:
    """Give the mean probability of a logit that is known up to a normal error.

    Parameters
    ----------
    logit : ndarray, float64
        Its mean.
    sigma : ndarray of that shape, float64, >= 0
        Its standard deviation.
    threshold_logit : float
        Logit from which a pixel counts as engraved.

    Returns
    -------
    ndarray of that shape, float64, 0 to 1
        ``sigmoid(logit / sqrt(1 + pi sigma**2 / 8))`` [1]_, with logits counted from the threshold: the nearer to it
        the less is known, and never on its other side.

    References
    ----------
    .. [1] MacKay, The evidence framework applied to classification networks, Neural Computation 4 (1992),
       10.1162/neco.1992.4.5.720.

    Examples
    --------
    >>> moderated(np.array([2.0, 2.0]), np.array([0.0, 4.0])).round(3).tolist()
    [0.881, 0.677]
    """
    above = (logit - threshold_logit) / np.sqrt(1 + math.pi * sigma**2 / 8)
    found: NDArray[np.float64] = expit(threshold_logit + above)
    return found


def fit_adjustment(
    evidence: Evidence, *, threshold_logit: float = 0.0, settings: AdjustmentSettings | None = None
) -> Adjustment:
    """Learn a correction from strokes.

    Parameters
    ----------
    evidence : Evidence
        Strokes and untouched pixels.
    threshold_logit : float
        Logit from which a pixel counts as engraved.
    settings : AdjustmentSettings, optional
        How much they say.

    Returns
    -------
    Adjustment
        Without strokes, one that changes nothing.

    Notes
    -----
    Deterministic: Newton's method on a convex function in float64.
    """
    settings = AdjustmentSettings() if settings is None else settings
    anchors, drawn = evidence.anchors, evidence.drawn
    centre = anchors.features.mean(axis=0, dtype=np.float64)
    scale = np.maximum(anchors.features.std(axis=0, dtype=np.float64), _SMALLEST_DEVIATION)
    held, n_held = _design(anchors, centre, scale), min(len(anchors.initial), _N_HELD)
    at_rest = anchors.initial[:n_held]
    problem = _Problem(
        np.concatenate([held[:n_held], _design(drawn, centre, scale)]),
        np.concatenate([at_rest, drawn.initial]),
        np.concatenate([expit(at_rest), evidence.is_there]),
        settings.prior_sigma,
    )
    group = evidence.stroke % settings.n_folds
    weight = _weights(evidence, n_held, settings)
    coefficients = problem.mode(weight, np.zeros(problem.design.shape[1]))
    root = np.linalg.cholesky(problem.curvature(weight, coefficients)).astype(np.float64)
    unseen = np.zeros(len(drawn.initial))
    for left_out in np.unique(group):
        is_out = np.concatenate([np.zeros(n_held, np.bool_), group == left_out])
        others = problem.mode(np.where(is_out, 0.0, weight), coefficients)
        unseen[group == left_out] = problem.design[is_out] @ others
    credit_up, credit_down = _credits(evidence, unseen, threshold_logit, settings.least_recall_up)
    rise = held @ coefficients
    margin = threshold_logit - anchors.initial
    room = settings.trust / evidence.anchor_px
    return Adjustment(
        centre=centre,
        scale=scale,
        coefficients=coefficients,
        root=root,
        up=_share(margin, rise, room * credit_up) if credit_up else 0.0,
        down=_share(-margin, -rise, room * credit_down) if credit_down else 0.0,
        credit_up=credit_up,
        credit_down=credit_down,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """Logistic regression with offsets, soft labels and a normal prior."""

    design: NDArray[np.float64]
    offset: NDArray[np.float64]
    target: NDArray[np.float64]
    prior_sigma: float

    def loss(self, weight: NDArray[np.float64], coefficients: NDArray[np.float64]) -> float:
        """Give the negative log posterior, up to a constant."""
        logit = self.offset + self.design @ coefficients
        misfit = weight @ (np.logaddexp(0, logit) - self.target * logit)
        return float(misfit + coefficients @ coefficients / (2 * self.prior_sigma**2))

    def slope(self, weight: NDArray[np.float64], coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give its gradient."""
        prob = expit(self.offset + self.design @ coefficients)
        found: NDArray[np.float64] = self.design.T @ (weight * (prob - self.target))
        return found + coefficients / self.prior_sigma**2

    def curvature(self, weight: NDArray[np.float64], coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give its second derivative."""
        prob = expit(self.offset + self.design @ coefficients)
        found: NDArray[np.float64] = (self.design * (weight * prob * (1 - prob))[:, None]).T @ self.design
        return found + np.eye(len(coefficients)) / self.prior_sigma**2

    def mode(self, weight: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
        """Find its minimum by Newton's method; a step is halved until it gains what it promised in part."""
        found, loss = start, self.loss(weight, start)
        for _ in range(_MAX_STEPS):
            slope = self.slope(weight, found)
            step = cho_solve(cho_factor(self.curvature(weight, found)), slope)
            gain, share = float(slope @ step), 1.0
            if gain < _TOLERANCE:
                break
            while (reached := self.loss(weight, found - share * step)) > loss - share * gain / 4 and share > 1e-6:
                share /= 2
            found, loss = found - share * step, reached
        return found


def _design(samples: Samples, centre: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    _check_width(samples, len(centre))
    n_pixels, n_features = samples.features.shape
    design = np.empty((n_pixels, n_features + 2))
    design[:, 0] = 1.0
    design[:, 1:-1] = (samples.features - centre) / scale
    design[:, -1] = samples.initial / _LOGIT_SCALE
    return design


def _check_width(samples: Samples, n_features: int) -> None:
    if samples.features.shape[1] != n_features:
        raise MismatchError(f"the adjustment was learnt from {n_features} features, got {samples.features.shape[1]}")


def _weights(evidence: Evidence, n_held: int, settings: AdjustmentSettings) -> NDArray[np.float64]:
    """Spread what anchors and each stroke count for over their pixels."""
    shares = evidence.drawn_px / np.bincount(evidence.stroke, evidence.drawn_px)[evidence.stroke]
    held = np.full(n_held, settings.anchor_weight / n_held)
    return np.concatenate([held, settings.stroke_weight * shares])


def _credits(
    evidence: Evidence, change: NDArray[np.float64], threshold_logit: float, least_recall_up: float
) -> tuple[float, float]:
    """Count what rises and falls would set right on strokes that they were not learnt from, less what wrong."""
    before = evidence.drawn.initial >= threshold_logit
    after = evidence.drawn.initial + change >= threshold_logit
    worth = np.where(after == evidence.is_there, evidence.drawn_px, -evidence.drawn_px)

    up, down = float(worth[after & ~before].sum()), float(worth[~after & before].sum())
    missing = float(evidence.drawn_px[evidence.is_there & ~before].sum())
    return (up if up > 0 and up >= least_recall_up * missing else 0.0), max(0.0, down)


def _share(margin: NDArray[np.float64], rise: NDArray[np.float64], n_allowed: float) -> float:
    """Find how much of a rise to keep so that at most so many anchors reach the threshold that were below it."""
    crossing = (margin > 0) & (rise > 0)
    needed = np.sort(margin[crossing] / rise[crossing])
    n_kept = int(min(n_allowed, len(needed)))
    if n_kept == len(needed):
        return 1.0
    return float(min(1.0, np.nextafter(needed[n_kept], 0.0)))
