from __future__ import annotations

import numpy as np
import pytest

from graven.metrics import total
from graven.metrics.pseudo import pseudo_counts
from graven.studies.baselines import groove_otsu
from graven.synthetic import measured_height, testsets
from graven.synthetic.engraving_ornament import TRAINING_BORDERS, UNSEEN_BORDERS
from graven.synthetic.engraving_styles import TRAINING_STYLES, UNSEEN_STYLES

FROZEN = {
    "ordinary": testsets.ENGRAVING_TEST_ORDINARY,
    "severe": testsets.ENGRAVING_TEST_SEVERE,
    "unseen": testsets.ENGRAVING_TEST_UNSEEN,
    "whole": testsets.ENGRAVING_TEST_WHOLE,
    "val": testsets.ENGRAVING_VAL,
}


def test_no_seed_stands_in_two_sets_or_in_training() -> None:
    seeds = [spec.seed for specs in FROZEN.values() for spec in specs]
    others = [spec.seed for spec in (*testsets.PETROGLYPH_TEST_ORDINARY, *testsets.CONDITION_TEST_ORDINARY)]
    assert len(set(seeds + others)) == len(seeds + others)
    training = testsets.train_seeds(7_000_000)
    assert not any(seed in training for seed in seeds)
    assert not set(seeds) & {*testsets.CHANGE_STILL, *testsets.CHANGE_GROWN}
    assert all(len(specs) >= 5 for specs in FROZEN.values())


def test_unseen_styles_and_borders_stand_in_their_own_set_only() -> None:
    assert {spec.style for spec in FROZEN["unseen"]} == set(UNSEEN_STYLES)
    assert {spec.borders for spec in FROZEN["unseen"]} == {UNSEEN_BORDERS}
    others = [spec for name in ("ordinary", "severe", "whole", "val") for spec in FROZEN[name]]
    assert {(spec.style, spec.borders) for spec in others} == {(None, TRAINING_BORDERS)}
    small = [testsets.make_bronze(spec.seed, size_px=64, degradation=spec.degradation) for spec in others]
    assert {panel.style for panel in small} == set(TRAINING_STYLES)


def test_sets_are_as_named() -> None:
    assert {spec.degradation for spec in FROZEN["severe"]} == {"severe"}
    assert {spec.degradation for name in ("ordinary", "unseen") for spec in FROZEN[name]} == {"ordinary"}
    assert {name for name, specs in FROZEN.items() for spec in specs if spec.whole} == {"whole"}


# Shares of engraving and bronze, millimetres of lines and deviation of the height of a few frozen panels, as made by
# BRONZE_VERSION. They change when the generator does: then every trained weight and every table is out of date, and the
# version must be raised. Coarse enough to hold on other processors, where single bytes may differ.
GOLDEN = {
    "ordinary 2": (0.0552, 0.8951, 591.3, 1.6178),
    "ordinary 5": (0.1265, 0.8008, 1724.1, 0.5727),
    "severe 1": (0.0192, 0.8100, 158.4, 1.4168),
    "severe 9": (0.0795, 1.0000, 784.0, 0.3314),
    "unseen 0": (0.0635, 0.8640, 80.5, 0.4694),
    "unseen 1": (0.0676, 0.9346, 962.3, 0.5936),
    "val 3": (0.0560, 1.0000, 639.1, 0.3972),
    "whole 0": (0.0792, 0.5848, 2580.8, 0.7143),
}


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_frozen_bronzes_are_still_the_same(name: str) -> None:
    assert testsets.BRONZE_VERSION == "engraving-1"
    engraved, bronze, length_mm, deviation = GOLDEN[name]
    kind, index = name.split()
    (panel,) = testsets.make_bronzes((FROZEN[kind][int(index)],))
    size = testsets.TEST_SIZE_PX
    assert panel.mask.shape == (testsets.WHOLE_SIZE_PX if kind == "whole" else (size, size))
    assert panel.surface.pixel_size_mm == testsets.BRONZE_PIXEL_SIZE_MM
    assert panel.mask.mean() == pytest.approx(engraved, abs=5e-4)
    assert panel.object_mask.mean() == pytest.approx(bronze, abs=5e-4)
    lengths = [np.hypot(*np.diff(line.points_px, axis=0).T).sum() for line in panel.lines]
    assert sum(lengths) * 0.05 == pytest.approx(length_mm, rel=5e-3)
    assert panel.surface.height_mm[panel.object_mask].std() == pytest.approx(deviation, rel=1e-2)


def test_a_groove_on_a_slope_is_found() -> None:
    height = np.tile(np.linspace(0, 0.3, 128, dtype=np.float32), (128, 1))
    height[60:66] -= 0.1
    height[:, :10] = np.nan
    found = groove_otsu(height, pixel_size_mm=0.05)
    assert found[61:65, 20:108].all()
    assert not found[:50, 20:108].any()
    assert not found[:, :10].any()


@pytest.mark.parametrize("height", [np.full((8, 8), np.nan, np.float32), np.ones((8, 8), np.float32)])
def test_nothing_is_found_on_nothing(height) -> None:
    assert not groove_otsu(height, pixel_size_mm=0.05).any()


def _pfm_pooled(specs: tuple[testsets.BronzeSpec, ...], **options: float) -> float:
    counts = []
    for panel in testsets.make_bronzes(specs):
        height = measured_height(panel, np.random.default_rng(panel.seed))
        found = groove_otsu(height, pixel_size_mm=0.05, **options)
        counts.append(pseudo_counts(found, panel.mask, np.isfinite(height)))
    return total(counts).f1


@pytest.mark.parametrize("name", ["ordinary", "severe"])
def test_frozen_bronzes_are_hard_for_the_baseline(name: str) -> None:
    assert _pfm_pooled(FROZEN[name][2:4], clip_limit=2.0, width_px=9) < 0.45


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"width_px": 9}, {"clip_limit": 2.0, "width_px": 9}])
@pytest.mark.parametrize("name", FROZEN)
def test_all_frozen_bronzes_are_hard_for_the_baseline(name: str, options) -> None:
    assert _pfm_pooled(FROZEN[name], **options) < 0.46


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ordinary", "severe"])
def test_frozen_bronzes_have_realistic_shares_of_engraving(name: str) -> None:
    shares = [panel.mask.sum() / panel.object_mask.sum() for panel in testsets.make_bronzes(FROZEN[name])]
    assert 0.04 < np.mean(shares) < 0.1
    assert min(shares) > 0.01
