"""Kernels of photometric stereo beside plain NumPy and SciPy scripts that give the same, and beside limits.

The stack is of a domed bronze with grooves under 24 lights, with a highlight of its own in every pixel, so that a
robust fit has something to leave out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from benchmarks.case import Case
from graven.photometric.checks import angular_error_deg
from graven.photometric.integrate import dct_poisson
from graven.photometric.lambertian import lambertian_normals
from graven.photometric.poisson import masked_heights
from graven.photometric.robust import METAL, RobustSettings, robust_normals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["numpy_robust", "surface_cases"]

N_LIGHTS = 24
CHUNK_PX = 65_536
RUN = 4096


def surface_cases(megapixels: float) -> Iterator[Case]:
    """Give the kernels one after the other, so that only the arrays of one are held.

    Parameters
    ----------
    megapixels : float, > 0
        Of the masks of other kernels; a stack takes a quarter of that for least squares, and a sixteenth for robust
        fits, whose peers are slow.

    Yields
    ------
    Case
        A kernel with its peers.
    """
    lights = _lights()
    yield _least_squares(lights, megapixels / 4)
    yield from _robust(lights, megapixels / 16)
    yield _rectangle(megapixels / 4)
    yield _mask(megapixels / 64)


def _lights() -> NDArray[np.float64]:
    """Three rings of lights."""
    angle = 2 * np.pi * np.arange(N_LIGHTS) / N_LIGHTS * 3
    height = np.repeat([0.45, 0.65, 0.85], N_LIGHTS // 3)
    flat = np.sqrt(1 - height**2)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), height], axis=1)


def _relief(megapixels: float) -> NDArray[np.float64]:
    """Heights in pixels: a dome with grooves across."""
    side = max(64, round((1e6 * megapixels) ** 0.5))
    row, col = np.mgrid[:side, :side] / side - 0.5
    grooves = np.exp(-(((row + 0.3 * col) * 12 % 1 - 0.5) ** 2) / 0.005)
    return np.asarray(side * (0.4 - 0.4 * (row**2 + col**2)) - 2 * grooves, np.float64)


def _stack(lights: NDArray[np.float64], megapixels: float) -> NDArray[np.float32]:
    """Images of the relief, linear, with a highlight wherever a light is mirrored."""
    drow, dcol = np.gradient(_relief(megapixels))
    normals = np.stack([-dcol, drow, np.ones_like(dcol)])
    normals /= np.linalg.norm(normals, axis=0)
    shade = np.tensordot(lights, normals, 1)
    halves = lights + np.array([0.0, 0.0, 1.0])
    halves /= np.linalg.norm(halves, axis=1, keepdims=True)
    gloss = np.maximum(np.tensordot(halves, normals, 1), 0) ** 60
    noise = np.random.default_rng(0).normal(0, 0.002, shade.shape)
    return (0.4 * np.maximum(shade, 0) + 0.4 * gloss + noise).astype(np.float32)


def _least_squares(lights: NDArray[np.float64], megapixels: float) -> Case:
    images = _stack(lights, megapixels)
    flat = images.reshape(N_LIGHTS, -1)
    sink = np.empty((5, flat.shape[1]), np.float32)
    inverse = np.linalg.pinv(lights).astype(np.float32)

    def of_numpy() -> NDArray[np.float32]:
        scaled = (inverse @ flat).reshape(3, *images.shape[1:])
        length = np.linalg.norm(scaled, axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(scaled[2] > 0, scaled / length, np.nan)

    def same(ours: Any, theirs: NDArray[np.float32]) -> bool:
        return bool(np.allclose(ours.normals, theirs, atol=1e-4, equal_nan=True))

    return Case(
        "photometric stereo, least squares",
        "photometric.lambertian_normals",
        "≤ 1.5",
        lambda: lambertian_normals(images, lights),
        {"stream limit": (lambda: _stream(flat, sink), None), "numpy pseudo-inverse": (of_numpy, same)},
    )


@numba.njit(cache=True, boundscheck=False)
def _stream(images: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Read every image once and write five planes, with one addition per value."""
    total = np.empty(RUN, np.float32)
    for begin in range(0, images.shape[1], RUN):
        end = min(begin + RUN, images.shape[1])
        part = total[: end - begin]
        part[:] = 0
        for k in range(images.shape[0]):
            row = images[k, begin:end]
            for j in range(len(row)):
                part[j] += row[j]
        for plane in range(out.shape[0]):
            out[plane, begin:end] = part


def _robust(lights: NDArray[np.float64], megapixels: float) -> Iterator[Case]:
    """Without the lobes of highlights both do the same; the default does more than its peer, which says so."""
    images = _stack(lights, megapixels)
    plain = replace(METAL, lobe_rounds=0)

    def of_numpy() -> NDArray[np.float64]:
        return numpy_robust(images, lights, plain)

    def same(ours: Any, theirs: NDArray[np.float64]) -> bool:
        return bool(np.nanpercentile(angular_error_deg(ours.normals, theirs), 99.9) < 0.01)

    def alike(ours: Any, theirs: NDArray[np.float64]) -> bool:
        return bool(np.nanmedian(angular_error_deg(ours.normals, theirs)) < 1)

    name, peer = "photometric.robust_normals", "numpy normal equations"
    yield Case(
        "photometric stereo, robust without lobes",
        name,
        "≥ 10",
        lambda: robust_normals(images, lights, settings=plain),
        {peer: (of_numpy, same)},
    )
    yield Case(
        "photometric stereo, robust",
        name,
        "≥ 10",
        lambda: robust_normals(images, lights),
        {f"{peer}, without lobes": (of_numpy, alike)},
    )


