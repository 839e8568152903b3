"""Two photographs of one painting at two dates: other light, another place to stand, and cracks that have grown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from graven.errors import InputError
from graven.synthetic.painting import PAINT_LOSS, ConditionPanel, photograph_painting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.cracknet import CrackNetwork

__all__ = ["Visits", "make_visits"]

_STREAM = 0x71517
_MIN_WIDTH_PX, _MIN_LENGTH_PX = 1.8, 25.0
_MARGIN_PX = 32
_SHIFT_PX, _TURN_DEG, _TILT = 12.0, 1.5, 0.01


@dataclass(frozen=True, slots=True)
class Visits:
    """A painting at two dates.

    Attributes
    ----------
    before : ConditionPanel
        At the earlier date.
    after : ConditionPanel
        At the later date, seen from the same place.
    photograph : ndarray of shape (3, H, W), uint8
        The later picture as it was taken, from another place.
    matrix : ndarray of shape (3, 3), float64
        From pixels (x, y, outer corner) of `photograph` to those of `before`.
    grown : tuple of ndarray of shape (N, 2), float64, pixels
        Cracks that are to be seen at the later date alone, in the frame of `before`.
    gained_mm : float
        Their length.
    """

    before: ConditionPanel
    after: ConditionPanel
    photograph: NDArray[np.uint8]
    matrix: NDArray[np.float64]
    grown: tuple[NDArray[np.float64], ...]
    gained_mm: float


def make_visits(seed: int, *, growth_mm: float = 0.0, size_px: int = 1024, pixel_size_mm: float = 0.1) -> Visits:
    """Grow a painting and photograph it twice.

    Parameters
    ----------
    seed : int, >= 0
        As for `graven.synthetic.make_painting`.
    growth_mm : float, millimetres, >= 0
        Length of the cracks that are new at the later date, about: whole edges of the graph of cracks that are at least
        1.8 px wide. 0 changes nothing but light and place.
    size_px, pixel_size_mm
        As for `graven.synthetic.make_painting`.

    Returns
    -------
    Visits
        The later picture is shifted by up to 12 px, turned by up to 1.5 degrees and tilted by up to 1 %.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> visits = make_visits(3, size_px=128)
    >>> bool((visits.before.classes == visits.after.classes).all()), visits.gained_mm
    (True, 0.0)
    """
    if not growth_mm >= 0:
        raise InputError(f"growth_mm must be at least 0, got {growth_mm}")
    rng = np.random.default_rng([_STREAM, seed])
    size: dict[str, Any] = {"size_px": size_px, "pixel_size_mm": pixel_size_mm}
    after = photograph_painting(seed, visit=1, **size)
    grown: list[NDArray[np.float64]] = []

    def hide(network: CrackNetwork) -> CrackNetwork:
        inside = _lengths_seen(network, after)
        wide = np.array([float(np.min(width)) >= _MIN_WIDTH_PX for width in network.widths_px], bool)
        order = rng.permutation(np.flatnonzero(wide & (inside >= _MIN_LENGTH_PX)))
        n = int(np.searchsorted(np.cumsum(inside[order]) * pixel_size_mm, growth_mm)) + 1
        hidden = order[:n].tolist()
        grown.extend(network.lines[number] for number in hidden)
        return _without(network, set(hidden))

    before = photograph_painting(seed, hide=hide if growth_mm else None, **size)
    photograph, matrix = _from_elsewhere(after.image, rng)
    gained_mm = sum(float(np.hypot(*np.diff(line, axis=0).T).sum()) for line in grown) * pixel_size_mm
    return Visits(before, after, photograph, matrix, tuple(grown), gained_mm)


def _lengths_seen(network: CrackNetwork, panel: ConditionPanel) -> NDArray[np.float64]:
    """Give the length of each edge if all of it is to be seen in both photographs, else 0."""
    height, width = panel.classes.shape
    covered = (panel.classes == PAINT_LOSS) | panel.surface.masks["retouching"]
    lengths = network.lengths_px
    for number, line in enumerate(network.lines):
        col, row = np.floor(line).astype(np.intp).T
        inside = (col >= _MARGIN_PX) & (col < width - _MARGIN_PX) & (row >= _MARGIN_PX) & (row < height - _MARGIN_PX)
        if not inside.all() or covered[row, col].any():
            lengths[number] = 0
    return lengths


def _without(network: CrackNetwork, hidden: set[int]) -> CrackNetwork:
    """Leave edges out of a network."""
    kept = [number for number in range(len(network.lines)) if number not in hidden]
    return replace(
        network,
        lines=tuple(network.lines[number] for number in kept),
        widths_px=tuple(network.widths_px[number] for number in kept),
        generations=network.generations[kept],
        patterns=tuple(network.patterns[number] for number in kept),
        edges=network.edges[kept],
    )


def _from_elsewhere(
    image: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Take a picture from another place; what lies beyond it is mirrored."""
    height, width = image.shape[1:]
    turn = np.radians(rng.uniform(-_TURN_DEG, _TURN_DEG))
    cos, sin = np.cos(turn), np.sin(turn)
    centre = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    tilt = rng.uniform(-_TILT, _TILT, 2) / (width, height)
    move = np.array(
        [[cos, -sin, rng.uniform(-_SHIFT_PX, _SHIFT_PX)], [sin, cos, rng.uniform(-_SHIFT_PX, _SHIFT_PX)], [*tilt, 1]]
    )
    matrix = np.linalg.inv(centre) @ move @ centre
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # cv2 counts from pixel centres
    seen = cv2.warpPerspective(
        np.ascontiguousarray(np.moveaxis(image, 0, -1)),
        np.linalg.inv(half) @ matrix @ half,
        (width, height),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.ascontiguousarray(np.moveaxis(seen, -1, 0)), matrix
