"""The stroke over the longest mistake, on drawn masks."""

from __future__ import annotations

import numpy as np
import pytest

from graven.errors import MismatchError
from graven.methods.mistakes import longest_mistake
from graven.refine.drawing import hint_map
from graven.types import Window


def _bars(*bars: tuple[int, int, int]) -> np.ndarray:
    """Draw bars of four rows: first row, first and last column."""
    mask = np.zeros((60, 120), bool)
    for row, start, stop in bars:
        mask[row : row + 4, start:stop] = True
    return mask


LONG, SHORT, FALSE = (10, 10, 100), (30, 20, 60), (50, 10, 90)


def test_the_longest_of_what_is_missing_and_too_much_comes_first() -> None:
    truth, found = _bars(LONG, SHORT), _bars(FALSE)
    polarities, lengths = [], []
    for _ in range(3):
        stroke = longest_mistake(found, truth, uid="a")
        assert stroke is not None
        polarities.append(stroke.polarity)
        lengths.append(np.ptp(stroke.points[:, 0]))
        hints = hint_map([stroke], Window(0, 0, 60, 120))
        found = (found | (hints > 0)) & ~(hints < 0)
    assert polarities == ["add", "erase", "add"]
    assert lengths == sorted(lengths, reverse=True)
    assert longest_mistake(found, truth, uid="a") is None


def test_a_stroke_is_as_wide_as_what_is_missing_and_covers_what_is_too_much() -> None:
    added = longest_mistake(np.zeros((60, 120), bool), _bars(LONG), uid="a")
    erased = longest_mistake(_bars(LONG), np.zeros((60, 120), bool), uid="a")
    assert added is not None
    assert erased is not None
    assert added.width_px == pytest.approx(4)
    assert erased.width_px == pytest.approx(6)


@pytest.mark.parametrize(("tolerance_px", "is_mistake"), [(1.0, True), (3.0, False)])
def test_what_lies_near_is_no_mistake(tolerance_px: float, is_mistake: bool) -> None:
    truth, found = _bars(LONG), np.roll(_bars(LONG), 3, axis=0)
    stroke = longest_mistake(found, truth, uid="a", tolerance_px=tolerance_px)
    assert (stroke is not None) is is_mistake


def test_two_sizes_are_refused() -> None:
    with pytest.raises(MismatchError, match="bring both to one grid"):
        longest_mistake(np.zeros((3, 4), bool), np.zeros((4, 3), bool), uid="a")
