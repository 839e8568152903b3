"""Normals in spite of highlights and shadows: trimmed, then reweighted least squares.

A highlight adds light to a few images and a shadow takes it away from others. The first fit leaves the extremes of each
pixel's sorted values out; later fits weigh every value by how far the fit before misses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError
from graven.kernels.photometric_robust import fit_robust
from graven.photometric.stack import SurfaceFit, checked_images, checked_lights, checked_valid

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["MATT", "METAL", "PLAIN", "SURFACES", "RobustSettings", "robust_normals"]


@dataclass(frozen=True, slots=True)
class RobustSettings:
    """How a fit guards against values that do not follow Lambert's law.

    Parameters
    ----------
    darkest, brightest : float, >= 0, together < 1
        Shares of a pixel's usable values that the first fit leaves out; four values always stay.
    below, above : float, > 0
        Residual at which a value that is darker, or brighter, than the fit has half its weight, as a share of the
        pixel's median value.
    readmit : bool
        True if later fits may use, with its weight, what the first one left out.
    rounds : int, >= 0
        Later fits; 0 keeps the first one.
    lobe_rounds : int, >= 0
        Further fits that add a highlight's lobe of unknown strength and width to Lambert's law, where a pixel has eight
        usable values or more and the lobe explains them better; 0 for none.

    Raises
    ------
    InputError
        If a value is outside its range.
    """

    darkest: float
    brightest: float
    below: float
    above: float
    readmit: bool
    rounds: int = 10
    lobe_rounds: int = 0

    def __post_init__(self) -> None:
        if not (self.darkest >= 0 and self.brightest >= 0 and self.darkest + self.brightest < 1):
            raise InputError(
                "the shares of darkest and brightest values must be at least 0 and together below 1, "
                f"got {self.darkest} and {self.brightest}"
            )
        if not (self.below > 0 and self.above > 0 and min(self.rounds, self.lobe_rounds) >= 0):
            raise InputError(
                f"widths must be above 0 and rounds at least 0, got widths {self.below} and {self.above}, rounds "
                f"{self.rounds} and {self.lobe_rounds}"
            )


METAL = RobustSettings(darkest=0.1, brightest=0.5, below=0.1, above=0.1 / 6, readmit=True, lobe_rounds=12)
"""Bronze and other glossy surfaces: broad highlights reach many images, so what is too bright is trusted least."""

MATT = RobustSettings(darkest=0.5, brightest=0.0, below=0.1, above=0.1, readmit=False)
"""Stone, plaster, patina without gloss: the brighter half is the better one; shadow, stray light and an unknown black
level spoil the darker."""

PLAIN = RobustSettings(darkest=0.0, brightest=0.0, below=1.0, above=1.0, readmit=False, rounds=0)
"""Plain least squares, for near lights; for far ones `lambertian_normals` is faster."""

SURFACES = {"metal": METAL, "matt": MATT, "plain": PLAIN}
"""Settings by the name of the kind of surface."""


def robust_normals(
    images: NDArray[np.floating],
    directions: ArrayLike,
    *,
    strengths: ArrayLike | None = None,
    valid: NDArray[np.bool_] | None = None,
    black: float = 0.0,
    dark: float = 0.0,
    bright: float = np.inf,
    settings: RobustSettings = METAL,
) -> SurfaceFit:
    """Fit Lambert's law to every pixel and let highlights and shadows count little [1]_.

    Parameters
    ----------
    images : ndarray of shape (K, H, W), float32 or float64, linear
        A window of the images under each light; K >= 3, and from about 8 on the fit has something to choose from.
    directions : array of shape (K, 3)
        Unit vectors towards far lights: x right, y **up**, z towards the viewer.
    strengths : array of shape (K,), > 0, optional
        Brightness of a white surface that faces the light; 1 by default.
    valid : ndarray of shape (H, W), bool, optional
        Pixels to fit; all by default.
    black : float
        What the images show where no light falls (`graven.photometric.black_level`).
    dark, bright : float
        Values at or below `dark` (shadow) and at or above `bright` (saturated) are left out, as the images hold them;
        so is NaN.
    settings : RobustSettings
        `METAL` or `MATT`, or others.

    Returns
    -------
    SurfaceFit
        Of the type of the images. NaN where not valid, where fewer than three values are left or their lights lie in a
        plane, and where the normal would not face the viewer.

    Raises
    ------
    InputError
        If shapes or types disagree, directions are not unit vectors or lie in a plane, or strengths are not positive.

    Notes
    -----
    The weight of a residual r is ``1 / (1 + (r / t)^2)`` with ``t = above`` or ``below`` times the median of the
    pixel's usable values. Values are divided by the strengths first.

    Local: a pixel depends on nothing but its own values. Sums are float64.

    References
    ----------
    .. [1] P. W. Holland and R. E. Welsch, Robust regression using iteratively reweighted least-squares,
       Communications in Statistics 6(9), 1977, https://doi.org/10.1080/03610927708827533.

    Examples
    --------
    >>> angles = np.arange(8) * np.pi / 4
    >>> lights = np.stack([0.6 * np.cos(angles), 0.6 * np.sin(angles), np.full(8, 0.8)], axis=1)
    >>> images = lights @ [0.0, 0.3, 0.4]
    >>> images[2] += 2.0  # a highlight
    >>> robust_normals(images.reshape(8, 1, 1), lights).normals.ravel().round(3).tolist()
    [0.0, 0.6, 0.8]
    """
    stack = checked_images(images)
    lights, gains = checked_lights(directions, strengths, n_images=len(stack), unit=True)
    mask = checked_valid(valid, stack.shape[1:])
    out = np.empty((5, *stack.shape[1:]), stack.dtype)
    fit_robust(
        stack,
        mask,
        lights,
        gains,
        None,
        0.0,
        float(black),
        float(dark),
        float(bright),
        (settings.darkest, settings.brightest),
        settings.above,
        settings.below,
        settings.readmit,
        settings.rounds,
        settings.lobe_rounds,
        out,
    )
    return SurfaceFit(out[:3], out[3], out[4])
