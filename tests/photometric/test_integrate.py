"""Integration gives the surface back whose slopes it is handed, whatever its outline, the right way up."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import lsqr

from graven.errors import InputError
from graven.photometric.checks import integrability_deg
from graven.photometric.integrate import dct_heights, dct_poisson, frankot_chellappa, integrate_normals
from graven.photometric.plane import remove_plane
from graven.photometric.poisson import masked_heights
from graven.photometric.slopes import grid_slopes


def test_frankot_chellappa_vector(vectors) -> None:
    expected, tolerance = vectors["P-FC-1"]["expected"], vectors["P-FC-1"]["tolerance"]
    y, x = np.mgrid[:8, :8] * np.pi / 4
    height = frankot_chellappa(-np.pi / 4 * np.sin(x), np.pi / 8 * np.cos(y), periodic=True)
    np.testing.assert_allclose(height, np.cos(x) + 0.5 * np.sin(y), atol=tolerance)
    np.testing.assert_allclose(height[0], expected["z_row0"], atol=tolerance)


def test_poisson_vector(vectors) -> None:
    vector = vectors["P-POISSON-1"]
    height = dct_poisson(np.array(vector["inputs"]["gx"]), np.array(vector["inputs"]["gy"]))
    np.testing.assert_allclose(height, vector["expected"]["z_minus_mean"], atol=vector["tolerance"])


@settings(max_examples=50, deadline=None)
@given(rows=st.integers(1, 12), cols=st.integers(1, 12), seed=st.integers(0, 2**32 - 1))
def test_any_differences_of_a_surface_are_integrated_exactly(rows: int, cols: int, seed: int) -> None:
    surface = np.random.default_rng(seed).normal(size=(rows, cols))
    height = dct_poisson(np.diff(surface, axis=1), np.diff(surface, axis=0))
    np.testing.assert_allclose(height, surface - surface.mean(), atol=1e-9)


def test_height_error_of_a_relief_by_cosine_transform(relief) -> None:
    height = integrate_normals(relief.normals, pixel_size_mm=relief.pixel_size_mm)
    truth = relief.height_mm - relief.height_mm.mean()
    assert np.abs(height - truth).max() < 0.001 * np.ptp(truth)
    assert height.dtype == np.float32
    assert np.nanmedian(integrability_deg(relief.normals, height, pixel_size_mm=relief.pixel_size_mm)) < 0.1


def test_the_three_ways_agree(relief) -> None:
    by = {
        method: integrate_normals(relief.normals, pixel_size_mm=relief.pixel_size_mm, method=method)
        for method in ("masked", "dct", "fc")
    }
    extent = np.ptp(relief.height_mm)
    assert np.abs(by["masked"] - by["dct"]).max() < 1e-5 * extent  # one problem, solved in two ways
    assert np.abs(by["fc"] - by["dct"]).max() < 0.02 * extent


def test_a_bump_is_a_bump() -> None:
    # A ridge along the columns' axis that rises and falls from row to row: only the vertical axis tells.
    row = np.arange(40)
    ridge = np.tile(np.exp(-(((row - 15) / 4.0) ** 2))[:, None], (1, 30))
    down = -2 * (row - 15) / 16 * ridge[:, 0]
    normals = np.zeros((3, 40, 30))
    normals[1], normals[2] = down[:, None], 1.0  # q = dz/dy = -dz/drow, n_y = -q
    normals /= np.linalg.norm(normals, axis=0)
    for method in ("masked", "dct", "fc"):
        height = integrate_normals(normals, pixel_size_mm=1.0, method=method)
        np.testing.assert_allclose(height, ridge - ridge.mean(), atol=0.02)
    flipped = integrate_normals(normals * np.array([1, -1, 1])[:, None, None], pixel_size_mm=1.0)
    np.testing.assert_allclose(flipped, ridge.mean() - ridge, atol=0.02)


MASKS = st.tuples(st.integers(1, 40), st.integers(1, 40), st.floats(0.3, 1.0), st.integers(0, 2**32 - 1))


def random_mask(rows: int, cols: int, share: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((rows, cols)) < share


@settings(max_examples=100, deadline=None)
@given(MASKS)
def test_a_quadratic_surface_in_any_mask(drawn) -> None:
    # The mean of the slopes at two points of a parabola is its difference, so least squares has nothing to spread.
    valid = random_mask(*drawn)
    rng = np.random.default_rng(drawn[-1])
    a, b, c, d, e = rng.normal(size=5)
    row, col = np.mgrid[: valid.shape[0], : valid.shape[1]]
    surface = a * row**2 + b * row * col + c * col**2 + d * row + e * col
    height = masked_heights(b * row + 2 * c * col + e, 2 * a * row + b * col + d, valid)
    _, labels = _components(valid)
    for label in range(1, labels.max() + 1):
        part = labels == label
        wanted = surface[part] - surface[part].mean()
        np.testing.assert_allclose(height[part], wanted, atol=1e-4 * max(1.0, np.ptp(surface)))
    assert (height[~valid] == 0).all()


@pytest.mark.parametrize("share", [0.55, 0.75, 1.0])
def test_noisy_slopes_against_a_direct_solution(share: float) -> None:
    valid = random_mask(45, 60, share, 5)
    rng = np.random.default_rng(6)
    dcol, drow = rng.normal(size=(2, 45, 60))
    height = masked_heights(dcol, drow, valid, tolerance=1e-9)
    np.testing.assert_allclose(height, _direct(dcol, drow, valid), atol=1e-5)
    if share == 1.0:
        np.testing.assert_allclose(height, dct_heights(dcol, drow), atol=1e-5)


def test_a_ring_with_a_gap_and_an_island(relief) -> None:
    row, col = np.mgrid[:128, :128]
    distance = np.hypot(row - 64, col - 64)
    valid = ((distance < 60) & (distance > 45)) | (distance < 20)
    valid[60:68, 64:] &= distance[60:68, 64:] < 20
    normals = np.where(valid, relief.normals, np.nan)
    height = integrate_normals(normals, pixel_size_mm=relief.pixel_size_mm)
    assert (np.isfinite(height) == valid).all()
    for part in (distance < 20, valid & (distance > 40)):
        truth = relief.height_mm[part] - relief.height_mm[part].mean()
        assert np.abs(height[part] - truth).max() < 0.001 * np.ptp(relief.height_mm)


def test_steep_normals_are_held_back() -> None:
    normals = np.zeros((3, 1, 2))
    normals[0], normals[2] = -1.0, 0.001
    dcol, _ = grid_slopes(normals, pixel_size_mm=1.0)
    assert dcol.tolist() == [[20.0, 20.0]]


def test_plane_inside_the_mask_only() -> None:
    row, col = np.mgrid[:30, :40]
    valid = (row - 12) ** 2 + (col - 22) ** 2 < 80
    detail = np.where((row + col) % 2 == 0, 0.01, -0.01)
    height = np.where(valid, 3 + 0.2 * row - 0.1 * col + detail, 1e6)
    flat = remove_plane(height, valid)
    assert np.abs(flat[valid] - detail[valid]).max() < 0.002
    assert abs(flat[valid].mean()) < 1e-9
    np.testing.assert_allclose(remove_plane(np.where(valid, height, np.nan))[valid], flat[valid])


def test_what_cannot_be_obeyed(relief) -> None:
    hole = relief.normals.copy()
    hole[:, 5, 5] = np.nan
    with pytest.raises(InputError, match="1 of 16384 pixels have no normal; use masked"):
        integrate_normals(hole, pixel_size_mm=0.1, method="dct")
    with pytest.raises(InputError, match="pixel_size_mm must be positive, got 0"):
        integrate_normals(hole, pixel_size_mm=0)
    with pytest.raises(InputError, match="auto, masked, dct or fc, got 'cg'"):
        integrate_normals(hole, pixel_size_mm=1.0, method="cg")
    with pytest.raises(InputError, match="at least one valid pixel"):
        remove_plane(np.full((2, 2), np.nan))


def _components(valid: np.ndarray) -> tuple[int, np.ndarray]:
    from scipy.ndimage import label

    labels, count = label(valid)
    return count, labels


def _direct(dcol: np.ndarray, drow: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """The least-squares heights of smallest norm, from the written-out equations."""
    number = np.arange(valid.size).reshape(valid.shape)
    pairs, steps = [], []
    for slope, axis in ((dcol, 1), (drow, 0)):
        first, second = (slice(None), slice(None, -1)), (slice(None), slice(1, None))
        here, there = (first, second) if axis == 1 else (first[::-1], second[::-1])
        both = valid[here] & valid[there]
        pairs.append(np.stack([number[here][both], number[there][both]], axis=1))
        steps.append((slope[here][both] + slope[there][both]) / 2)
    ends = np.concatenate(pairs)
    edge = np.repeat(np.arange(len(ends)), 2)
    signs = np.tile([-1.0, 1.0], len(ends))
    matrix = sparse.csr_matrix((signs, (edge, ends.ravel())), (len(ends), valid.size))
    return lsqr(matrix, np.concatenate(steps), atol=1e-14, btol=1e-14, iter_lim=20_000)[0].reshape(valid.shape)
