"""Growth is measured from the old tip on, and what only lies beside itself is no change."""

from __future__ import annotations

import numpy as np
import pytest

from graven.errors import InputError, MismatchError
from graven.measure.change import changed_areas, changed_lines
from graven.types import PixelSize


def wavy(length: float, *, seed: int, start: tuple[float, float] = (10.0, 100.0)) -> np.ndarray:
    """A crack that wanders, sampled every two pixels."""
    rng = np.random.default_rng(seed)
    n = int(length / 2)
    turn = np.cumsum(rng.normal(0, 0.06, n))
    steps = 2 * np.column_stack([np.cos(turn), np.sin(turn)])
    return np.array(start) + np.concatenate([[[0, 0]], np.cumsum(steps, axis=0)])


def test_a_crack_that_has_grown_at_its_tip() -> None:
    line = wavy(400, seed=1)
    for grown_px in (20, 60, 200):
        old = line[: -grown_px // 2]
        moved = line + np.array([0.8, -0.9])
        found = changed_lines([moved], [old], tolerance_px=4, min_length_px=10)
        assert len(found.pieces) == 1
        assert found.length.value == pytest.approx(grown_px, abs=2.0)
        assert changed_lines([old], [moved], tolerance_px=4, min_length_px=10).pieces == ()


def test_new_cracks_that_start_at_old_ones_and_cross_them_count_in_full() -> None:
    old = [np.array([[0.0, 50.0], [200.0, 50.0]]), np.array([[0.0, 120.0], [200.0, 120.0]])]
    branch, crossing = np.array([[60.0, 50.0], [60.0, 10.0]]), np.array([[120.0, 20.0], [140.0, 180.0]])
    found = changed_lines([*old, branch, crossing], old, tolerance_px=5, min_length_px=10)
    assert found.length.value == pytest.approx(40 + np.hypot(20, 160), rel=0.02)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_what_only_lies_beside_itself_is_no_change(shift: float) -> None:
    lines = [wavy(300, seed=seed, start=(10, 40.0 * seed)) for seed in range(8)]
    rng = np.random.default_rng(0)
    other = [line + np.array([shift, shift / 2]) + rng.normal(0, 0.3, line.shape) for line in lines]
    for pair in ((lines, other), (other, lines)):
        found = changed_lines(*pair, tolerance_px=4, min_length_px=10)
        assert found.pieces == ()
        assert found.length.value == 0


def test_a_ring_has_no_tips() -> None:
    turn = np.linspace(0, 2 * np.pi, 100)
    ring = np.column_stack([50 + 20 * np.cos(turn), 50 + 20 * np.sin(turn)])
    assert changed_lines([ring + 0.7], [ring], tolerance_px=3, min_length_px=3).pieces == ()


def test_short_pieces_are_told_apart_and_units_follow_the_scale() -> None:
    size = PixelSize(0.1, 0.1, "user", 0.02)
    lines = [np.array([[0.0, 0.0], [6.0, 0.0]]), np.array([[0.0, 20.0], [100.0, 20.0]])]
    found = changed_lines(lines, [], tolerance_px=3, min_length_px=10, residual_px=1.0, pixel_size=size)
    assert found.length.value == pytest.approx(10.0)
    assert found.length.unit == "mm"
    assert found.below_limit.value == pytest.approx(0.6)
    assert found.limit.value == pytest.approx(1.0)
    assert found.length.sigma == pytest.approx(np.hypot(0.2, 0.1 * np.sqrt(2) * np.hypot(0.5, 1.0)))


def test_growth_of_an_area_counts_from_the_old_border_on() -> None:
    rows, cols = np.mgrid[:200, :200]
    old = (rows - 100) ** 2 + (cols - 80) ** 2 < 40**2
    new = old | ((np.abs(rows - 100) < 10) & (cols > 80) & (cols < 160))
    truth = int((new & ~old).sum())
    found = changed_areas(np.roll(new, 1, axis=0), old, tolerance_px=4, min_area_px=30)
    assert found.area.value == pytest.approx(truth, rel=0.05)
    assert changed_areas(old, np.roll(new, 1, axis=0), tolerance_px=4, min_area_px=30).areas == ()


def test_a_shifted_area_is_no_change_but_is_told() -> None:
    rows, cols = np.mgrid[:120, :120]
    old = (rows - 60) ** 2 + (cols - 60) ** 2 < 30**2
    found = changed_areas(np.roll(old, 2, axis=1), old, tolerance_px=4, min_area_px=10)
    assert not found.mask.any()
    assert found.below_limit.value > 50


def test_what_is_not_known_at_both_dates_is_no_change() -> None:
    new, valid = np.zeros((40, 40), bool), np.ones((40, 40), bool)
    new[10:20, 10:20] = True
    valid[:, 15:] = False
    found = changed_areas(new, np.zeros_like(new), valid=valid, tolerance_px=1, min_area_px=1)
    assert found.area.value == 50


def test_an_area_knows_its_uncertainty() -> None:
    size = PixelSize(0.5, 0.5, "user", 0.01)
    new = np.zeros((60, 60), bool)
    new[10:50, 10:50] = True
    found = changed_areas(new, np.zeros_like(new), tolerance_px=2, min_area_px=9, pixel_size=size)
    assert found.area.value == pytest.approx(400.0)
    assert 8.0 < found.area.sigma < 9.0


def test_nonsense_is_refused() -> None:
    line = np.array([[0.0, 0.0], [9.0, 0.0]])
    with pytest.raises(InputError, match="tolerance must be above 0"):
        changed_lines([line], [line], tolerance_px=0, min_length_px=1)
    with pytest.raises(MismatchError, match="one size"):
        changed_areas(np.zeros((3, 3), bool), np.zeros((4, 3), bool), tolerance_px=1, min_area_px=1)
