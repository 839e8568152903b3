"""Strokes: what one is, and what none is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graven.errors import InputError
from graven.types import Stroke, StrokeSet, stroke_uid

POINTS = np.array([[1.0, 2.0], [5.0, 2.0]])


def stroke(**changes: Any) -> Stroke:
    return Stroke(**{"points": POINTS, "width_px": 3.0, "polarity": "add", "uid": "a"} | changes)


def test_points_are_a_copy_that_cannot_be_changed():
    mine = POINTS.copy()
    drawn = stroke(points=mine)
    mine[:] = 0
    assert np.array_equal(drawn.points, POINTS)
    with pytest.raises(ValueError, match="read-only"):
        drawn.points[0, 0] = 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": np.zeros((0, 2))}, r"shape \(0, 2\)"),
        ({"points": np.zeros((2, 3))}, r"shape \(2, 3\)"),
        ({"points": np.array([[0, np.nan]])}, "finite"),
        ({"points": np.array([[0, -2e9]])}, r"reaches to 2e\+09 px"),
        ({"width_px": 0.0}, "positive number of pixels, got 0.0"),
        ({"width_px": np.inf}, "positive number of pixels"),
        ({"polarity": "remove"}, "'add' or 'erase', got 'remove'"),
        ({"uid": ""}, "needs a uid"),
        ({"class_id": 255}, "between 1 and 254"),
        ({"time": "yesterday"}, "2026-05-31T14:00:00Z, got 'yesterday'"),
    ],
)
def test_what_is_no_stroke_is_refused(changes: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        stroke(**changes)


def test_bounds_include_the_width():
    assert stroke().bounds_px == (-0.5, 0.5, 6.5, 3.5)


def test_a_set_keeps_the_order_and_refuses_a_uid_twice():
    first, second = stroke(), stroke(uid="b", class_id=2)
    both = StrokeSet((second, first))
    assert list(both) == [second, first]
    assert list(both.of_class(1)) == [first]
    with pytest.raises(InputError, match="two strokes have the uid 'a'"):
        StrokeSet((first, first))


def test_a_uid_tells_strokes_apart_and_knows_the_same_one_again():
    facts: dict[str, Any] = {"width_px": 3.0, "polarity": "add", "class_id": 1, "salt": ""}
    uid = stroke_uid(POINTS, **facts)
    assert uid == stroke_uid(POINTS + 1e-9, **facts)
    others = [stroke_uid(POINTS + 0.01, **facts)]
    for name, value in {"width_px": 4.0, "polarity": "erase", "class_id": 2, "salt": "1"}.items():
        others.append(stroke_uid(POINTS, **facts | {name: value}))
    assert len({uid, *others}) == 6
