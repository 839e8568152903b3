"""The tilt of a height field, which nothing in photometric stereo measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["remove_plane"]


def remove_plane(height: NDArray[np.floating], valid: NDArray[np.bool_] | None = None) -> NDArray[np.floating]:
    """Subtract the plane that fits best inside the mask.

    Parameters
    ----------
    height : ndarray of shape (H, W), floating
        Heights; NaN counts as not valid.
    valid : ndarray of shape (H, W), bool, optional
        Pixels that count; all by default.

    Returns
    -------
    ndarray of shape (H, W), of that type
        Heights over the plane, with mean 0 inside the mask. The plane is taken away everywhere.

    Raises
    ------
    InputError
        If shapes differ or no pixel is valid.

    Notes
    -----
    Least squares in float64. Where the valid pixels lie on one line the smallest tilt is taken.

    Examples
    --------
    >>> rows, cols = np.mgrid[:3, :4]
    >>> bool(np.abs(remove_plane(2.0 + 0.5 * cols - rows)).max() < 1e-12)
    True
    """
    known = np.isfinite(height)
    if valid is not None:
        if valid.shape != height.shape:
            raise InputError(f"the mask must have the shape of the heights, {height.shape}, got {valid.shape}")
        known &= valid
    n_known = int(known.sum())
    if n_known == 0:
        raise InputError("a plane needs at least one valid pixel, got none")
    by_row, by_col = known.sum(axis=1), known.sum(axis=0)
    row, col = np.arange(height.shape[0], dtype=np.float64), np.arange(height.shape[1], dtype=np.float64)
    row -= by_row @ row / n_known
    col -= by_col @ col / n_known
    values = np.where(known, height, 0).astype(np.float64, copy=False)
    cross = float(row @ (known @ col))
    equations = np.array([[by_row @ row**2, cross], [cross, by_col @ col**2]])
    asked = np.array([row @ values.sum(axis=1), col @ values.sum(axis=0)])
    tilt = np.linalg.lstsq(equations, asked, rcond=1e-12)[0]
    mean = values.sum() / n_known
    plane = mean + tilt[0] * row[:, None] + tilt[1] * col
    return np.asarray(height - plane, height.dtype)
