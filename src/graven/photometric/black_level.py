"""What the images show where no light falls: an offset that a camera, a file or a lit room adds to every value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.photometric.stack import checked_images, checked_lights, checked_valid

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["BlackLevel", "estimate_black_level"]

_BEST = 0.25  # share of the pixels, those that follow the model best, whose median counts
_FEWEST = 100
_LARGEST_RESIDUAL = 0.02
_LARGEST_SPREAD = 0.01
_LARGEST_LEVEL = 0.25  # of the brightness; broad highlights feign offsets beyond it


@dataclass(frozen=True, slots=True)
class BlackLevel:
    """An offset, and how far to believe it.

    Attributes
    ----------
    level : float, in units of the images
        May be negative where a file cut dark values off at 0; NaN where nothing can be said.
    spread : float, in units of the images
        Standard deviation of the pixels' own estimates, by their median deviation.
    residual : float, range [0, 1]
        What Lambert's law with this offset leaves of the values of those pixels, relative.
    brightness : float, in units of the images
        Mean value of those pixels, to compare with.
    n_pixels : int
        Pixels that were usable under every light.
    """

    level: float
    spread: float
    residual: float
    brightness: float
    n_pixels: int

    @property
    def is_certain(self) -> bool:
        """True if the surface is matt enough to tell an offset from a highlight; only then subtract it unseen."""
        return (
            self.residual <= _LARGEST_RESIDUAL
            and self.spread <= _LARGEST_SPREAD * self.brightness
            and abs(self.level) <= _LARGEST_LEVEL * self.brightness
        )


def estimate_black_level(
    images: NDArray[np.floating],
    directions: ArrayLike,
    *,
    strengths: ArrayLike | None = None,
    valid: NDArray[np.bool_] | None = None,
    dark: float = 0.0,
    bright: float = np.inf,
) -> BlackLevel:
    """Estimate the constant of ``I = black + albedo * strength * (n . l)``.

    Parameters
    ----------
    images : ndarray of shape (K, H, W), float32 or float64, linear
        The images under each light, or a sample of their pixels (every tenth row, say); K >= 4.
    directions : array of shape (K, 3)
        Unit vectors towards far lights.
    strengths : array of shape (K,), > 0, optional
        Strengths of the lights; 1 by default.
    valid : ndarray of shape (H, W), bool, optional
        Pixels to use; all by default.
    dark, bright : float
        A pixel with a value at or below `dark`, or at or above `bright`, under any light is not used.

    Returns
    -------
    BlackLevel
        NaN where fewer than 100 pixels are usable, K is 3, or the lights stand so that an offset looks like an albedo
        (all at one height over the plane).

    Raises
    ------
    InputError
        If shapes or types disagree, or the lights are not valid.

    Notes
    -----
    The part of each pixel's values that no normal explains is compared with that part of a constant. The median over
    the quarter of the pixels that follow the model best is taken. Highlights follow another law: on bright metal the
    result is wrong and `BlackLevel.is_certain` false. A dark frame is better wherever there is one.
    """
    stack = checked_images(images)
    lights, gains = checked_lights(directions, strengths, n_images=len(stack), unit=True)
    rows = lights * gains[:, None]
    unexplained = np.eye(len(rows)) - rows @ np.linalg.pinv(rows)
    constant = unexplained.sum(axis=1)
    power = float(constant.sum())
    usable = checked_valid(valid, stack.shape[1:]).copy()
    for image in stack:
        usable &= (image > dark) & (image < bright)
    n_pixels = int(usable.sum())
    if power < 1e-6 * len(rows) or n_pixels < _FEWEST:
        return BlackLevel(float("nan"), float("nan"), float("nan"), float("nan"), n_pixels)
    values = stack[:, usable].astype(np.float64)
    levels = constant @ values / power
    left = np.sqrt(np.maximum(((unexplained @ values) ** 2).sum(axis=0) - levels**2 * power, 0))
    residuals = left / np.sqrt((values**2).sum(axis=0))
    best = np.argsort(residuals, kind="stable")[: max(int(_BEST * n_pixels), 1)]
    level = float(np.median(levels[best]))
    return BlackLevel(
        level,
        float(1.4826 * np.median(np.abs(levels[best] - level))),
        float(np.median(residuals[best])),
        float(values[:, best].mean()),
        n_pixels,
    )
