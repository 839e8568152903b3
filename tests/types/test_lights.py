from __future__ import annotations

import numpy as np
import pytest

from graven.errors import InputError
from graven.types import Lights

RING = np.array([[0.6, 0.0, 0.8], [0.0, 0.6, 0.8], [-0.6, 0.0, 0.8]])


def test_lights_without_strengths_are_even() -> None:
    lights = Lights(("a", "b", "c"), directions=RING)
    assert lights.strengths.tolist() == [1.0, 1.0, 1.0]
    assert lights.at_centre() is lights
    np.testing.assert_allclose(lights.elevations_deg, 53.1301, atol=1e-4)


def test_near_lights_seen_from_the_centre_fade_with_the_square_of_the_distance() -> None:
    # three lamps in one direction at 100, 200 and 400 mm: against the middle one 4, 1 and 1/4
    places = np.array([[0.0, 60.0, 80.0], [0.0, 120.0, 160.0], [0.0, 240.0, 320.0]])
    seen = Lights(positions_mm=places).at_centre()
    np.testing.assert_allclose(seen.strengths, [4.0, 1.0, 0.25])
    np.testing.assert_allclose(seen.directions, np.tile([0.0, 0.6, 0.8], (3, 1)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "either directions or positions"),
        ({"directions": RING, "positions_mm": RING}, "exactly one"),
        ({"directions": RING * 2}, "unit vector"),
        ({"directions": RING * [1, 1, -1]}, r"above the plane .* y up"),
        ({"directions": RING[:, :2]}, r"shape \(K, 3\)"),
        ({"directions": np.empty((0, 3))}, "at least one light"),
        ({"directions": RING, "names": ("a", "b")}, "3 different names"),
        ({"directions": RING, "names": ("a", "b", "a")}, "3 different names"),
        ({"directions": RING, "strengths": np.array([1.0, 0.0, 1.0])}, "positive strengths"),
        ({"positions_mm": np.full((3, 3), np.inf)}, "above the plane"),
    ],
)
def test_what_is_no_light_is_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Lights(**fields)
