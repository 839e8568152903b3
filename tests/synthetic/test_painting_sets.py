from __future__ import annotations

import numpy as np
import pytest

from graven.errors import InputError
from graven.studies.baselines import blackhat_otsu
from graven.synthetic import testsets
from graven.synthetic.craquelure import UNSEEN_PATTERNS
from graven.synthetic.painting import CRAQUELURE, PAINT_LOSS, UNKNOWN
from graven.synthetic.palettes import TRAINING_PAINTINGS, UNSEEN_PAINTINGS

FROZEN = {
    "ordinary": testsets.CONDITION_TEST_ORDINARY,
    "severe": testsets.CONDITION_TEST_SEVERE,
    "unseen": testsets.CONDITION_TEST_UNSEEN,
    "val": testsets.CONDITION_VAL,
}


def test_no_seed_stands_in_two_sets_or_in_training() -> None:
    seeds = [spec.seed for specs in FROZEN.values() for spec in specs]
    assert len(set(seeds)) == len(seeds)
    training = testsets.train_seeds(7_000_000)
    assert not any(seed in training for seed in seeds)
    assert all(len(specs) >= 12 for specs in FROZEN.values())


def test_unseen_paintings_and_patterns_stand_in_their_own_set_only() -> None:
    assert {spec.painting for spec in FROZEN["unseen"]} == set(UNSEEN_PAINTINGS)
    assert {spec.pattern for spec in FROZEN["unseen"]} == {*UNSEEN_PATTERNS, None}
    others = [spec for name in ("ordinary", "severe", "val") for spec in FROZEN[name]]
    assert {(spec.painting, spec.pattern) for spec in others} == {(None, None)}
    small = [testsets.make_painting(spec.seed, size_px=64, degradation=spec.degradation) for spec in others]
    assert {panel.painting for panel in small} == set(TRAINING_PAINTINGS)
    assert not {pattern for panel in small for pattern in panel.patterns} & set(UNSEEN_PATTERNS)


def test_degradations_are_as_named() -> None:
    assert {spec.degradation for spec in FROZEN["severe"]} == {"severe"}
    assert {spec.degradation for name in ("ordinary", "unseen") for spec in FROZEN[name]} == {"ordinary"}


# Shares of both classes, millimetres of cracks and mean colour of a few frozen panels, as made by PAINTING_VERSION.
# They change when the generator does: then every trained weight and every table is out of date, and the version must
# be raised. Coarse enough to hold on other processors, where single bytes may differ.
GOLDEN = {
    "ordinary 2": (0.0543, 0.0371, 2239.2, 152.7, 136.2, 121.6),
    "ordinary 9": (0.0649, 0.0000, 1735.0, 96.8, 100.5, 86.9),
    "severe 0": (0.1404, 0.0180, 5912.3, 107.2, 102.0, 86.4),
    "severe 10": (0.0617, 0.0523, 2628.3, 114.3, 113.1, 110.6),
    "unseen 0": (0.0730, 0.0085, 4479.7, 121.0, 106.6, 94.1),
    "unseen 1": (0.0946, 0.1170, 2578.1, 117.5, 100.8, 84.1),
    "val 5": (0.0579, 0.0046, 3191.0, 141.9, 118.2, 107.8),
}


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_frozen_panels_are_still_the_same(name: str) -> None:
    assert testsets.PAINTING_VERSION == "condition-1"
    cracked, lost, length_mm, *colour = GOLDEN[name]
    kind, index = name.split()
    (panel,) = testsets.make_paintings((FROZEN[kind][int(index)],))
    assert panel.image.shape == (3, testsets.TEST_SIZE_PX, testsets.TEST_SIZE_PX)
    assert panel.surface.pixel_size_mm == testsets.PAINTING_PIXEL_SIZE_MM
    assert (panel.classes == CRAQUELURE).mean() == pytest.approx(cracked, abs=5e-4)
    assert (panel.classes == PAINT_LOSS).mean() == pytest.approx(lost, abs=5e-4)
    assert panel.cracks.lengths_px.sum() * 0.1 == pytest.approx(length_mm, rel=5e-3)
    np.testing.assert_allclose(panel.image.mean((1, 2)), colour, atol=0.2)


def test_dark_lines_on_even_paint_are_found_and_light_ones_are_not() -> None:
    image = np.full((3, 96, 96), 150, np.uint8)
    image[:, 40:44, :50] = 60
    image[:, :, 70:73] = 220
    found = blackhat_otsu(image)
    assert found[40:44, :46].all()
    assert not found[:, 60:].any()
    assert found.sum() <= 4 * 50


@pytest.mark.parametrize("width_px", [1, 8])
def test_an_element_without_a_middle_is_refused(width_px: int) -> None:
    with pytest.raises(InputError, match="width_px must be odd"):
        blackhat_otsu(np.zeros((3, 8, 8), np.uint8), width_px=width_px)


def test_only_colour_pictures_are_taken() -> None:
    with pytest.raises(InputError, match="uint8"):
        blackhat_otsu(np.zeros((8, 8), np.uint8))


def _f1_pooled(specs: tuple[testsets.PaintingSpec, ...], width_px: int) -> float:
    hit = false = missed = 0
    for panel in testsets.make_paintings(specs):
        known, truth = panel.classes != UNKNOWN, panel.classes == CRAQUELURE
        found = blackhat_otsu(panel.image, width_px=width_px) & known
        hit += int((found & truth).sum())
        false += int((found & ~truth).sum())
        missed += int((~found & truth).sum())
    return 2 * hit / (2 * hit + false + missed)


@pytest.mark.parametrize("name", ["ordinary", "severe"])
def test_the_frozen_paintings_are_hard_for_the_baseline(name: str) -> None:
    assert _f1_pooled(FROZEN[name][:4], 9) < 0.45


@pytest.mark.slow
@pytest.mark.parametrize("width_px", [9, 15])
@pytest.mark.parametrize("name", FROZEN)
def test_all_frozen_paintings_are_hard_for_the_baseline(name: str, width_px: int) -> None:
    assert _f1_pooled(FROZEN[name], width_px) < 0.45


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ordinary", "severe"])
def test_damage_of_the_frozen_paintings_has_realistic_shares(name: str) -> None:
    shares = np.array(
        [[(panel.classes == value).mean() for value in (1, 2, 255)] for panel in testsets.make_paintings(FROZEN[name])]
    )
    cracked, lost, unknown = shares.mean(axis=0)
    assert 0.03 < cracked < 0.10
    assert 0.05 < lost < 0.20
    assert unknown < 0.01
