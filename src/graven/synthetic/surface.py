"""What all methods look at: a height field with an albedo, and the canvas on which one is made.

`Surface` is the value that leaves the generator. `Canvas` is the mutable workpiece inside it: rock, pecking, weathering
and dirt are drawn onto the same arrays one after the other, so that a panel of 8192 x 8192 pixels fits into memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Canvas", "Surface", "surface_normals"]

Float = np.float32


@dataclass(frozen=True, slots=True)
class Surface:
    """A worked surface seen from straight above.

    Parameters
    ----------
    height_mm : ndarray of shape (H, W), float32, millimetres
        Relief; grows towards the viewer.
    albedo : ndarray of shape (3, H, W), float32, range [0, 1]
        Diffuse reflectance, linear RGB.
    masks : mapping of str to ndarray of shape (H, W), bool
        What covers which pixel: ``pecked``, ``lichen``, ``crack``, ``scratch``, ``spall``, ... Absent names are empty.
    pixel_size_mm : float, millimetres, > 0
        Length of a pixel side.

    Raises
    ------
    InputError
        If shapes or dtypes disagree, or the pixel size is not positive.

    Examples
    --------
    >>> flat = Surface(np.zeros((4, 4), np.float32), np.full((3, 4, 4), 0.5, np.float32), {}, 0.5)
    >>> flat.shape
    (4, 4)
    """

    height_mm: NDArray[np.float32]
    albedo: NDArray[np.float32]
    masks: Mapping[str, NDArray[np.bool_]]
    pixel_size_mm: float

    def __post_init__(self) -> None:
        shape = self.height_mm.shape
        if self.height_mm.ndim != 2 or self.height_mm.dtype != Float:
            raise InputError(f"height_mm must be float32 of shape (H, W), got {self.height_mm.dtype} {shape}")
        if self.albedo.shape != (3, *shape) or self.albedo.dtype != Float:
            raise InputError(
                f"albedo must be float32 of shape {(3, *shape)}, got {self.albedo.dtype} {self.albedo.shape}"
            )
        for name, mask in self.masks.items():
            if mask.shape != shape or mask.dtype != np.bool_:
                raise InputError(f"mask {name!r} must be bool of shape {shape}, got {mask.dtype} {mask.shape}")
        if not self.pixel_size_mm > 0:
            raise InputError(f"pixel_size_mm must be positive, got {self.pixel_size_mm}")
        object.__setattr__(self, "masks", MappingProxyType(dict(self.masks)))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        rows, cols = self.height_mm.shape
        return rows, cols

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Return the named mask, all False where the surface has none of it.

        Parameters
        ----------
        name : str
            A key of `masks`, or any other word.

        Returns
        -------
        ndarray of shape (H, W), bool
            True where the thing is.
        """
        found = self.masks.get(name)
        return np.zeros(self.shape, np.bool_) if found is None else found


@dataclass(slots=True)
class Canvas:
    """A surface in the making; its arrays are changed in place.

    Parameters
    ----------
    height_mm : ndarray of shape (H, W), float32, millimetres
        Relief so far.
    albedo : ndarray of shape (3, H, W), float32
        Reflectance of the weathered skin so far, linear RGB.
    grain : ndarray of shape (H, W), float32
        Relative brightness of the unweathered rock, about -1 to 1; shows where the skin is broken.
    fresh_rgb : ndarray of shape (3,), float32
        Reflectance of the unweathered rock.
    pixel_size_mm : float, millimetres
        Length of a pixel side.
    masks : dict of str to ndarray of shape (H, W), bool
        What has been drawn so far.
    """

    height_mm: NDArray[np.float32]
    albedo: NDArray[np.float32]
    grain: NDArray[np.float32]
    fresh_rgb: NDArray[np.float32]
    pixel_size_mm: float
    masks: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        rows, cols = self.height_mm.shape
        return rows, cols

    def px(self, length_mm: float) -> float:
        """Return a length in pixels.

        Parameters
        ----------
        length_mm : float, millimetres
            The length.

        Returns
        -------
        float, pixels
            ``length_mm / pixel_size_mm``.
        """
        return length_mm / self.pixel_size_mm

    def mark(self, name: str, where: NDArray[np.bool_], at: tuple[slice, slice] | None = None) -> None:
        """Add to a named mask.

        Parameters
        ----------
        name : str
            Which mask; created where absent.
        where : ndarray of bool
            Pixels to add, of the canvas' shape or of the shape of `at`.
        at : tuple of two slices, optional
            Window of the canvas that `where` covers.
        """
        mask = self.masks.setdefault(name, np.zeros(self.shape, np.bool_))
        window = (slice(None), slice(None)) if at is None else at
        mask[window] |= where

    def tint(self, rgb: NDArray[np.float32], alpha: NDArray[np.float32], at: tuple[slice, slice] | None = None) -> None:
        """Blend a colour over the albedo.

        Parameters
        ----------
        rgb : ndarray of shape (3,) or (3, h, w), float32
            Linear reflectance.
        alpha : ndarray of shape (h, w), float32, range [0, 1]
            Opacity.
        at : tuple of two slices, optional
            Window of the canvas that `alpha` covers.
        """
        rows, cols = (slice(None), slice(None)) if at is None else at
        for channel in range(3):
            plane = self.albedo[channel, rows, cols]
            plane += (np.asarray(rgb[channel], Float) - plane) * alpha

    def freeze(self) -> Surface:
        """Return the finished surface, albedo clipped to [0.01, 0.95].

        Returns
        -------
        Surface
            Shares its arrays with the canvas.
        """
        np.clip(self.albedo, 0.01, 0.95, out=self.albedo)
        return Surface(self.height_mm, self.albedo, self.masks, self.pixel_size_mm)


def surface_normals(height_mm: NDArray[np.float32], pixel_size_mm: float) -> NDArray[np.float32]:
    """Return the unit normals of a height field, by central differences.

    Parameters
    ----------
    height_mm : ndarray of shape (H, W), float32, millimetres
        Grows towards the viewer.
    pixel_size_mm : float, millimetres, > 0
        Length of a pixel side.

    Returns
    -------
    ndarray of shape (3, H, W), float32
        Components x (right), y (**up**, against the rows) and z (towards the viewer). At the border the differences
        are one-sided.

    Examples
    --------
    >>> ramp = np.tile(np.arange(4, dtype=np.float32), (4, 1))  # rises to the right, 45 degrees
    >>> [round(float(part), 3) for part in surface_normals(ramp, 1.0)[:, 1, 1]]
    [-0.707, 0.0, 0.707]
    """
    down, right = np.gradient(height_mm, Float(pixel_size_mm))
    out = np.empty((3, *height_mm.shape), Float)
    length = np.sqrt(right * right + down * down + Float(1))
    np.divide(-right, length, out=out[0])
    np.divide(down, length, out=out[1])
    np.divide(Float(1), length, out=out[2])
    return out
