"""Widths of lines drawn by hand beside a crack, in the photograph and in a probability."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from graven.measure.line_graph import LineGraph, graph_of_lines
from graven.measure.line_widths import measure_line_widths

SHAPE, SUPER = (220, 320), 8
NOTHING, KNOWN = np.zeros(SHAPE, bool), np.ones(SHAPE, bool)


def photograph(width: float, *, dark: bool = True, noise: float = 3.0, seed: int = 0) -> np.ndarray:
    """A crack of known width from (30, 40) to (290, 180), blurred by half a pixel, with noise."""
    big = np.zeros((SHAPE[0] * SUPER, SHAPE[1] * SUPER), np.uint8)
    cv2.line(big, (30 * SUPER, 40 * SUPER), (290 * SUPER, 180 * SUPER), 255, round(width * SUPER))
    cover = cv2.GaussianBlur(cv2.resize(big, SHAPE[::-1], interpolation=cv2.INTER_AREA), (0, 0), 0.5) / 255.0
    grey = 140 + (-90 if dark else 90) * cover + np.random.default_rng(seed).normal(0, noise, SHAPE)
    return grey.clip(0, 255).astype(np.uint8)


def by_hand(*, aside: float = 0.0, wobble: float = 0.0) -> LineGraph:
    """The line of that crack as a person draws it: some units aside, and unsteady."""
    t = np.linspace(0, 1, 14)
    points = np.stack([30 + 260 * t, 40 + 140 * t], axis=1)
    across = np.array([-140, 260]) / np.hypot(140, 260)
    points += (aside + wobble * np.random.default_rng(1).uniform(-1, 1, len(t)))[:, None] * across
    return graph_of_lines([points], is_changed=[True], widths_px=[np.nan], other=NOTHING, valid=KNOWN)


@pytest.mark.parametrize("width", [2.0, 3.5, 5.0, 8.0, 12.0])
@pytest.mark.parametrize("dark", [True, False])
def test_a_hand_drawn_line_finds_the_width_of_its_crack(width: float, dark: bool) -> None:
    found = measure_line_widths(by_hand(wobble=1.5), image=photograph(width, dark=dark), other=NOTHING, valid=KNOWN)
    assert found[0].mean == pytest.approx(width, abs=0.3)
    assert found[0].median == pytest.approx(width, abs=0.3)
    assert 0.1 < found[0].sigma < 0.6
    assert found[0].most >= found[0].p95 >= found[0].median


def test_a_line_beside_its_crack_finds_it_too() -> None:
    found = measure_line_widths(by_hand(aside=2.0, wobble=0.5), image=photograph(4.0), other=NOTHING, valid=KNOWN)
    assert found[0].mean == pytest.approx(4.0, abs=0.3)


def test_where_nothing_is_to_be_seen_there_is_no_width() -> None:
    plain = np.random.default_rng(2).normal(140, 5, SHAPE).clip(0, 255).astype(np.uint8)
    assert measure_line_widths(by_hand(), image=plain, other=NOTHING, valid=KNOWN) == {}
    assert measure_line_widths(by_hand(), prob=np.zeros(SHAPE, np.uint8), other=NOTHING, valid=KNOWN) == {}
    assert measure_line_widths(by_hand(), other=NOTHING, valid=KNOWN) == {}


def test_without_a_photograph_the_probability_speaks() -> None:
    prob = (255 * (140.0 - photograph(5.0, noise=0.0)) / 90).clip(0, 255).astype(np.uint8)
    found = measure_line_widths(by_hand(wobble=1.0), prob=prob, other=NOTHING, valid=KNOWN)
    assert found[0].mean == pytest.approx(5.0, abs=0.35)
