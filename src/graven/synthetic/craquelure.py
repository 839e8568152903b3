"""Craquelure: generations of cracks that grow tip by tip, relieve the paint beside them and end on older ones.

A crack starts where the paint is still whole over some distance, runs in both directions, turns squarely towards an
older crack that it comes near, and stops there in a T. Each generation divides the islands that the ones before have
left. What sets ageing cracks, drying cracks, brick, grain and the rest apart are the numbers of a `CrackStyle`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.synthetic.cracknet import Crack, Joint, join_cracks, locate
from graven.synthetic.noise import fractal
from graven.synthetic.plate import CELL_PX, FAR_PX, PAD_PX, Plate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.cracknet import CrackNetwork

__all__ = ["CRACK_STYLES", "TRAINING_PATTERNS", "UNSEEN_PATTERNS", "CrackStyle", "Growth"]

Float = np.float32
Generator = np.random.Generator
_STEP_PX = 3.0
_CLOSE_PX = 8.0  # no crack starts that near to another
_YOUNG = 12  # steps in which a tip cannot meet its own trace
_WHOLE = 0.08  # density below which the paint does not crack
_WIDEST_MM, _NARROWEST_MM = 1.2, 0.05


@dataclass(frozen=True, slots=True)
class CrackStyle:
    """What a pattern of cracks looks like.

    Parameters
    ----------
    spacing_mm : tuple of two float, millimetres
        Least and greatest width of the islands of the first generation.
    shrink : tuple of float
        Spacing of each generation, relative to the first.
    width_mm : tuple of two float, millimetres
        Least and greatest median width of the first generation; each later one is thinner by a quarter.
    irregular : float
        Deviation of the logarithm of the width along a crack.
    wander_rad : float, radians
        Turn per step.
    align : float, range [0, 1]
        How strictly cracks follow the direction of the pattern; odd generations run across it.
    fork : float, range [0, 1]
        Share of cracks that start as a star of three.
    halt : float, range [0, 1]
        Share of tips that stop before they meet another crack.
    cross : float, range [0, 1]
        Share of meetings that a crack passes.
    blunt : bool
        Free ends keep their width.
    """

    spacing_mm: tuple[float, float]
    shrink: tuple[float, ...]
    width_mm: tuple[float, float]
    irregular: float
    wander_rad: float
    align: float = 0.0
    fork: float = 0.0
    halt: float = 0.1
    cross: float = 0.03
    blunt: bool = False


CRACK_STYLES: dict[str, CrackStyle] = {
    "ageing": CrackStyle((7.0, 17.0), (1.0, 0.62, 0.4), (0.18, 0.4), 0.22, 0.05, fork=0.06, halt=0.12),
    "drying": CrackStyle((11.0, 24.0), (1.0, 0.5), (0.35, 0.8), 0.4, 0.14, fork=0.5, halt=0.4, blunt=True),
    "brick": CrackStyle((6.0, 12.0), (1.0, 0.9), (0.16, 0.34), 0.2, 0.05, align=0.85, halt=0.06),
    "grain": CrackStyle((5.0, 11.0), (1.0, 1.9, 1.2), (0.16, 0.36), 0.24, 0.04, align=0.95, halt=0.25),
    "random": CrackStyle((5.0, 12.0), (1.0, 0.7, 0.5), (0.18, 0.36), 0.28, 0.12, fork=0.35, halt=0.2),
    "cobweb": CrackStyle((6.0, 12.0), (1.0, 0.75), (0.18, 0.36), 0.2, 0.04, align=0.92, halt=0.1),
}
UNSEEN_PATTERNS: tuple[str, ...] = ("cobweb",)
TRAINING_PATTERNS: tuple[str, ...] = tuple(name for name in CRACK_STYLES if name not in UNSEEN_PATTERNS)


@dataclass(frozen=True, slots=True)
class _Wave:
    """One generation of a pattern: its style, its spacing in pixels, and density and direction in each cell."""

    pattern: str
    style: CrackStyle
    generation: int
    spacing_px: float
    density: NDArray[np.float32]
    angle: NDArray[np.float32]


class Growth:
    """Cracks growing on one surface, pattern after pattern.

    Parameters
    ----------
    shape : tuple of two int, pixels
        Height and width of the picture; cracks grow somewhat beyond it.
    pixel_size_mm : float, millimetres
        Length of a pixel side.
    rng : numpy.random.Generator
        Source of randomness.

    Examples
    --------
    >>> growth = Growth((128, 128), pixel_size_mm=0.1, rng=np.random.default_rng(1))
    >>> growth.add("brick", np.ones((128, 128), np.float32), angle_rad=0.0)
    >>> sorted(set(growth.network().kinds)) == ["end", "junction"]
    True
    """

    def __init__(self, shape: tuple[int, int], *, pixel_size_mm: float, rng: Generator) -> None:
        self._shape, self._mm, self._rng = shape, pixel_size_mm, rng
        self._plate = Plate(shape)
        self._cracks: list[Crack] = []
        self._widths_mm: list[NDArray[np.float64]] = []
        self._joints: list[Joint] = []
        self._joined: list[set[int]] = []  # vertices of each crack that lie on older ones

    def add(self, pattern: str, density: NDArray[np.float32], *, angle_rad: float) -> None:
        """Let one pattern grow between what is there.

        Parameters
        ----------
        pattern : str
            One of `CRACK_STYLES`.
        density : ndarray of shape (H, W), float32, range [0, 2]
            1 for the spacing of the pattern, 2 for half of it; below 0.08 nothing cracks.
        angle_rad : float, radians
            Direction of the pattern, clockwise from x as seen; ignored where it has none.
        """
        style = CRACK_STYLES[pattern]
        spacing = self._rng.uniform(*style.spacing_mm) / self._mm
        median_mm = self._rng.uniform(*style.width_mm)
        cells = self._plate.spread(density)
        angle = self._directions(pattern, angle_rad)
        swell = self._plate.spread(fractal(self._rng, self._shape, wavelength_px=120.0, gain=0.6, finest_px=16.0))
        for generation, shrink in enumerate(style.shrink):
            first = len(self._cracks)
            across = angle + Float(generation % 2 * math.pi / 2)
            self._grow(_Wave(pattern, style, generation, spacing * shrink, cells, across))
            for number in range(first, len(self._cracks)):
                self._widths_mm.append(self._draw_width(number, style, median_mm * 0.75**generation, swell))

    def network(self) -> CrackNetwork:
        """Return all cracks as a graph.

        Returns
        -------
        CrackNetwork
            In the frame of the picture; some cracks reach beyond it.
        """
        return join_cracks(self._cracks, [width / self._mm for width in self._widths_mm], self._joints)

    def _directions(self, pattern: str, angle_rad: float) -> NDArray[np.float32]:
        """Draw the direction of even generations in each cell."""
        rows, cols = self._plate.distance.shape
        if pattern == "cobweb":
            y, x = np.ogrid[:rows, :cols]
            centre_y, centre_x = self._rng.uniform(-0.1, 1.1) * rows, self._rng.uniform(-0.1, 1.1) * cols
            return np.asarray(np.arctan2(y - centre_y, x - centre_x), Float)
        sway = fractal(self._rng, (rows, cols), wavelength_px=max(rows, cols) / 2, gain=0.5, finest_px=8.0)
        return sway * Float(0.08) + Float(angle_rad)

    def _grow(self, wave: _Wave) -> None:
        """Start cracks at places that are far enough from all others, until hardly any is left."""
        plate, rng = self._plate, self._rng
        n_tries = int(10 * plate.height * plate.width / wave.spacing_px**2) + 8
        places = rng.random((n_tries, 2)) * (plate.width - 2, plate.height - 2) + 1
        slack = rng.uniform(0.38, 0.62, n_tries)
        distance = plate.family[wave.generation % 2] if wave.style.align > 0 else plate.distance
        for (x, y), share in zip(places.tolist(), slack.tolist(), strict=True):
            cell = int(y) // CELL_PX, int(x) // CELL_PX
            density = float(wave.density[cell])
            is_near = distance[cell] * density < share * wave.spacing_px or plate.distance[cell] < _CLOSE_PX
            if density >= _WHOLE and not is_near:
                self._start(wave, x, y, wave.spacing_px / density)

    def _start(self, wave: _Wave, x: float, y: float, spacing: float) -> None:
        """Grow two arms from one place, or a star of three."""
        heading = self._first_heading(wave, x, y)
        star = self._rng.random() < wave.style.fork
        turns = [heading, heading + 2.1, heading - 2.1] if star else [heading, heading + math.pi]
        trace: dict[tuple[int, int], int] = {}
        arms = [self._run(wave, (x, y), turn, spacing, trace) for turn in turns]
        (forth, forth_joints), (back, back_joints) = arms[0], arms[1]
        points = [*back[:0:-1], *forth]
        if len(points) < 4:
            return
        root = len(back) - 1
        joints = [(root - vertex, parent) for vertex, parent in back_joints]
        joints += [(root + vertex, parent) for vertex, parent in forth_joints]
        number = self._keep(wave, points, joints)
        if star and len(arms[2][0]) > 3:
            self._keep(wave, arms[2][0], [(0, number), *arms[2][1]])

    def _first_heading(self, wave: _Wave, x: float, y: float) -> float:
        """Draw a direction along the pattern, or across what is nearest."""
        cell = int(y) // CELL_PX, int(x) // CELL_PX
        if wave.style.align > 0:
            return float(wave.angle[cell]) + float(self._rng.normal(0, 0.3 * (1 - wave.style.align) + 0.03))
        if self._plate.distance[cell] >= FAR_PX:
            return float(self._rng.uniform(0, 2 * math.pi))
        return self._plate.towards(x, y, cell) + float(self._rng.normal(0, 0.25))

    def _run(
        self,
        wave: _Wave,
        origin: tuple[float, float],
        heading: float,
        spacing: float,
        trace: dict[tuple[int, int], int],
    ) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
        """Let one tip run until it meets a crack or its own trace, leaves the plate, tires or finds sound paint.

        Gives its points, and for each older crack that it met the vertex and the number of the crack.
        """
        plate, rng, style = self._plate, self._rng, wave.style
        limit = spacing * rng.lognormal(-0.3, 0.5) if rng.random() < style.halt else 40 * spacing
        n_steps = min(int(limit / _STEP_PX), 4 * max(plate.height, plate.width))
        turns = rng.normal(0, style.wander_rad, n_steps).tolist()
        kinks = rng.normal(0, 0.09 + 0.5 * style.wander_rad, n_steps).tolist()
        points, joints = [origin], []
        (x, y), drift, passed, first_mark = origin, 0.0, -1, 10_000 * len(trace)
        for step in range(n_steps):
            cell = int(y) // CELL_PX, int(x) // CELL_PX
            mark = first_mark + step
            is_crossed = mark - trace.setdefault((cell[0] // 2, cell[1] // 2), mark) > _YOUNG and step > _YOUNG
            if is_crossed or (wave.density[cell] < _WHOLE and rng.random() < 0.1):
                break
            drift = 0.94 * drift + turns[step]
            heading = self._steer(wave, x, y, cell, heading, spacing) + (1 - style.align) * 0.3 * turns[step]
            way = heading + drift + kinks[step]
            back, (x, y) = (x, y), (x + _STEP_PX * math.cos(way), y + _STEP_PX * math.sin(way))
            if not plate.contains(x, y):
                break
            met = plate.met(x, y, *back)
            if met >= 0 and met != passed:
                x, y = self._foot_on(met, x, y)
                joints.append((len(points), met))
            points.append((x, y))
            if met >= 0 and met != passed and rng.random() >= style.cross:
                break
            passed = met
        return points, joints

    def _steer(self, wave: _Wave, x: float, y: float, cell: tuple[int, int], heading: float, spacing: float) -> float:
        """Turn a tip into the direction of the pattern, and squarely towards a crack ahead."""
        if wave.style.align > 0:
            off = _turn(float(wave.angle[cell]) - heading)
            heading += 0.35 * wave.style.align * (off if abs(off) < math.pi / 2 else _turn(off + math.pi))
        reach, near = min(0.3 * spacing, 40.0), float(self._plate.distance[cell])
        if near < reach:
            off = _turn(self._plate.towards(x, y, cell) - heading)
            if abs(off) < 1.2:
                heading += 0.25 * (1 - near / reach) * off
        return heading

    def _foot_on(self, number: int, x: float, y: float) -> tuple[float, float]:
        """Find the nearest point of an older crack."""
        points = self._cracks[number].points
        at = locate(points, np.array([x - PAD_PX, y - PAD_PX]))
        first = min(int(at), len(points) - 2)
        foot = points[first] + (at - first) * (points[first + 1] - points[first])
        return float(foot[0]) + PAD_PX, float(foot[1]) + PAD_PX

    def _keep(self, wave: _Wave, points: list[tuple[float, float]], joints: list[tuple[int, int]]) -> int:
        """Record a crack and return its number."""
        number, path = len(self._cracks), np.asarray(points, np.float64)
        self._cracks.append(Crack(path - PAD_PX, wave.generation, wave.pattern))
        self._joints += [Joint(number, vertex, parent) for vertex, parent in joints]
        self._joined.append({vertex for vertex, _ in joints})
        self._plate.add(number, path, wave.generation % 2)
        return number

    def _draw_width(
        self, number: int, style: CrackStyle, median_mm: float, swell: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Draw the width along a crack: its own, that of the place, and a slow change; fine at free ends."""
        rng, points = self._rng, self._cracks[number].points
        n = len(points)
        cell = np.clip(((points + PAD_PX) / CELL_PX).astype(np.int64), 0, np.array(swell.shape)[::-1] - 1)
        slow = np.convolve(rng.normal(0, 1, n + 8), np.full(9, 1 / 3), mode="valid")
        fast = np.convolve(rng.normal(0, 1, n + 2), np.full(3, 0.577), mode="valid")
        log_width = rng.normal(0, 0.22) + 0.22 * swell[cell[:, 1], cell[:, 0]]
        width = median_mm * np.exp(log_width + style.irregular * (0.8 * slow + 0.5 * fast))
        run = np.arange(n)
        for vertex, away in ((0, run), (n - 1, n - 1 - run)):
            if vertex not in self._joined[number]:
                width *= np.clip(0.35 + away * _STEP_PX * self._mm / (0.8 if style.blunt else 3.5), 0, 1)
        return np.clip(width, _NARROWEST_MM, _WIDEST_MM)


def _turn(angle: float) -> float:
    """Bring an angle into [-pi, pi)."""
    return (angle + math.pi) % (2 * math.pi) - math.pi
