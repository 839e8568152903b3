"""Changes to a training crop, all drawn from one generator in a fixed order.

Geometry acts on image, truth and valid mask alike; light acts on the image alone, on values in 0 to 255.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.errors import InputError
from graven.prepare.variants import invert, sharpen, shift_hsv

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LATER", "Augment", "flip_and_turn", "recolour", "relight", "turn_normals"]


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
    reduction : float, 0 to 7
        Enlarging aside, crops are cut up to ``1 + reduction`` times their size where that is more than `scale` allows,
        so that the picture is seen smaller than it may be seen larger.
    aspect : float, 0 to 1
        Height or width is cut up to ``1 + aspect`` times shorter than the other, then stretched to a square.
    translation : float, 0 to 1
        The crop is moved up to this share of its side in both directions, also beyond the border of the panel, where it
        is mirrored and invalid.
    inversion : float, 0 to 1
        Share of crops that are turned into their negative.
    sharpening : float, >= 0
        Half of the crops are sharpened with an unsharp mask of 1 px of up to this amount.
    hue_deg : float, degrees, 0 to 180
        The hue is turned by up to this angle to either side; needs three bands, as the next two do.
    saturation, value : float, 0 to 1
        Saturation and value are multiplied by up to 1 plus or minus this.
    enlargement : float, 0 to 7
        As `reduction`, the other way: crops are cut down to ``1 / (1 + enlargement)`` of their size, so that the
        picture is seen larger, as in a close-up.
    grey : float, 0 to 1
        Share of crops that lose their colours, as in a black-and-white photograph; needs three bands.
    """

    flips: bool = True
    turns: bool = True
    scale: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    colour: float = 0.0
    blur_sigma_px: float = 0.0
    noise: float = 0.0
    reduction: float = 0.0
    aspect: float = 0.0
    translation: float = 0.0
    inversion: float = 0.0
    sharpening: float = 0.0
    hue_deg: float = 0.0
    saturation: float = 0.0
    value: float = 0.0
    enlargement: float = 0.0
    grey: float = 0.0

    def __post_init__(self) -> None:
        for name, upper in _UPPER.items():
            value = getattr(self, name)
            if not 0 <= value <= upper:
                raise InputError(f"augment.{name} must lie between 0 and {upper:g}, got {value}")
        for name in ("blur_sigma_px", "noise", "sharpening"):
            if not getattr(self, name) >= 0:
                raise InputError(f"augment.{name} must not be negative, got {getattr(self, name)}")

    @property
    def draws_more(self) -> bool:
        """Whether any change is asked for that has draws of its own, apart from those that were there first."""
        return any(getattr(self, name) for name in LATER if name not in ("reduction", "enlargement"))


LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
_UPPER = {
    "scale": 1.0,
    "brightness": 255.0,
    "contrast": 1.0,
    "colour": 1.0,
    "reduction": 7.0,
    "aspect": 1.0,
    "translation": 1.0,
    "inversion": 1.0,
    "hue_deg": 180.0,
    "saturation": 1.0,
    "value": 1.0,
    "enlargement": 7.0,
    "grey": 1.0,
}
_FIRST = ("flips", "turns", "scale", "brightness", "contrast", "colour", "blur_sigma_px", "noise")

LATER = tuple(entry.name for entry in fields(Augment) if entry.name not in _FIRST)
"""Options that came later; they change nothing at 0, and then do not count in the hash of a recipe."""


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


def turn_normals(normals: NDArray[np.float32], *, flip: bool, quarter_turns: int) -> NDArray[np.float32]:
    """Turn normals as the pixels that hold them were mirrored and turned.

    Parameters
    ----------
    normals : ndarray of shape (3, H, W), float32, 0 to 255
        ``(n + 1) / 2`` of x right, y up, z towards the viewer, already at their new places.
    flip, quarter_turns
        As in `flip_and_turn`.

    Returns
    -------
    ndarray of shape (3, H, W), float32, 0 to 255
        A mirrored slope falls to the other side; one turned counter-clockwise turns with it.

    Examples
    --------
    >>> to_the_right = np.float32([255, 127.5, 127.5]).reshape(3, 1, 1)
    >>> turn_normals(to_the_right, flip=False, quarter_turns=1).ravel().tolist()  # now up
    [127.5, 255.0, 127.5]
    """
    x, y, z = normals
    if flip:
        x = 255 - x
    for _ in range(quarter_turns % 4):
        x, y = 255 - y, x
    return np.stack([x, y, z])


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


def recolour(image: NDArray[np.float32], augment: Augment, rng: np.random.Generator) -> NDArray[np.float32]:
    """Sharpen a crop, shift its hue, saturation and value, and invert it.

    Parameters
    ----------
    image : ndarray of shape (C, H, W), float32, 0 to 255
        The crop.
    augment : Augment
        How far.
    rng : numpy.random.Generator
        As for `relight`, all draws are made whether or not they are used.

    Returns
    -------
    ndarray of the same shape, float32, 0 to 255
        The changed crop; the one given where nothing is asked for.

    Raises
    ------
    InputError
        If a change of colour is asked for and there are not three bands.
    """
    sharpened, amount, inverted = rng.random(3)
    hue, saturation, value = rng.uniform(-1, 1, 3)
    colourless = float(rng.random())
    if augment.sharpening and sharpened < 0.5:
        image = sharpen(image, amount=augment.sharpening * amount)
    if augment.hue_deg or augment.saturation or augment.value:
        image = shift_hsv(
            image,
            hue_deg=augment.hue_deg * hue,
            saturation=1 + augment.saturation * saturation,
            value=1 + augment.value * value,
        )
    if colourless < augment.grey:
        if len(image) != len(LUMINANCE):
            raise InputError(f"augment.grey needs red, green and blue, got {len(image)} bands")
        image = np.repeat(np.tensordot(LUMINANCE, image, axes=1)[None], len(image), axis=0)
    return invert(image) if inverted < augment.inversion else image
