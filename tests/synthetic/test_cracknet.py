from __future__ import annotations

import math

import numpy as np
import pytest

from graven.synthetic.cracknet import Crack, Joint, clip_network, cover_pixels, join_cracks, locate


def _straight(start: tuple[float, float], stop: tuple[float, float], n: int = 21) -> np.ndarray:
    return np.linspace(start, stop, n)


def _network(*lines: np.ndarray, width: float = 2.0, joints: tuple[Joint, ...] = ()):
    cracks = [Crack(line, 0, "ageing") for line in lines]
    return join_cracks(cracks, [np.full(len(line), width) for line in lines], joints)


def test_a_crack_along_the_rows_covers_what_it_must() -> None:
    cover = cover_pixels(_network(_straight((4, 6), (16, 6)), width=2.0), (12, 20))
    expected = np.zeros((12, 20), np.float32)
    expected[5:7, 4:16] = 1.0  # y from 5 to 7
    np.testing.assert_allclose(cover.wide[:, 6:14], expected[:, 6:14], atol=1e-6)  # ends are round
    assert not cover.thin.any()


@pytest.mark.parametrize("angle", [0.0, 0.3, 0.785, 1.2, 1.571])
@pytest.mark.parametrize("width", [1.5, 2.0, 3.3, 6.0, 12.0])
def test_coverage_adds_up_to_length_times_width(angle: float, width: float) -> None:
    reach = np.array([math.cos(angle), math.sin(angle)]) * 40
    expected = 80 * width + math.pi * width**2 / 4  # round ends
    counts = []
    for shift in np.arange(16) / 16 + 0.03:
        middle = 64 + shift * np.array([-math.sin(angle), math.cos(angle)])
        cover = cover_pixels(_network(_straight(tuple(middle - reach), tuple(middle + reach)), width=width), (128, 128))
        assert cover.wide.sum() == pytest.approx(expected, rel=0.035)  # a pixel is no interval at 45 degrees
        counts.append((cover.wide >= 0.5).sum())
    assert np.mean(counts) == pytest.approx(expected, rel=0.02)  # one pixel more or less at a single place


def test_thin_parts_are_told_apart() -> None:
    line = _straight((5, 20.5), (45, 20.5), 41)
    network = join_cracks([Crack(line, 0, "ageing")], [np.linspace(0.2, 3.8, 41)], [])
    cover = cover_pixels(network, (40, 50))
    assert not (cover.wide[:, :13] > 0).any()  # 0.92 px at x = 13
    assert cover.thin[20, 8] == pytest.approx(0.2 + 3.6 * 3.5 / 40, abs=1e-4)
    assert cover.wide[20, 30] == 1.0


def test_a_crack_that_ends_on_another_makes_a_junction() -> None:
    stem = _straight((30, 5), (30, 20), 6)
    network = _network(_straight((5, 20), (55, 20)), stem, joints=(Joint(1, 5, 0),))
    assert sorted(network.degrees.tolist()) == [1, 1, 1, 3]
    (node,) = np.flatnonzero(network.degrees == 3)
    assert network.kinds[node] == "junction"
    assert network.nodes_px[node].tolist() == [30, 20]
    assert sorted(network.lengths_px.round(6).tolist()) == [15, 25, 25]
    for line, (first, last) in zip(network.lines, network.edges, strict=True):
        assert line[0].tolist() == network.nodes_px[first].tolist()
        assert line[-1].tolist() == network.nodes_px[last].tolist()


def test_what_is_hidden_is_cut_out_to_half_a_pixel() -> None:
    visible = np.ones((40, 60), np.bool_)
    visible[:, 20:30] = False
    network = clip_network(_network(_straight((5, 20.5), (55, 20.5))), visible)
    assert sorted(network.lengths_px.tolist()) == pytest.approx([15, 25], abs=0.6)
    borders = [node[0] for node, kind in zip(network.nodes_px, network.kinds, strict=True) if kind == "border"]
    assert sorted(borders) == pytest.approx([20, 30], abs=0.6)
    assert sorted(network.kinds) == ["border", "border", "end", "end"]


def test_cracks_end_at_the_edge_of_the_picture() -> None:
    network = clip_network(_network(_straight((-20, 20), (80, 20))), np.ones((40, 60), np.bool_))
    assert network.lengths_px.tolist() == pytest.approx([60], abs=1.2)
    assert network.kinds == ("border", "border")


def test_a_junction_without_its_third_arm_is_passed_through() -> None:
    stem = _straight((30, 5), (30, 20), 6)
    network = _network(_straight((5, 20), (55, 20)), stem, joints=(Joint(1, 5, 0),))
    visible = np.ones((40, 60), np.bool_)
    visible[:19] = False
    visible[19, 30] = False
    clipped = clip_network(network, visible)
    assert clipped.lengths_px.tolist() == pytest.approx([50])
    assert clipped.kinds == ("end", "end")
    assert len(clipped.widths_px[0]) == len(clipped.lines[0])


def test_nothing_is_left_of_a_hidden_network() -> None:
    network = clip_network(_network(_straight((5, 20), (55, 20))), np.zeros((40, 60), np.bool_))
    assert network.lines == ()
    assert network.nodes_px.shape == (0, 2)
    assert not cover_pixels(network, (40, 60)).wide.any()


@pytest.mark.parametrize(
    ("point", "expected"), [((5.0, 1.0), 1.25), ((-3.0, -3.0), 0.0), ((4.0, 9.0), 2.0), ((2.0, 0.4), 0.5)]
)
def test_the_nearest_place_on_a_line_is_found(point, expected) -> None:
    assert locate(np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0]]), np.array(point)) == pytest.approx(expected)
