"""Directions of lights from mirror spheres in the picture: where the lamp is seen in a sphere tells where it stands.

The camera looks straight down and is far away, so the ray to the eye is z. A sphere of radius r shows the lamp at
offset ``(dx, dy)`` from its centre, where its normal is ``n = (dx, dy, sqrt(r^2 - dx^2 - dy^2)) / r``; the light comes
from the mirror image of the eye, ``l = 2 n_z n - z``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from graven.errors import DataError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

__all__ = [
    "Circle",
    "circles_of_mask",
    "combine_directions",
    "find_mirror_spheres",
    "highlight_centre",
    "reflected_direction",
    "sphere_directions",
]

_HIGHLIGHT_SHARE = 0.5
_MAX_HIGHLIGHT_AREA = 0.05
_MIN_CONTRAST = 4.0
_RIM = 0.97
_MIN_RADIUS_PX = 8
_RAYS = 256
_SEEN_IN = 0.8


@dataclass(frozen=True, slots=True)
class Circle:
    """Outline of a sphere in the picture.

    Attributes
    ----------
    x, y : float, pixels
        Centre, from the outer corner of the top-left pixel.
    radius : float, pixels, > 0
        Radius.
    """

    x: float
    y: float
    radius: float

    def __post_init__(self) -> None:
        if not (np.isfinite([self.x, self.y]).all() and np.isfinite(self.radius) and self.radius >= _MIN_RADIUS_PX):
            raise InputError(
                f"a sphere needs a centre and a radius of at least {_MIN_RADIUS_PX} px, got {self.x:g}, {self.y:g}, "
                f"{self.radius:g}"
            )

    def disc(self, shape: tuple[int, int], *, share: float = 1.0) -> NDArray[np.bool_]:
        """Give the pixels whose centres lie within a share of the radius, in a picture of `shape`."""
        rows, cols = np.ogrid[: shape[0], : shape[1]]
        inside = (cols + 0.5 - self.x) ** 2 + (rows + 0.5 - self.y) ** 2 <= (share * self.radius) ** 2
        return np.asarray(inside, np.bool_)


def reflected_direction(circle: Circle, x: float, y: float) -> NDArray[np.float64]:
    """Give the direction of a light that is seen at a place of a mirror sphere.

    Parameters
    ----------
    circle : Circle
        Outline of the sphere.
    x, y : float, pixels
        Where the light is seen, in the frame of the circle (y down).

    Returns
    -------
    ndarray of shape (3,), float64
        Unit vector towards the light; x right, y up, z towards the camera.

    Raises
    ------
    InputError
        If the place lies outside the circle.

    Examples
    --------
    >>> reflected_direction(Circle(50, 50, 40), 50 + 40 * np.sin(np.pi / 8), 50).round(6).tolist()
    [0.707107, 0.0, 0.707107]
    """
    dx, dy = (x - circle.x) / circle.radius, (circle.y - y) / circle.radius
    across = dx * dx + dy * dy
    if across >= 1:
        raise InputError(f"the place {x:.1f}, {y:.1f} lies outside the sphere at {circle.x:.1f}, {circle.y:.1f}")
    up = np.sqrt(1 - across)
    return np.array([2 * up * dx, 2 * up * dy, 2 * up * up - 1])


def highlight_centre(image: NDArray[np.float32], circle: Circle) -> tuple[float, float] | None:
    """Find where a lamp is seen in a mirror sphere.

    Parameters
    ----------
    image : ndarray of shape (H, W), float32
        Linear grey; values at the end of the range as they are, NaN where nothing is known.
    circle : Circle
        Outline of the sphere.

    Returns
    -------
    tuple of float, or None
        ``(x, y)`` in pixels: the centre of light of the brightest spot. None where nothing stands out, or what does is
        larger than a lamp (5 % of the disc).
    """
    row, col = max(0, int(circle.y - circle.radius)), max(0, int(circle.x - circle.radius))
    end = int(np.ceil(circle.y + circle.radius)), int(np.ceil(circle.x + circle.radius))
    crop = np.nan_to_num(np.asarray(image[row : end[0], col : end[1]], np.float64))
    if crop.size == 0:
        return None
    disc = Circle(circle.x - col, circle.y - row, circle.radius).disc((crop.shape[0], crop.shape[1]), share=_RIM)
    if not disc.any():
        return None
    ground, peak = float(np.median(crop[disc])), float(crop[disc].max())
    if not peak > _MIN_CONTRAST * ground:
        return None
    spot = disc & (crop - ground >= _HIGHLIGHT_SHARE * (peak - ground))
    n_spots, labels = cv2.connectedComponents(spot.astype(np.uint8), connectivity=8)
    light = np.bincount(labels.ravel(), weights=(crop - ground).ravel(), minlength=n_spots)
    light[0] = 0
    mine = labels == int(light.argmax())
    if mine.sum() > _MAX_HIGHLIGHT_AREA * disc.sum():
        return None
    rows, cols = np.nonzero(mine)
    weights = crop[mine] - ground
    x, y = np.average(cols, weights=weights), np.average(rows, weights=weights)
    return float(x) + col + 0.5, float(y) + row + 0.5


def sphere_directions(images: Iterable[NDArray[np.float32]], circle: Circle) -> NDArray[np.float64]:
    """Read the direction of every light off one sphere.

    Parameters
    ----------
    images : iterable of K ndarrays of shape (H, W), float32
        As for `highlight_centre`.
    circle : Circle
        Outline of the sphere.

    Returns
    -------
    ndarray of shape (K, 3), float64
        Unit vectors; NaN where no lamp is seen, or it stands at or below the plane of the object.
    """
    found = []
    for image in images:
        centre = highlight_centre(image, circle)
        direction = None if centre is None else reflected_direction(circle, *centre)
        found.append(np.full(3, np.nan) if direction is None or direction[2] <= 0 else direction)
    return np.array(found).reshape(-1, 3)


def combine_directions(
    per_sphere: Sequence[NDArray[np.float64]], *, names: Sequence[str]
) -> tuple[NDArray[np.float64], float]:
    """Bring the directions that several spheres give together.

    Parameters
    ----------
    per_sphere : sequence of ndarrays of shape (K, 3), float64
        From `sphere_directions`, NaN where a sphere saw nothing.
    names : sequence of str
        Of the K images, for the message.

    Returns
    -------
    directions : ndarray of shape (K, 3), float64
        Unit vectors: the mean over the spheres that saw the light.
    spread_deg : float, degrees
        Root mean square angle between one sphere's direction and the mean; 0 for a single sphere. Much more than a
        degree or two says that the lights are near.

    Raises
    ------
    DataError
        If a light was seen in no sphere.
    """
    stacked = np.stack(list(per_sphere))
    seen = np.asarray(np.isfinite(stacked).all(axis=2), np.bool_)
    blind = np.flatnonzero(~seen.any(axis=0))
    if blind.size:
        raise DataError(
            f"no sphere shows the lamp of {names[blind[0]]} ({blind.size} of {len(names)} images); give the circle "
            "with --sphere x,y,radius, or leave the image out"
        )
    mean = np.nansum(np.where(seen[..., None], stacked, 0.0), axis=0)
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    cosine = np.einsum("skc,kc->sk", np.nan_to_num(stacked), mean)[seen]
    spread = float(np.rad2deg(np.sqrt(np.mean(np.arccos(np.clip(cosine, -1, 1)) ** 2))))
    return mean, spread if len(stacked) > 1 else 0.0


def circles_of_mask(mask: NDArray[np.bool_]) -> tuple[Circle, ...]:
    """Give the circles of a mask in which spheres are marked.

    Parameters
    ----------
    mask : ndarray of shape (H, W), bool
        One connected disc per sphere.

    Returns
    -------
    tuple of Circle
        Centre of each disc and the radius of a circle of its area, from left to right.

    Raises
    ------
    DataError
        If there is none, or a part is no disc (its area and its extent disagree by more than 5 %).
    """
    count, _, stats, centroids = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count < 2:
        raise DataError("the mask of spheres marks nothing; paint each sphere as a white disc on black")
    found = []
    for (_, _, width, height, area), (x, y) in zip(stats[1:].tolist(), centroids[1:].tolist(), strict=True):
        radius = float(np.sqrt(area / np.pi))
        if max(abs(width / 2 - radius), abs(height / 2 - radius)) > 0.05 * radius + 1:
            raise DataError(
                f"the mask of spheres has a part of {width} x {height} px and {area} px that is no disc; paint whole "
                "spheres and nothing else"
            )
        found.append(Circle(x + 0.5, y + 0.5, radius))
    return tuple(sorted(found, key=lambda circle: circle.x))


def find_mirror_spheres(images: NDArray[np.float32], *, max_spheres: int = 4) -> tuple[Circle, ...]:
    """Find mirror spheres: round outlines in which a small bright spot is seen that moves with the light.

    Parameters
    ----------
    images : ndarray of shape (K, H, W), float32
        Linear grey, at a size of 400 to 2000 px; NaN where nothing is known.
    max_spheres : int
        Most to give.

    Returns
    -------
    tuple of Circle
        From left to right; empty where none is found. An outline that the picture does not show (a black sphere on a
        black cloth) is not found: give it by hand.

    Notes
    -----
    Circles are proposed by the Hough transform of the mean and of the darkest picture, laid onto the edge to fractions
    of a pixel, and kept where the spot is seen in 80 % of the images and moves.
    """
    known = np.nan_to_num(images)
    pictures = [known.mean(axis=0), known.min(axis=0), np.median(known, axis=0)]
    found: list[Circle] = []
    for picture in pictures:
        for circle in _proposals(picture):
            fitted = _on_edge(picture, circle)
            if fitted is not None and not any(_same(fitted, other) for other in found) and _is_mirror(known, fitted):
                found.append(fitted)
    return tuple(sorted(found[:max_spheres], key=lambda circle: circle.x))


def _proposals(picture: NDArray[np.float32]) -> list[Circle]:
    """Propose circles, the best first."""
    top = float(np.percentile(picture, 99.5))
    if not top > 0:
        return []
    levels = (255 * np.sqrt(np.clip(picture / top, 0, 1))).astype(np.uint8)
    smooth = cv2.GaussianBlur(levels, (0, 0), 1.2)
    least = max(_MIN_RADIUS_PX, min(picture.shape) // 60)
    circles = cv2.HoughCircles(
        smooth,
        cv2.HOUGH_GRADIENT_ALT,
        dp=1.5,
        minDist=2 * least,
        param1=100,
        param2=0.8,
        minRadius=least,
        maxRadius=min(picture.shape) // 2,
    )
    if circles is None:
        return []
    return [
        Circle(float(x) + 0.5, float(y) + 0.5, float(radius))
        for x, y, radius in circles.reshape(-1, circles.shape[-1])[:24, :3]
        if radius >= _MIN_RADIUS_PX
    ]


def _on_edge(picture: NDArray[np.float32], circle: Circle) -> Circle | None:
    """Move a circle onto the strongest edge along rays from its centre; None where most rays find none."""
    for reach in (0.15, 0.06):
        angles = np.linspace(0, 2 * np.pi, _RAYS, endpoint=False)
        steps = np.arange((1 - reach) * circle.radius, (1 + reach) * circle.radius, 0.25)
        x = circle.x + np.outer(np.cos(angles), steps)
        y = circle.y + np.outer(np.sin(angles), steps)
        rays = cv2.remap(
            np.sqrt(np.maximum(picture, 0)).astype(np.float32),
            (x - 0.5).astype(np.float32),
            (y - 0.5).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        edge = np.abs(np.gradient(cv2.GaussianBlur(rays, (0, 0), sigmaX=3, sigmaY=0.01), axis=1))
        best = edge.argmax(axis=1)
        strength = edge[np.arange(_RAYS), best]
        keep = strength > 0.3 * np.percentile(strength, 75)
        fitted = _fit_circle(x[np.arange(_RAYS), best][keep], y[np.arange(_RAYS), best][keep])
        if fitted is None or fitted.radius < _MIN_RADIUS_PX:
            return None
        circle = fitted
    return circle


def _fit_circle(x: NDArray[np.float64], y: NDArray[np.float64]) -> Circle | None:
    """Fit a circle to points by least squares, and again without those that lie off it."""
    keep = np.ones(len(x), bool)
    for _ in range(4):
        if keep.sum() < _RAYS // 3:
            return None
        design = np.column_stack([2 * x[keep], 2 * y[keep], np.ones(keep.sum())])
        solved, *_ = np.linalg.lstsq(design, x[keep] ** 2 + y[keep] ** 2, rcond=None)
        radius = np.sqrt(max(solved[2] + solved[0] ** 2 + solved[1] ** 2, 0.0))
        off = np.abs(np.hypot(x - solved[0], y - solved[1]) - radius)
        keep = off < max(0.75, 2.5 * float(np.median(off)))
    if radius < _MIN_RADIUS_PX:
        return None
    return Circle(float(solved[0]), float(solved[1]), float(radius))


def _same(one: Circle, other: Circle) -> bool:
    return math.hypot(one.x - other.x, one.y - other.y) < max(one.radius, other.radius) / 2


def _is_mirror(images: NDArray[np.float32], circle: Circle) -> bool:
    """Whether a small spot is seen in most images, and not always in one place."""
    centres = [centre for image in images if (centre := highlight_centre(image, circle)) is not None]
    if len(centres) < max(2, _SEEN_IN * len(images)):
        return False
    return float(np.ptp(np.array(centres), axis=0).max()) > 0.05 * circle.radius
