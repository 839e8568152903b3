"""Heights from slopes: Fourier and cosine transforms for rectangles, least squares for anything with an outline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from graven.errors import InputError
from graven.photometric.poisson import masked_heights
from graven.photometric.slopes import grid_slopes
from graven.photometric.stack import checked_valid

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Integration", "dct_heights", "dct_poisson", "frankot_chellappa", "integrate_normals", "integrate_slopes"]

Integration = Literal["auto", "masked", "dct", "fc"]


def integrate_normals(
    normals: NDArray[np.floating],
    valid: NDArray[np.bool_] | None = None,
    *,
    pixel_size_mm: float,
    method: Integration = "auto",
) -> NDArray[np.float32]:
    """Find the height field whose normals these are.

    Parameters
    ----------
    normals : ndarray of shape (3, H, W), floating
        Unit vectors: x right, y **up**, z towards the viewer.
    valid : ndarray of shape (H, W), bool, optional
        Where to integrate; all by default. Pixels whose normal is NaN are never part of it.
    pixel_size_mm : float, millimetres, > 0
        Length of a pixel side; 1 for heights in pixels.
    method : {"auto", "masked", "dct", "fc"}
        ``masked`` is least squares inside the mask, for objects with an outline; ``dct`` the same for a full rectangle;
        ``fc`` that of Frankot and Chellappa. ``auto`` takes ``dct`` where every pixel is valid, else ``masked``.

    Returns
    -------
    ndarray of shape (H, W), float32, millimetres
        Grows towards the viewer, mean 0 inside (with ``masked`` in each part that hangs together), NaN outside.

    Raises
    ------
    InputError
        If shapes differ, the pixel size is not positive, the method is unknown, or a rectangle is asked for and some
        pixels are not valid.

    Notes
    -----
    Computed in float64. Normals that face the viewer by less than `graven.photometric.slopes.LEAST_NZ` are taken as
    that steep. Light directions that are a little wrong bend the whole surface: what is wider than a few millimetres is
    not to be measured.

    Examples
    --------
    >>> tilted = np.zeros((3, 2, 3))
    >>> tilted[0], tilted[2] = -0.6, 0.8  # rises to the right, 0.75 mm per mm
    >>> (integrate_normals(tilted, pixel_size_mm=2.0)[0].round(6) + 0.0).tolist()
    [-1.5, 0.0, 1.5]
    """
    if normals.ndim != 3 or normals.shape[0] != 3:
        raise InputError(f"normals must have shape (3, height, width), got {normals.shape}")
    known = checked_valid(valid, normals.shape[1:]) & np.isfinite(normals).all(axis=0)
    dcol, drow = grid_slopes(normals, pixel_size_mm=pixel_size_mm)
    return integrate_slopes(dcol, drow, known, method=method)


def integrate_slopes(
    dcol: NDArray[np.floating], drow: NDArray[np.floating], known: NDArray[np.bool_], *, method: Integration = "auto"
) -> NDArray[np.float32]:
    """Find the height field whose slopes these are; what `integrate_normals` does once it has them.

    Parameters
    ----------
    dcol, drow : ndarray of shape (H, W), floating, height per pixel
        Change of height along columns and along rows; finite where `known`.
    known : ndarray of shape (H, W), bool
        Where to integrate.
    method : {"auto", "masked", "dct", "fc"}
        As in `integrate_normals`.

    Returns
    -------
    ndarray of shape (H, W), float32, unit of the slopes
        As `integrate_normals`.

    Raises
    ------
    InputError
        If the method is unknown, or a rectangle is asked for and some pixels are not known.
    """
    if method not in ("auto", "masked", "dct", "fc"):
        raise InputError(f"the method of integration must be auto, masked, dct or fc, got {method!r}")
    whole = bool(known.all())
    if not whole and method in ("dct", "fc"):
        raise InputError(
            f"{method} integrates full rectangles, but {np.count_nonzero(~known)} of {known.size} pixels have no "
            "normal; use masked"
        )
    if method == "fc":
        height = frankot_chellappa(dcol, drow)
    elif whole and method != "masked":
        height = dct_heights(dcol, drow)
    else:
        height = masked_heights(dcol, drow, known)
    return np.where(known, height, np.nan).astype(np.float32)


def dct_heights(dcol: NDArray[np.floating], drow: NDArray[np.floating]) -> NDArray[np.float64]:
    """Integrate slopes at the pixels of a rectangle.

    Parameters
    ----------
    dcol, drow : ndarray of shape (H, W), floating, height per pixel
        Change of height along columns and along rows.

    Returns
    -------
    ndarray of shape (H, W), float64
        Heights with mean 0.

    Raises
    ------
    InputError
        If shapes differ.

    Notes
    -----
    The slope between two pixels is the mean of the slopes at both; then `dct_poisson`.
    """
    if dcol.shape != drow.shape:
        raise InputError(f"both slopes must have one shape, got {dcol.shape} and {drow.shape}")
    flow = np.zeros(dcol.shape)
    between = dcol[:, :-1].astype(np.float64)
    between += dcol[:, 1:]
    between *= 0.5
    _add_flow(flow, between, axis=1)
    del between  # a large frame is 400 MB in each of these
    between = drow[:-1].astype(np.float64)
    between += drow[1:]
    between *= 0.5
    _add_flow(flow, between, axis=0)
    del between
    return _solve_poisson(flow)


def dct_poisson(between_cols: NDArray[np.float64], between_rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Integrate differences between neighbours in a rectangle by the cosine transform [1]_.

    Parameters
    ----------
    between_cols : ndarray of shape (H, W - 1), float64
        Height of the right pixel minus that of the left.
    between_rows : ndarray of shape (H - 1, W), float64
        Height of the lower pixel minus that of the upper.

    Returns
    -------
    ndarray of shape (H, W), float64
        The heights, with mean 0, whose differences are nearest to the given ones; exact if those belong to a surface.

    Raises
    ------
    InputError
        If the shapes do not belong to one rectangle.

    References
    ----------
    .. [1] T. Simchony, R. Chellappa and M. Shao, Direct analytical methods for solving Poisson equations in computer
       vision problems, IEEE Trans. PAMI 12(5), 1990, https://doi.org/10.1109/34.55103.

    Examples
    --------
    >>> ramp = dct_poisson(np.full((2, 2), 1.0), np.zeros((1, 3)))
    >>> ramp.round(9)[0].tolist()
    [-1.0, 0.0, 1.0]
    """
    rows, cols = between_cols.shape[0], between_rows.shape[1]
    if between_cols.shape != (rows, cols - 1) or between_rows.shape != (rows - 1, cols):
        raise InputError(
            f"differences must have shapes (H, W - 1) and (H - 1, W), got {between_cols.shape} and {between_rows.shape}"
        )
    flow = np.zeros((rows, cols))
    _add_flow(flow, between_cols, axis=1)
    _add_flow(flow, between_rows, axis=0)
    return _solve_poisson(flow)


