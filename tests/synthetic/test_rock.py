from __future__ import annotations

import numpy as np
import pytest

from graven.errors import InputError
from graven.synthetic.rock import ROCKS, TRAINING_ROCKS, UNSEEN_ROCKS, make_rock


def _rock(name: str, *, seed: int = 4, unit: float = 0.5):
    return make_rock(name, shape=(160, 200), pixel_size_mm=unit, rng=np.random.default_rng(seed))


def test_unseen_rocks_are_kept_out_of_training() -> None:
    assert len(TRAINING_ROCKS) >= 6
    assert len(UNSEEN_ROCKS) == 2
    assert not set(TRAINING_ROCKS) & set(UNSEEN_ROCKS)
    assert set(TRAINING_ROCKS) | set(UNSEEN_ROCKS) == set(ROCKS)


@pytest.mark.parametrize("name", ROCKS)
@pytest.mark.parametrize("unit", [0.25, 0.5, 2.0])
def test_rock_is_finite_rough_and_possible(name: str, unit: float) -> None:
    rock = _rock(name, unit=unit)
    assert np.isfinite(rock.height_mm).all()
    assert np.isfinite(rock.albedo).all()
    assert np.isfinite(rock.grain).all()
    assert rock.albedo.min() > -0.05
    assert rock.albedo.max() < 1.5
    assert ((rock.fresh_rgb > 0.02) & (rock.fresh_rgb < 1)).all()
    assert rock.height_mm.std() > 0.1
    assert not rock.masks


@pytest.mark.parametrize("name", ROCKS)
def test_two_panels_of_a_kind_differ(name: str) -> None:
    assert np.abs(_rock(name, seed=1).albedo - _rock(name, seed=2).albedo).mean() > 0.005


def test_dark_varnish_lies_over_lighter_sandstone() -> None:
    rocks = [_rock("varnished_sandstone", seed=seed) for seed in range(6)]
    assert all(rock.fresh_rgb.mean() > 1.2 * rock.albedo.mean() for rock in rocks)


def test_a_large_panel_swells_more_than_a_small_one() -> None:
    small, large = (
        make_rock("limestone", shape=(300, 300), pixel_size_mm=unit, rng=np.random.default_rng(0)).height_mm
        for unit in (1.0, 4.0)
    )
    assert np.ptp(large) > np.ptp(small)


def test_an_unknown_rock_is_refused_with_the_list() -> None:
    with pytest.raises(InputError, match=r"granite.*'cheese'"):
        _rock("cheese")
