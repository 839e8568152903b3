"""Two photographs of one painting: what has changed is known, and where it lies."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from graven.errors import InputError
from graven.synthetic import make_painting
from graven.synthetic.visits import make_visits

GROWN = 9_600_002
SIZE = 384


def test_without_growth_only_light_and_place_change() -> None:
    visits = make_visits(GROWN, size_px=SIZE)
    assert np.array_equal(visits.before.classes, visits.after.classes)
    assert np.array_equal(visits.before.image, make_painting(GROWN, size_px=SIZE).image)
    assert visits.gained_mm == 0
    difference = np.abs(visits.before.image.astype(int) - visits.after.image).mean()
    assert difference > 5, "the light is another one"


def test_what_has_grown_is_new_at_the_later_date_alone() -> None:
    visits = make_visits(GROWN, size_px=SIZE, growth_mm=15.0)
    assert visits.gained_mm > 2.0
    length = visits.after.cracks.lengths_px.sum() - visits.before.cracks.lengths_px.sum()
    assert visits.gained_mm == pytest.approx(0.1 * length)
    changed = visits.before.classes != visits.after.classes
    assert set(np.unique(visits.after.classes[changed])) <= {1, 255}
    assert (visits.before.classes[changed] != 1).all()
    lost = (visits.before.classes == 2, visits.after.classes == 2)
    assert np.array_equal(*lost)


def test_the_matrix_says_where_the_later_photograph_lies() -> None:
    visits = make_visits(GROWN, size_px=SIZE)
    x, y = np.meshgrid(np.arange(60, SIZE - 60, 40) + 0.5, np.arange(60, SIZE - 60, 40) + 0.5)
    points = np.stack([x.ravel(), y.ravel()], axis=-1)
    moved = cv2.perspectiveTransform(points[:, None], visits.matrix)[:, 0]
    assert 2 < np.hypot(*(moved - points).T).max() < 30
    expected = cv2.remap(visits.after.image[0], *(moved.T[:, :, None] - 0.5).astype(np.float32), cv2.INTER_CUBIC)
    seen = cv2.remap(visits.photograph[0], *(points.T[:, :, None] - 0.5).astype(np.float32), cv2.INTER_CUBIC)
    assert np.abs(expected.astype(int) - seen).mean() < 3


def test_a_negative_growth_is_refused() -> None:
    with pytest.raises(InputError, match="at least 0, got -1"):
        make_visits(1, growth_mm=-1)