def _add_flow(flow: NDArray[np.float64], between: NDArray[np.float64], *, axis: int) -> None:
    """Add the divergence of differences along one axis; nothing flows through the border."""
    before, after = (flow[:, :-1], flow[:, 1:]) if axis == 1 else (flow[:-1], flow[1:])
    before += between
    after -= between


def _solve_poisson(flow: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the heights of a divergence, which is used up."""
    from scipy.fft import dctn, idctn  # 60 ms to import

    rows, cols = flow.shape
    spectrum = dctn(flow, overwrite_x=True)
    bends = _second_differences(cols) + _second_differences(rows)[:, None]
    bends[0, 0] = 1.0
    spectrum /= bends
    spectrum[0, 0] = 0.0
    return np.asarray(idctn(spectrum, overwrite_x=True))


def _second_differences(size: int) -> NDArray[np.float64]:
    """Eigenvalues of the second difference along one side."""
    return np.asarray(2 * np.cos(np.pi * np.arange(size) / size) - 2, np.float64)


def frankot_chellappa(
    dcol: NDArray[np.floating], drow: NDArray[np.floating], *, periodic: bool = False
) -> NDArray[np.float64]:
    """Integrate slopes at the pixels of a rectangle by the Fourier transform [1]_.

    Parameters
    ----------
    dcol, drow : ndarray of shape (H, W), floating, height per pixel
        Change of height along columns and along rows.
    periodic : bool
        True if the surface goes on at the opposite border. Otherwise it is mirrored at its borders.

    Returns
    -------
    ndarray of shape (H, W), float64
        Heights with mean 0.

    Raises
    ------
    InputError
        If shapes differ.

    Notes
    -----
    Mirroring takes four times the memory. At the highest frequency of an even size slopes say nothing and heights get
    nothing.

    References
    ----------
    .. [1] R. T. Frankot and R. Chellappa, A method for enforcing integrability in shape from shading algorithms, IEEE
       Trans. PAMI 10(4), 1988, https://doi.org/10.1109/34.3909.

    Examples
    --------
    >>> x = np.arange(8) * np.pi / 4
    >>> wave = frankot_chellappa(np.tile(-np.pi / 4 * np.sin(x), (8, 1)), np.zeros((8, 8)), periodic=True)
    >>> bool(np.abs(wave - np.cos(x)).max() < 1e-12)
    True
    """
    from scipy.fft import irfft2, rfft2

    if dcol.shape != drow.shape:
        raise InputError(f"both slopes must have one shape, got {dcol.shape} and {drow.shape}")
    rows, cols = dcol.shape
    across, down = dcol.astype(np.float64), drow.astype(np.float64)
    if not periodic:
        across, down = _mirrored(across, odd_axis=1), _mirrored(down, odd_axis=0)
    size = (across.shape[0], across.shape[1])
    u = _frequencies(size[1])[: size[1] // 2 + 1]
    v = _frequencies(size[0])[:, None]
    squared = u**2 + v**2
    spectrum = u * rfft2(across, overwrite_x=True)
    spectrum += v * rfft2(down, overwrite_x=True)
    spectrum *= -1j
    np.divide(spectrum, squared, out=spectrum, where=squared > 0)
    spectrum[squared == 0] = 0
    height = irfft2(spectrum, s=size, overwrite_x=True)[:rows, :cols]
    return np.asarray(height - height.mean())


def _frequencies(size: int) -> NDArray[np.float64]:
    """Angular frequencies per pixel; 0 at the highest one of an even size."""
    frequencies = np.asarray(2 * np.pi * np.fft.fftfreq(size), np.float64)
    if size % 2 == 0:
        frequencies[size // 2] = 0
    return frequencies


def _mirrored(slope: NDArray[np.float64], *, odd_axis: int) -> NDArray[np.float64]:
    """Slopes of a surface that is mirrored at its right and lower border: they change sign along their own axis."""
    both = np.concatenate([slope, -np.flip(slope, odd_axis)], axis=odd_axis)
    return np.concatenate([both, np.flip(both, 1 - odd_axis)], axis=1 - odd_axis)
