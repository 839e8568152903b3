"""Thinning by tables against its definition: every pass looks at every pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from skimage.morphology import thin as skimage_thin

from graven.errors import InputError
from graven.kernels import thinning
from graven.kernels.thinning import neighbours, thin_by_tables
from graven.measure.thinning import _TABLES as ROSENFELD
from graven.metrics.guo_hall import _TABLES as GUO_HALL
from graven.metrics.guo_hall import thin_guo_hall

MASKS = arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20)), elements=st.integers(0, 1))
STEPS = [(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]


def blobs(seed: int, sigma: float, shape: tuple[int, int] = (90, 70)) -> np.ndarray:
    return np.asarray(ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), sigma) > 0)


def by_definition(mask: np.ndarray, tables: np.ndarray) -> tuple[np.ndarray, int]:
    """Decide on all pixels at once, pass by pass."""
    padded = np.pad(mask, 1).astype(np.int64)
    n_passes, idle = 0, 0
    while idle < len(tables):
        code = sum(np.roll(padded, (-row, -col), (0, 1)) << bit for bit, (row, col) in enumerate(STEPS))
        goes = tables[n_passes % len(tables)][code] & (padded == 1)
        padded[goes] = 0
        n_passes += 1
        idle = 0 if goes.any() else idle + 1
    return padded[1:-1, 1:-1], n_passes


@pytest.mark.parametrize("tables", [GUO_HALL, ROSENFELD], ids=["guo-hall", "rosenfeld"])
@settings(deadline=None, max_examples=200)
@given(mask=MASKS)
def test_any_mask(tables: np.ndarray, mask: np.ndarray) -> None:
    skeleton, n_passes = thin_by_tables(mask, tables)
    wanted, n_wanted = by_definition(mask, tables)
    assert (skeleton == wanted).all()
    assert n_passes == n_wanted


@settings(deadline=None, max_examples=50)
@given(mask=MASKS, seed=st.integers(0, 1000), n_tables=st.integers(1, 5))
def test_any_tables(mask: np.ndarray, seed: int, n_tables: int) -> None:
    tables = np.random.default_rng(seed).random((n_tables, 256)) < 0.3
    skeleton, n_passes = thin_by_tables(mask, tables)
    wanted, n_wanted = by_definition(mask, tables)
    assert (skeleton == wanted).all()
    assert n_passes == n_wanted


def test_neighbours_go_round_from_the_east() -> None:
    assert neighbours().T[0b10010110].tolist() == [False, True, True, False, True, False, False, True]


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0, 8.0])
def test_guo_hall_is_the_library_s(sigma: float) -> None:
    mask = blobs(2, sigma)
    assert (thin_guo_hall(mask) == skimage_thin(mask)).all()


def test_guo_hall_and_the_centre_lines_are_different_algorithms() -> None:
    mask = blobs(2, 3.0)
    assert (thin_guo_hall(mask) != thin_by_tables(mask.view(np.uint8), ROSENFELD)[0]).any()


def test_guo_hall_refuses_what_is_no_image() -> None:
    with pytest.raises(InputError, match=r"expected a mask of shape \(H, W\), got \(3,\)"):
        thin_guo_hall(np.ones(3, bool))


@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_compiled_and_interpreted(sigma: float, monkeypatch: pytest.MonkeyPatch) -> None:
    mask = blobs(5, sigma, (23, 31)).view(np.uint8)
    compiled, n_passes = thin_by_tables(mask, ROSENFELD)
    for name in ("_fill_state", "_next_pass", "_thin"):
        monkeypatch.setattr(thinning, name, getattr(thinning, name).py_func)
    interpreted, n_interpreted = thin_by_tables(mask, ROSENFELD)
    assert (compiled == interpreted).all()
    assert n_passes == n_interpreted
