from __future__ import annotations

import numpy as np
import pytest

from graven.synthetic.cracknet import CrackNetwork, locate
from graven.synthetic.craquelure import CRACK_STYLES, TRAINING_PATTERNS, UNSEEN_PATTERNS, Growth


def _grow(pattern: str, *, seed: int = 3, size: int = 512, density: np.ndarray | None = None) -> CrackNetwork:
    growth = Growth((size, size), pixel_size_mm=0.1, rng=np.random.default_rng(seed))
    full = np.ones((size, size), np.float32) if density is None else density
    growth.add(pattern, full, angle_rad=0.3)
    return growth.network()


@pytest.fixture(scope="module")
def networks() -> dict[str, CrackNetwork]:
    return {pattern: _grow(pattern) for pattern in CRACK_STYLES}


def _bearings(network: CrackNetwork, generation: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions of the segments of a generation from 0 to pi, and their lengths."""
    chosen = np.flatnonzero(network.generations == generation)
    steps = np.concatenate([np.diff(network.lines[edge], axis=0) for edge in chosen])
    return np.arctan2(steps[:, 1], steps[:, 0]) % np.pi, np.hypot(*steps.T)


def test_unseen_patterns_are_kept_out_of_training() -> None:
    assert set(TRAINING_PATTERNS) | set(UNSEEN_PATTERNS) == set(CRACK_STYLES)
    assert not set(TRAINING_PATTERNS) & set(UNSEEN_PATTERNS)


@pytest.mark.parametrize("pattern", CRACK_STYLES)
def test_kinds_of_nodes_agree_with_their_degrees(networks, pattern) -> None:
    network = networks[pattern]
    assert len(network.lines) > 20
    for kind, degree in zip(network.kinds, network.degrees, strict=True):
        assert degree == 1 if kind == "end" else degree >= 3


@pytest.mark.parametrize("pattern", CRACK_STYLES)
def test_most_cracks_end_on_others(networks, pattern) -> None:
    degrees = networks[pattern].degrees
    inside = ((networks[pattern].nodes_px > 5) & (networks[pattern].nodes_px < 507)).all(axis=1)
    assert (degrees[inside] == 3).mean() > 0.6
    assert (degrees[inside] == 1).any()


@pytest.mark.parametrize("pattern", ["ageing", "brick", "random"])
def test_later_generations_are_thinner(networks, pattern) -> None:
    network = networks[pattern]
    medians = [
        np.median(np.concatenate([network.widths_px[edge] for edge in np.flatnonzero(network.generations == number)]))
        for number in range(2)
    ]
    assert medians[1] < medians[0]


def test_drying_cracks_are_wide_and_ageing_cracks_are_straight(networks) -> None:
    def crookedness(network: CrackNetwork) -> float:
        chord = np.array([np.hypot(*(line[-1] - line[0])) for line in network.lines])
        return float(network.lengths_px.sum() / chord.sum())

    median = {name: np.median(np.concatenate(networks[name].widths_px)) for name in ("ageing", "drying")}
    assert median["drying"] > 1.5 * median["ageing"]
    assert crookedness(networks["ageing"]) < crookedness(networks["drying"])


@pytest.mark.parametrize("pattern", ["brick", "grain"])
def test_generations_of_a_directed_pattern_run_along_and_across(networks, pattern) -> None:
    for generation, expected in ((0, 0.3), (1, 0.3 + np.pi / 2)):
        angle, length = _bearings(networks[pattern], generation)
        off = np.abs((angle - expected + np.pi / 2) % np.pi - np.pi / 2)
        assert np.average(off, weights=length) < 0.25


def test_isotropic_patterns_run_in_all_directions(networks) -> None:
    angle, length = _bearings(networks["random"], 0)
    share = np.histogram(angle, bins=4, range=(0, np.pi), weights=length)[0] / length.sum()
    assert share.min() > 0.1


def test_sound_paint_does_not_crack() -> None:
    density = np.ones((512, 512), np.float32)
    density[:, 200:] = 0
    network = _grow("ageing", density=density)
    x = np.concatenate([line[:, 0] for line in network.lines])
    assert (x < 200).mean() > 0.75
    assert not (x > 400).any()


def test_closer_cracks_where_the_density_is_higher() -> None:
    sparse, dense = (
        _grow("ageing", density=np.full((512, 512), value, np.float32)).lengths_px.sum() for value in (0.6, 1.4)
    )
    assert dense > 1.5 * sparse


def test_two_patterns_share_a_surface_without_running_over_each_other() -> None:
    growth = Growth((384, 384), pixel_size_mm=0.1, rng=np.random.default_rng(8))
    for pattern in ("drying", "ageing"):
        growth.add(pattern, np.ones((384, 384), np.float32), angle_rad=0.0)
    network = growth.network()
    assert set(network.patterns) == {"drying", "ageing"}
    junctions = [node for node, kind in zip(network.nodes_px, network.kinds, strict=True) if kind == "junction"]
    assert len(junctions) > 30
    for node in junctions[:30]:
        gaps = []
        for line in network.lines:
            at = locate(line, node)
            first = min(int(at), len(line) - 2)
            gaps.append(np.hypot(*(line[first] + (at - first) * (line[first + 1] - line[first]) - node)))
        assert (np.sort(gaps)[:3] < 1e-6).all()
