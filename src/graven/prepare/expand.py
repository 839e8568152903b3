"""The expansion of the craquelure paper: 600 labelled pictures → 21,000, that is 35 variants of each.

The paper names flips, inversion, translation, sharpening, change of HSV and noise, single and combined, and neither the
combinations nor their strength. Ours are the literal table below: the picture itself, the seven changes, all pairs of
them, and six triples. How far each goes is drawn anew for every picture and variant. Inversion is read as the negative,
since it stands beside flipping.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import InputError
from graven.prepare.variants import add_noise, invert, sharpen, shift_hsv, translate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["VARIANTS", "VARIANTS_VERSION", "Variant", "expand"]

VARIANTS_VERSION = 1
"""Goes up when a change, its strength or the table is another than before: the same seed then gives other pixels."""

VARIANTS: tuple[tuple[str, ...], ...] = (
    (),
    ("flip_h",),
    ("flip_v",),
    ("translation",),
    ("inversion",),
    ("sharpening",),
    ("hsv",),
    ("noise",),
    ("flip_h", "flip_v"),
    ("flip_h", "translation"),
    ("flip_h", "inversion"),
    ("flip_h", "sharpening"),
    ("flip_h", "hsv"),
    ("flip_h", "noise"),
    ("flip_v", "translation"),
    ("flip_v", "inversion"),
    ("flip_v", "sharpening"),
    ("flip_v", "hsv"),
    ("flip_v", "noise"),
    ("translation", "inversion"),
    ("translation", "sharpening"),
    ("translation", "hsv"),
    ("translation", "noise"),
    ("inversion", "sharpening"),
    ("inversion", "hsv"),
    ("inversion", "noise"),
    ("sharpening", "hsv"),
    ("sharpening", "noise"),
    ("hsv", "noise"),
    ("flip_h", "translation", "noise"),
    ("flip_h", "sharpening", "hsv"),
    ("flip_h", "hsv", "noise"),
    ("flip_v", "translation", "hsv"),
    ("flip_v", "inversion", "sharpening"),
    ("flip_v", "sharpening", "noise"),
)
"""Changes of each variant, in the order in which they are made; the first is the picture itself."""

MOVE_SHARE = (0.05, 0.25)
SHARPEN_AMOUNT = (0.5, 1.5)
HUE_DEG, SATURATION, VALUE = 18.0, 0.7, 0.3
NOISE_SIGMA = (2.0, 10.0)


@dataclass(frozen=True, slots=True)
class Variant:
    """A picture after some changes.

    Attributes
    ----------
    number : int, >= 0
        Place in `VARIANTS`; 0 is the picture itself.
    changes : tuple of str
        What was done.
    image : ndarray of shape (3, H, W), uint8
        Pixels.
    target : ndarray of shape (H, W)
        Truth, of the type it had.
    valid : ndarray of shape (H, W), bool
        Where it is known.
    """

    number: int
    changes: tuple[str, ...]
    image: NDArray[np.uint8]
    target: NDArray[Any]
    valid: NDArray[np.bool_]


def expand(
    image: NDArray[np.uint8], target: NDArray[Any], valid: NDArray[np.bool_], *, n: int, seed: int, name: str
) -> Iterator[Variant]:
    """Give the first `n` variants of a picture.

    Parameters
    ----------
    image : ndarray of shape (3, H, W), uint8
        Red, green and blue.
    target : ndarray of shape (H, W)
        Truth: bool, or class numbers.
    valid : ndarray of shape (H, W), bool
        Where it is known.
    n : int, 1 to 35
        How many, the picture itself included.
    seed : int, >= 0
        Together with `name` it fixes all draws.
    name : str
        Name of the picture.

    Yields
    ------
    Variant
        In the order of `VARIANTS`; a variant depends on the seed, the name and its own number alone.

    Raises
    ------
    InputError
        If `n` is out of range.

    Notes
    -----
    Translation by 5 to 25 % of each side; unsharp mask of 1 px with amount 0.5 to 1.5; hue ± 18 degrees, saturation
    times 0.3 to 1.7, value times 0.7 to 1.3; noise of standard deviation 2 to 10.
    """
    if not 1 <= n <= len(VARIANTS):
        raise InputError(f"there are 1 to {len(VARIANTS)} variants of a picture, got {n}")
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    for number, changes in enumerate(VARIANTS[:n]):
        rng = np.random.default_rng((VARIANTS_VERSION, seed, key, number))
        pixels, truth, known = image.astype(np.float32), target, valid
        for change in changes:
            pixels, truth, known = _change(change, pixels, truth, known, rng)
        yield Variant(
            number,
            changes,
            np.rint(pixels).astype(np.uint8),
            np.ascontiguousarray(truth),
            np.ascontiguousarray(known),
        )


def _change(
    change: str, image: NDArray[np.float32], target: NDArray[Any], valid: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[Any], NDArray[np.bool_]]:
    if change == "flip_h":
        return image[..., ::-1], target[:, ::-1], valid[:, ::-1]
    if change == "flip_v":
        return image[..., ::-1, :], target[::-1], valid[::-1]
    if change == "translation":
        moves = rng.uniform(*MOVE_SHARE, 2) * rng.choice((-1, 1), 2) * target.shape
        rows, cols = np.rint(moves).astype(int).tolist()
        return translate(image, target, valid, rows=rows, cols=cols)
    return _relit(change, np.ascontiguousarray(image), rng), target, valid


def _relit(change: str, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    if change == "inversion":
        return invert(image)
    if change == "sharpening":
        return sharpen(image, amount=rng.uniform(*SHARPEN_AMOUNT))
    if change == "hsv":
        hue, saturation, value = rng.uniform(-1, 1, 3)
        return shift_hsv(image, hue_deg=HUE_DEG * hue, saturation=1 + SATURATION * saturation, value=1 + VALUE * value)
    if change == "noise":
        return add_noise(image, sigma=rng.uniform(*NOISE_SIGMA), rng=rng)
    raise InputError(f"unknown change {change!r} in the table of variants")
