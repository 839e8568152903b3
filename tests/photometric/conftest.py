"""Surfaces whose normals are known exactly, and lights to see them under."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from graven.synthetic.light import light_direction, render_light_stack
from graven.synthetic.surface import Surface, surface_normals


@dataclass(frozen=True)
class Relief:
    """A height field and its exact normals (x right, y up, z to the viewer)."""

    height_mm: np.ndarray
    normals: np.ndarray
    pixel_size_mm: float

    def render(self, lights: np.ndarray, *, albedo: float = 0.6, strengths: np.ndarray | None = None) -> np.ndarray:
        gains = np.ones(len(lights)) if strengths is None else strengths
        shade = np.tensordot(lights * gains[:, None], self.normals, 1)
        return (albedo * np.maximum(shade, 0)).astype(np.float32)


def make_relief(size_px: int = 128, *, pixel_size_mm: float = 0.1, radius_mm: float = 30.0) -> Relief:
    """A spherical cap with three engraved grooves, lying off the middle so that no symmetry hides a flipped axis."""
    row, col = np.mgrid[:size_px, :size_px]
    x = (col - 0.35 * size_px) * pixel_size_mm
    y = (0.6 * size_px - row) * pixel_size_mm
    height = np.sqrt(radius_mm**2 - x**2 - y**2) - radius_mm
    dx, dy = -x / (height + radius_mm), -y / (height + radius_mm)
    for angle, offset_mm, width_mm, depth_mm in ((0.3, 1.0, 0.4, 0.1), (1.4, -2.0, 0.35, 0.06), (2.5, 2.5, 0.5, 0.15)):
        across = x * np.cos(angle) + y * np.sin(angle) - offset_mm
        groove = -depth_mm * np.exp(-((across / width_mm) ** 2) / 2)
        height += groove
        dx -= groove * across / width_mm**2 * np.cos(angle)
        dy -= groove * across / width_mm**2 * np.sin(angle)
    normals = np.stack([-dx, -dy, np.ones_like(dx)])
    return Relief(height, normals / np.linalg.norm(normals, axis=0), pixel_size_mm)


def make_lights(*elevations_deg: float, per_ring: int = 8) -> np.ndarray:
    """Rings of lights, each turned a little against the one below."""
    return np.array(
        [
            light_direction(360 / per_ring * (k + 0.5 * ring), elevation)
            for ring, elevation in enumerate(elevations_deg)
            for k in range(per_ring)
        ],
        np.float64,
    )


def render_metal(lights: np.ndarray, *, seed: int = 0, size_px: int = 96, specular: float, shininess: float):
    """Engraved, dented, domed bronze with highlights, attached and cast shadows, noise and saturation."""
    rng = np.random.default_rng(seed)
    pixel_size_mm = 0.05
    y, x = np.mgrid[:size_px, :size_px] * pixel_size_mm
    middle = size_px * pixel_size_mm / 2
    height = np.sqrt(40.0**2 - (x - middle) ** 2 - (y - middle) ** 2) - 40
    for _ in range(6):
        angle, offset = rng.uniform(0, np.pi), rng.uniform(-middle, middle)
        across = (x - middle) * np.cos(angle) + (y - middle) * np.sin(angle) - offset
        height -= rng.uniform(0.02, 0.1) * np.exp(-2 * (across / rng.uniform(0.1, 0.25)) ** 2)
    for _ in range(8):
        at, radius = rng.uniform(0, 2 * middle, 2), rng.uniform(0.1, 0.5)
        height -= 0.3 * radius * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / radius**2)
    albedo = np.full((3, size_px, size_px), 0.25, np.float32)
    surface = Surface(height.astype(np.float32), albedo, {}, pixel_size_mm)
    images = render_light_stack(surface, lights.astype(np.float32), specular=specular, shininess=shininess)[:, 0]
    images += rng.normal(0, 0.002, images.shape).astype(np.float32)
    return np.clip(images, 0, 1), surface_normals(surface.height_mm, pixel_size_mm)


@pytest.fixture(scope="session")
def relief() -> Relief:
    return make_relief()


@pytest.fixture(scope="session")
def dome() -> np.ndarray:
    return make_lights(35, 60)


@pytest.fixture(scope="session")
def metal():
    """Function that renders metal under given lights: (images, exact normals)."""
    return render_metal


@pytest.fixture(scope="session")
def rings():
    """Function that makes rings of lights at given elevations."""
    return make_lights
