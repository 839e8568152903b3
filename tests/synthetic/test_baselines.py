from __future__ import annotations

import numpy as np
import pytest

from graven.errors import InputError
from graven.studies.baselines import clahe_otsu
from graven.synthetic.petroglyph import PetroglyphPanel
from graven.synthetic.testsets import (
    PETROGLYPH_TEST_ORDINARY,
    PETROGLYPH_TEST_SEVERE,
    PETROGLYPH_TEST_UNSEEN_ROCK,
    PETROGLYPH_VAL,
    make_panels,
)


def _f1_pooled(panels: list[PetroglyphPanel]) -> float:
    hit = false = missed = 0
    for panel in panels:
        found = clahe_otsu(panel.image, valid=panel.valid)
        hit += int((found & panel.mask).sum())
        false += int((found & ~panel.mask).sum())
        missed += int((~found & panel.mask).sum())
    return 2 * hit / (2 * hit + false + missed)


@pytest.mark.parametrize("polarity", [False, True])
def test_a_mark_on_even_ground_is_found_dark_or_light(polarity: bool) -> None:
    image = np.full((3, 128, 128), 200 if polarity else 60, np.uint8)
    image[:, 40:60, 30:90] = 60 if polarity else 200
    found = clahe_otsu(image)
    truth = np.zeros((128, 128), np.bool_)
    truth[40:60, 30:90] = True
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.85


def test_pixels_without_a_picture_are_never_marked() -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, 96, 96), dtype=np.uint8)
    valid = np.zeros((96, 96), np.bool_)
    assert not clahe_otsu(image, valid=valid).any()
    valid[:48] = True
    assert not clahe_otsu(image, valid=valid)[48:].any()


def test_wrong_input_is_refused() -> None:
    with pytest.raises(InputError, match="uint8"):
        clahe_otsu(np.zeros((3, 8, 8), np.float32))  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(InputError, match="valid"):
        clahe_otsu(np.zeros((3, 8, 8), np.uint8), valid=np.ones((4, 4), np.bool_))


@pytest.mark.parametrize(
    "specs", [PETROGLYPH_TEST_ORDINARY[:4], PETROGLYPH_TEST_SEVERE[:4]], ids=["ordinary", "severe"]
)
def test_the_frozen_panels_are_hard_for_the_baseline(specs) -> None:
    assert _f1_pooled(list(make_panels(specs))) < 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "specs",
    [PETROGLYPH_TEST_ORDINARY, PETROGLYPH_TEST_SEVERE, PETROGLYPH_TEST_UNSEEN_ROCK, PETROGLYPH_VAL],
    ids=["ordinary", "severe", "unseen", "val"],
)
def test_all_frozen_panels_are_hard_for_the_baseline(specs) -> None:
    assert _f1_pooled(list(make_panels(specs))) < 0.5