def numpy_robust(
    images: NDArray[np.float32], lights: NDArray[np.float64], settings: RobustSettings
) -> NDArray[np.float64]:
    """Trimmed, then reweighted least squares as one would write it: all pixels of a block at once.

    Parameters
    ----------
    images : ndarray of shape (K, H, W), float32
        Linear.
    lights : ndarray of shape (K, 3), float64
        Unit vectors.
    settings : RobustSettings
        Without lobes.

    Returns
    -------
    ndarray of shape (3, H, W), float64
        Normals; NaN where they do not face the viewer.
    """
    flat = images.reshape(len(images), -1)
    found = np.empty((3, flat.shape[1]))
    for begin in range(0, flat.shape[1], CHUNK_PX):
        part = slice(begin, begin + CHUNK_PX)
        found[:, part] = _numpy_block(flat[:, part].astype(np.float64), lights, settings)
    return found.reshape(3, *images.shape[1:])


def _numpy_block(
    values: NDArray[np.float64], lights: NDArray[np.float64], settings: RobustSettings
) -> NDArray[np.float64]:
    usable = values > 0
    count = usable.sum(axis=0)
    ordered = np.sort(np.where(usable, values, np.inf), axis=0)
    spare = np.maximum(count - 4, 0)
    top = np.minimum((settings.brightest * count).astype(int), spare)
    low = np.minimum((settings.darkest * count).astype(int), spare - top)

    def at(index: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.take_along_axis(ordered, np.clip(index, 0, len(values) - 1)[None], axis=0)[0]

    middle = 0.5 * (at((count - 1) // 2) + at(count // 2))
    kept = usable & (values >= at(low)) & (values <= at(count - top - 1))
    outer = (lights[:, :, None] * lights[:, None, :]).reshape(len(lights), 9)

    def fit(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        gram = (weights.T @ outer).reshape(-1, 3, 3)
        right = (weights * values).T @ lights
        return np.linalg.solve(gram, right[..., None])[..., 0].T

    scaled = fit(kept.astype(np.float64))
    used = usable if settings.readmit else kept
    for _ in range(settings.rounds):
        left = values - lights @ scaled
        width = np.where(left > 0, settings.above, settings.below) * middle
        scaled = fit(used * width**2 / (width**2 + left**2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(scaled[2] > 0, scaled / np.linalg.norm(scaled, axis=0), np.nan)


def _rectangle(megapixels: float) -> Case:
    height = _relief(megapixels)
    between_cols, between_rows = np.diff(height, axis=1), np.diff(height, axis=0)

    def of_scipy() -> NDArray[np.float64]:
        from scipy.fft import dctn, idctn

        flow = np.zeros(height.shape)
        flow[:, :-1] += between_cols
        flow[:, 1:] -= between_cols
        flow[:-1] += between_rows
        flow[1:] -= between_rows
        rows, cols = np.meshgrid(*(np.arange(size) / size for size in height.shape), indexing="ij")
        bends = 2 * np.cos(np.pi * rows) + 2 * np.cos(np.pi * cols) - 4
        bends[0, 0] = 1
        spectrum = dctn(flow) / bends
        spectrum[0, 0] = 0
        return np.asarray(idctn(spectrum))

    def same(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> bool:
        return bool(np.allclose(ours, theirs, atol=1e-9 * np.ptp(height)))

    peers: dict[str, Any] = {"copy limit": (height.copy, None), "scipy script": (of_scipy, same)}
    return Case(
        "integration of a rectangle",
        "photometric.dct_poisson",
        "",
        lambda: dct_poisson(between_cols, between_rows),
        peers,
    )


def _mask(megapixels: float) -> Case:
    """Integrate inside a round mask; a direct solver needs much more memory than the answer, so this one is small."""
    height = _relief(megapixels)
    drow, dcol = np.gradient(height)
    row, col = np.mgrid[: len(height), : len(height)] / len(height) - 0.5
    valid = row**2 + col**2 < 0.23

    def same(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> bool:
        return bool(np.allclose(ours[valid], theirs[valid], atol=1e-5 * np.ptp(height)))

    return Case(
        "integration inside a mask",
        "photometric.masked_heights",
        "",
        lambda: masked_heights(dcol, drow, valid),
        {"scipy direct solver": (lambda: _direct(dcol, drow, valid), same)},
    )


def _direct(dcol: NDArray[np.float64], drow: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Set up the same equations as a sparse matrix and solve them directly."""
    from scipy import sparse
    from scipy.sparse.linalg import spsolve

    number = np.cumsum(valid.ravel()).reshape(valid.shape) - 1
    ends, steps = [], []
    for axis, slope in ((0, drow), (1, dcol)):
        first = (slice(None, -1), slice(None)) if axis == 0 else (slice(None), slice(None, -1))
        second = (slice(1, None), slice(None)) if axis == 0 else (slice(None), slice(1, None))
        both = valid[first] & valid[second]
        ends.append(np.stack([number[first][both], number[second][both]]))
        steps.append(0.5 * (slope[first][both] + slope[second][both]))
    start, stop = np.concatenate(ends, axis=1)
    step, index = np.concatenate(steps), np.arange(len(start))
    ones = np.ones(len(start))
    parts = (np.concatenate([-ones, ones]), (np.concatenate([index, index]), np.concatenate([start, stop])))
    differences = sparse.csr_matrix(parts, shape=(len(start), int(number.max()) + 1))
    normal = (differences.T @ differences).tocsc()[1:, 1:]  # the first pixel stays at 0
    solved = np.concatenate([[0.0], spsolve(normal, (differences.T @ step)[1:])])
    found = np.zeros(valid.shape)
    found[valid] = solved - solved.mean()
    return found
