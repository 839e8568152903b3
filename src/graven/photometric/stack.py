"""What every solver takes and gives: a stack of images under single lights, and the surface fitted to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["MAX_CONDITION", "SurfaceFit", "checked_images", "checked_lights", "checked_valid", "light_condition"]

MAX_CONDITION = 1e4
"""Condition of the normal equations above which normals follow the noise: the lights stand too close together."""


@dataclass(frozen=True, slots=True)
class SurfaceFit:
    """Normals, albedo and how well they explain the images; NaN where there is no fit.

    Attributes
    ----------
    normals : ndarray of shape (3, H, W), float32 or as the images
        Unit vectors: x right, y **up**, z towards the viewer and above 0.
    albedo : ndarray of shape (H, W), of that type, > 0
        In units of the images over the strengths of the lights.
    residual : ndarray of shape (H, W), of that type, range [0, 1]
        Root mean square of what the fit leaves, over that of the values it used, with their weights.
    """

    normals: NDArray[np.floating]
    albedo: NDArray[np.floating]
    residual: NDArray[np.floating]

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Where there is a normal."""
        return np.asarray(np.isfinite(self.albedo))


def light_condition(directions: ArrayLike, strengths: ArrayLike | None = None) -> float:
    """Condition of the normal equations of far lights.

    Parameters
    ----------
    directions : array of shape (K, 3)
        Unit vectors towards the lights.
    strengths : array of shape (K,), optional
        Their strengths; 1 by default.

    Returns
    -------
    float, >= 1
        Largest over smallest eigenvalue of ``L^T L``; infinite if the lights lie in a plane. Above `MAX_CONDITION` a
        warning is due.

    Examples
    --------
    >>> light_condition(np.eye(3))
    1.0
    >>> light_condition([[0, 0, 1], [0.6, 0, 0.8], [-0.6, 0, 0.8]])
    inf
    """
    lights = np.asarray(directions, np.float64)
    gains = np.ones(len(lights)) if strengths is None else np.asarray(strengths, np.float64)
    values = np.linalg.svd(lights * gains[:, None], compute_uv=False)
    if len(values) < 3 or values[2] <= 1e-12 * values[0]:
        return float("inf")
    return float((values[0] / values[2]) ** 2)


def checked_images(images: NDArray[np.floating]) -> NDArray[np.floating]:
    """Check the type and shape of a stack.

    Parameters
    ----------
    images : ndarray of shape (K, H, W), float32 or float64
        One window under K lights.

    Returns
    -------
    ndarray of shape (K, H, W)
        The same, contiguous.

    Raises
    ------
    InputError
        If it is anything else.
    """
    if images.ndim != 3 or images.dtype not in (np.float32, np.float64):
        raise InputError(
            f"images must be float32 or float64 of shape (lights, height, width), got {images.dtype} {images.shape}; "
            "convert linear grey values with astype"
        )
    return np.ascontiguousarray(images)


def checked_lights(
    lights: ArrayLike, strengths: ArrayLike | None, *, n_images: int, unit: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Check lights and their strengths against the number of images.

    Parameters
    ----------
    lights : array of shape (K, 3)
        Unit vectors, or positions.
    strengths : array of shape (K,), optional
        Above 0; 1 by default.
    n_images : int
        K.
    unit : bool
        True if the lights must be unit vectors that do not lie in a plane.

    Returns
    -------
    lights : ndarray of shape (K, 3), float64
        As given.
    strengths : ndarray of shape (K,), float64
        As given, or ones.

    Raises
    ------
    InputError
        If numbers do not agree, lights are fewer than three, not of unit length or in a plane, or strengths are not
        above 0.
    """
    vectors = np.ascontiguousarray(lights, np.float64)
    if vectors.shape != (n_images, 3) or not np.isfinite(vectors).all():
        raise InputError(f"expected one finite light (x, y, z) for each of {n_images} images, got {vectors.shape}")
    if n_images < 3:
        raise InputError(f"photometric stereo needs at least 3 lights, got {n_images}")
    gains = np.ones(n_images) if strengths is None else np.ascontiguousarray(strengths, np.float64)
    if gains.shape != (n_images,) or not (np.isfinite(gains) & (gains > 0)).all():
        raise InputError(f"light strengths must be {n_images} numbers above 0, got {gains.tolist()}")
    if unit:
        lengths = np.linalg.norm(vectors, axis=1)
        if np.abs(lengths - 1).max() > 1e-3:
            worst = int(np.abs(lengths - 1).argmax())
            raise InputError(
                f"light directions must be unit vectors, but light {worst} has length {lengths[worst]:.4g}; "
                "normalise them, or give them as positions"
            )
        if light_condition(vectors, gains) == float("inf"):
            raise InputError("all lights lie in one plane, so that normals are not determined; add one outside it")
    return vectors, gains


def checked_valid(valid: NDArray[np.bool_] | None, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Check a mask against the shape of what it masks.

    Parameters
    ----------
    valid : ndarray of shape (H, W), bool, optional
        None for all.
    shape : (int, int)
        H and W.

    Returns
    -------
    ndarray of shape (H, W), bool
        Contiguous.

    Raises
    ------
    InputError
        If shape or type differ.
    """
    if valid is None:
        return np.ones(shape, np.bool_)
    if valid.shape != tuple(shape) or valid.dtype != np.bool_:
        raise InputError(f"valid must be bool of shape {tuple(shape)}, got {valid.dtype} {valid.shape}")
    return np.ascontiguousarray(valid)
