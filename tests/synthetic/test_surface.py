from __future__ import annotations

import numpy as np
import pytest

from graven.errors import InputError
from graven.synthetic.surface import Canvas, Surface, surface_normals


def _flat(rows: int = 6, cols: int = 5) -> Surface:
    return Surface(np.zeros((rows, cols), np.float32), np.full((3, rows, cols), 0.5, np.float32), {}, 0.5)


def test_a_surface_is_a_value_and_unknown_masks_are_empty() -> None:
    surface = _flat()
    assert surface.shape == (6, 5)
    assert not surface.mask("lichen").any()
    assert surface.mask("lichen").shape == (6, 5)
    with pytest.raises(TypeError):
        surface.masks["pecked"] = np.ones((6, 5), np.bool_)  # type: ignore[index]  # the point of the test


@pytest.mark.parametrize(
    ("height", "albedo", "masks", "size", "complaint"),
    [
        (np.zeros((4, 4)), np.zeros((3, 4, 4), np.float32), {}, 1.0, "height_mm"),
        (np.zeros((4, 4), np.float32), np.zeros((3, 4, 5), np.float32), {}, 1.0, "albedo"),
        (np.zeros((4, 4), np.float32), np.zeros((3, 4, 4), np.float32), {"a": np.zeros((4, 4))}, 1.0, "'a'"),
        (np.zeros((4, 4), np.float32), np.zeros((3, 4, 4), np.float32), {}, 0.0, "pixel_size_mm"),
    ],
)
def test_disagreeing_parts_are_refused(height, albedo, masks, size, complaint) -> None:
    with pytest.raises(InputError, match=complaint):
        Surface(height, albedo, masks, size)


def test_normals_of_a_sphere_are_its_radii() -> None:
    # z = sqrt(R^2 - x^2 - y^2): the unit normal at a point is the point itself over R, with y up
    radius, unit = 400.0, 0.5
    y, x = np.mgrid[-60:61, -60:61] * unit
    height = np.sqrt(radius**2 - x**2 - y**2).astype(np.float32)
    normals = surface_normals(height, unit)
    expected = np.stack([x, -y, height]) / radius
    np.testing.assert_allclose(normals[:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1], atol=2e-4)


def test_tint_blends_in_a_window_and_mark_adds() -> None:
    canvas = Canvas(
        np.zeros((4, 4), np.float32),
        np.full((3, 4, 4), 0.2, np.float32),
        np.zeros((4, 4), np.float32),
        np.ones(3, np.float32),
        2.0,
    )
    at = (slice(0, 2), slice(0, 2))
    canvas.tint(np.array([1.0, 0.2, 0.0], np.float32), np.full((2, 2), 0.5, np.float32), at)
    np.testing.assert_allclose(canvas.albedo[:, 0, 0], [0.6, 0.2, 0.1], atol=1e-6)
    np.testing.assert_allclose(canvas.albedo[:, 3, 3], 0.2, atol=1e-6)
    canvas.mark("paint", np.eye(2, dtype=np.bool_), at)
    canvas.mark("paint", np.ones((2, 2), np.bool_), (slice(2, 4), slice(2, 4)))
    assert canvas.masks["paint"].sum() == 2 + 4
    assert canvas.px(3.0) == 1.5


def test_freezing_keeps_reflectance_possible() -> None:
    canvas = Canvas(
        np.zeros((4, 4), np.float32),
        np.array([-1.0, 0.5, 9.0], np.float32)[:, None, None] * np.ones((4, 4), np.float32),
        np.zeros((4, 4), np.float32),
        np.ones(3, np.float32),
        1.0,
    )
    np.testing.assert_allclose(canvas.freeze().albedo[:, 0, 0], [0.01, 0.5, 0.95], atol=1e-6)
