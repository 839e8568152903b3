from __future__ import annotations

import numpy as np
import pytest

from graven.errors import InputError
from graven.synthetic import testsets
from graven.synthetic.rock import TRAINING_ROCKS, UNSEEN_ROCKS

FROZEN = {
    "ordinary": testsets.PETROGLYPH_TEST_ORDINARY,
    "severe": testsets.PETROGLYPH_TEST_SEVERE,
    "unseen": testsets.PETROGLYPH_TEST_UNSEEN_ROCK,
    "val": testsets.PETROGLYPH_VAL,
}


def test_no_seed_stands_in_two_sets_or_in_training() -> None:
    seeds = [spec.seed for specs in FROZEN.values() for spec in specs]
    assert len(set(seeds)) == len(seeds)
    training = testsets.train_seeds(7_000_000)
    assert not any(seed in training for seed in seeds)
    assert all(len(specs) >= 12 for specs in FROZEN.values())


def test_unseen_rocks_stand_in_their_own_set_only() -> None:
    assert {spec.rock for spec in FROZEN["unseen"]} == set(UNSEEN_ROCKS)
    assert {spec.rock for name in ("ordinary", "severe", "val") for spec in FROZEN[name]} == {None}
    panels = [
        testsets.make_petroglyph(seed, size_px=64).rock
        for seed in [*testsets.train_seeds(24), *(spec.seed for spec in FROZEN["ordinary"])]
    ]
    assert set(panels) == set(TRAINING_ROCKS)


def test_degradations_are_as_named() -> None:
    assert {spec.degradation for spec in FROZEN["severe"]} == {"severe"}
    assert {spec.degradation for name in ("ordinary", "unseen") for spec in FROZEN[name]} == {"ordinary"}


@pytest.mark.parametrize("n", [-1, 7_000_001])
def test_more_training_seeds_than_there_are_is_refused(n: int) -> None:
    with pytest.raises(InputError, match="n must lie in"):
        testsets.train_seeds(n)


# Coverage and mean colour of a few frozen panels, as made by GENERATOR_VERSION. They change when the generator does:
# then every trained weight and every table is out of date, and the version must be raised. Coarse enough to hold on
# other processors, where single bytes may differ.
GOLDEN = {
    "ordinary 0": (0.1342, 141.3, 139.4, 135.5),
    "ordinary 9": (0.1405, 101.7, 99.0, 86.6),
    "severe 3": (0.1208, 126.5, 116.4, 115.9),
    "unseen 0": (0.1237, 126.5, 126.7, 125.0),
    "unseen 1": (0.1169, 161.8, 130.3, 102.8),
    "val 5": (0.1122, 113.2, 117.2, 107.7),
}


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_frozen_panels_are_still_the_same(name: str) -> None:
    assert testsets.GENERATOR_VERSION == "petroglyph-1"
    share, red, green, blue = GOLDEN[name]
    kind, index = name.split()
    (panel,) = testsets.make_panels((FROZEN[kind][int(index)],))
    assert panel.image.shape == (3, testsets.TEST_SIZE_PX, testsets.TEST_SIZE_PX)
    assert panel.surface.pixel_size_mm == testsets.TEST_PIXEL_SIZE_MM
    assert panel.mask.mean() == pytest.approx(share, abs=2e-4)
    np.testing.assert_allclose(panel.image.mean((1, 2)), [red, green, blue], atol=0.1)
