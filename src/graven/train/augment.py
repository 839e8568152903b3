"""Changes to a training crop, all drawn from one generator in a fixed order.

Geometry acts on image, truth and valid mask alike; light acts on the image alone, on values in 0 to 255.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Augment", "flip_and_turn", "relight"]


@dataclass(frozen=True, slots=True)
class Augment:
    """How far a crop may be changed; zeros and False leave it as it is.

    Attributes
    ----------
    flips : bool
        Mirror left-right with probability one half.
    turns : bool
        Turn by 0, 90, 180 or 270 degrees, equally likely.
    scale : float, 0 to 1
        The crop is cut between ``1 / (1 + scale)`` and ``1 + scale`` times its size and resampled, log-uniformly.
    brightness : float, 0 to 255
        Largest offset added to all bands.
    contrast : float, 0 to 1
        The distance from the mean of the crop is multiplied by ``1 - contrast`` to ``1 + contrast``.
    colour : float, 0 to 1
        Each band is multiplied by ``1 - colour`` to ``1 + colour`` on its own.
    blur_sigma_px : float, pixels, >= 0
        Half of the crops are blurred with a Gaussian of up to this width.
    noise : float, >= 0
        Standard deviation of the strongest white noise added.
    """

    flips: bool = True
    turns: bool = True
    scale: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    colour: float = 0.0
    blur_sigma_px: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for name, upper in (("scale", 1.0), ("brightness", 255.0), ("contrast", 1.0), ("colour", 1.0)):
            value = getattr(self, name)
            if not 0 <= value <= upper:
                raise InputError(f"augment.{name} must lie between 0 and {upper:g}, got {value}")
        for name in ("blur_sigma_px", "noise"):
            if not getattr(self, name) >= 0:
                raise InputError(f"augment.{name} must not be negative, got {getattr(self, name)}")


def flip_and_turn(
    arrays: tuple[NDArray[np.generic], ...], *, flip: bool, quarter_turns: int
) -> tuple[NDArray[np.generic], ...]:
    """Mirror and turn the last two axes of all arrays alike.

    Parameters
    ----------
    arrays : tuple of ndarray of shape (…, H, W)
        Image, truth and whatever lies on the same grid.
    flip : bool
        Mirror left-right first.
    quarter_turns : int
        Then turn by this many times 90 degrees, counter-clockwise as seen.

    Returns
    -------
    tuple of ndarray
        Contiguous arrays in the given order.

    Examples
    --------
    >>> flip_and_turn((np.array([[1, 2], [3, 4]]),), flip=False, quarter_turns=1)[0].tolist()
    [[2, 4], [1, 3]]
    """
    changed = []
    for array in arrays:
        mirrored = array[..., ::-1] if flip else array
        changed.append(np.ascontiguousarray(np.rot90(mirrored, quarter_turns, axes=(-2, -1))))
    return tuple(changed)


def relight(image: NDArray[np.float32], augment: Augment, rng: np.random.Generator) -> NDArray[np.float32]:
    """Change brightness, contrast, colour, sharpness and noise of a crop.

    Parameters
    ----------
    image : ndarray of shape (C, H, W), float32, 0 to 255
        Changed in place where possible.
    augment : Augment
        How far.
    rng : numpy.random.Generator
        All draws are made whether or not they are used, so that switching one change off leaves the others as they
        were.

    Returns
    -------
    ndarray of the same shape, float32, 0 to 255
        The changed crop, clipped to the range.
    """
    bands = image.shape[0]
    offset, spread = rng.uniform(-1, 1, 2)
    gains = rng.uniform(-1, 1, bands)
    blurred, blur_share, noise_share = rng.random(3)
    noise_seed = int(rng.integers(1 << 62))
    if augment.brightness or augment.contrast or augment.colour:
        mean = image.mean(dtype=np.float64)
        scale = (1.0 + augment.contrast * spread) * (1.0 + augment.colour * gains)
        shift = mean * (1.0 + augment.colour * gains) - mean * scale + augment.brightness * offset
        image *= scale.astype(np.float32)[:, None, None]
        image += shift.astype(np.float32)[:, None, None]
    sigma_px = augment.blur_sigma_px * blur_share
    if blurred < 0.5 and sigma_px > 0.2:
        for band in image:
            cv2.GaussianBlur(band, (0, 0), sigma_px, dst=band, borderType=cv2.BORDER_REFLECT_101)
    if augment.noise:
        noise = np.random.default_rng(noise_seed).standard_normal(image.shape, dtype=np.float32)
        image += np.float32(augment.noise * noise_share) * noise
    return np.clip(image, 0, 255, out=image)
