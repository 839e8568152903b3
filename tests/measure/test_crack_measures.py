"""Measures of cracks, networks and panels: by hand where a drawing allows it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from graven.errors import InputError
from graven.measure.crack_measures import measure_cracks
from graven.measure.crack_totals import WIDTH_SIGMA_PX
from graven.measure.uncertainty import BOUNDARY_SIGMA_PX
from graven.types import Measure, PixelSize


def ladder(canvas: Callable[..., Any], width: float = 3) -> Any:
    """Two rails 120 long and 50 apart, with rungs at 25, 60 and 95 of them."""
    drawing = canvas(180, 180)
    drawing.line([(40.5, 30), (40.5, 150)], width).line([(90.5, 30), (90.5, 150)], width)
    for y in (55.5, 90.5, 125.5):
        drawing.line([(40.5, y), (90.5, y)], width)
    return drawing


class TestPanel:
    def test_counts_and_lengths(self, canvas: Callable[..., Any]) -> None:
        drawing = ladder(canvas).line([(120, 40), (150, 80)], 3)  # and one crack by itself, 50 long
        found = measure_cracks(drawing.mask()).measures
        counts = {name: found[name].value for name in found if name.startswith("n_")}
        assert counts == {
            "n_cracks": 12,
            "n_networks": 2,
            "n_nodes_I": 6,
            "n_nodes_O": 0,
            "n_nodes_Y": 6,
            "n_nodes_X": 0,
            "n_loops": 2,
            "n_ends_at_border": 0,
            "n_ends_at_other": 0,
        }
        assert found["length"].value == pytest.approx(240 + 150 + 50, rel=0.01)
        assert found["length"].unit == "px"
        assert found["density"].value == pytest.approx(found["length"].value / 180**2)
        assert found["spacing"].value == pytest.approx(180**2 / found["length"].value)
        assert found["width_mean"].value == pytest.approx(3, abs=0.1)

    def test_density_is_in_metres_per_square_metre(self, canvas: Callable[..., Any]) -> None:
        valid = np.ones((180, 180), bool)
        valid[:, 130:] = False
        found = measure_cracks(
            ladder(canvas).mask(), valid=valid, pixel_size=PixelSize(0.5, 0.5, "user", 0.02)
        ).measures
        area_m2 = 180 * 130 * 0.25e-6
        assert found["density"].unit == "m/m2"
        assert found["density"].value == pytest.approx(found["length"].value / 1000 / area_m2)
        assert found["valid_area"] == Measure(pytest.approx(area_m2 * 1e6), "mm2", pytest.approx(0.04 * area_m2 * 1e6))

    def test_the_rose_of_lines_at_known_angles(self, canvas: Callable[..., Any]) -> None:
        drawing = canvas(200, 200)
        for k in range(3):  # three lines of 60 at 25 degrees up to the right, one of 60 at 115
            x, y = 20 + 45 * k, 90
            drawing.line([(x, y), (x + 60 * math.cos(math.radians(25)), y - 60 * math.sin(math.radians(25)))], 2)
        drawing.line([(150, 190), (150 + 60 * math.cos(math.radians(115)), 190 - 60 * math.sin(math.radians(115)))], 2)
        survey = measure_cracks(drawing.mask())
        assert survey.rose.sum() == pytest.approx(survey.measures["length"].value)
        assert survey.rose[1:4].sum() == pytest.approx(180, rel=0.05)
        assert survey.rose[10:13].sum() == pytest.approx(60, rel=0.05)
        assert np.argmax(survey.rose) == 2
        assert survey.measures["direction"].value == pytest.approx(25, abs=1)
        assert survey.measures["direction_resultant"].value == pytest.approx((180 - 60) / 240, abs=0.03)
        directions = sorted(crack.measures["direction"].value for crack in survey.cracks)
        assert directions == pytest.approx([25, 25, 25, 115], abs=1)

    def test_ends_at_the_border_and_at_a_loss(self) -> None:
        mask, other = np.zeros((60, 90), bool), np.zeros((60, 90), bool)
        mask[20:23, 0:60] = True
        other[10:30, 50:70] = True
        found = measure_cracks(mask, other=other).measures
        assert (found["n_ends_at_border"].value, found["n_ends_at_other"].value) == (1, 1)
        assert found["length"].value == pytest.approx(50, abs=0.5)

    def test_nothing(self) -> None:
        survey = measure_cracks(np.zeros((30, 40), bool))
        assert (survey.cracks, survey.networks) == ([], [])
        assert survey.measures["length"] == Measure(0.0, "px", 0.0)
        assert survey.measures["density"].value == 0
        assert "width_mean" not in survey.measures


class TestNetworks:
    def test_cracks_that_hang_together(self, canvas: Callable[..., Any]) -> None:
        drawing = ladder(canvas).line([(120, 40), (150, 80)], 3).arc((140, 130), 15, 0, 7, 3)
        survey = measure_cracks(drawing.mask())
        by_size = sorted(survey.networks, key=lambda network: -len(network.cracks))
        assert [len(network.cracks) for network in by_size] == [11, 1, 1]
        assert by_size[0].measures["n_nodes_Y"].value == 6
        assert by_size[0].measures["n_loops"].value == 2
        assert by_size[0].measures["length"].value == pytest.approx(390, rel=0.01)
        ring = next(network for network in survey.networks if network.measures["n_nodes_O"].value == 1)
        assert ring.measures["n_loops"].value == 1
        assert ring.measures["length"].value == pytest.approx(2 * math.pi * 15, rel=0.01)
        for name in ("n_cracks", "n_nodes_I", "n_nodes_O", "n_nodes_Y", "n_nodes_X", "n_loops", "length"):
            together = sum(network.measures[name].value for network in survey.networks)
            assert together == pytest.approx(survey.measures[name].value), name
        assert [survey.cracks[number - 1].network for number in ring.cracks] == [ring.number]

    def test_bends_count_to_the_network_that_bends(self, canvas: Callable[..., Any]) -> None:
        drawing = canvas(120, 160).line([(20, 20), (60, 20), (60, 60)], 3).line([(90, 20), (90, 100)], 3)
        survey = measure_cracks(drawing.mask())
        bends = {len(network.cracks): network.measures["n_nodes_O"].value for network in survey.networks}
        assert sorted(network.measures["n_nodes_O"].value for network in survey.networks) == [0, 1]
        assert bends == {1: bends[1]}


class TestCracks:
    def test_tortuosity_of_a_half_circle(self, canvas: Callable[..., Any]) -> None:
        survey = measure_cracks(canvas(160, 160).arc((80, 80), 50, 0, math.pi, 3).mask())
        assert survey.cracks[0].measures["tortuosity"].value == pytest.approx(math.pi / 2, rel=0.01)

    def test_a_ring_has_none(self, canvas: Callable[..., Any]) -> None:
        (crack,) = measure_cracks(canvas(160, 160).arc((80, 80), 50, 0, 7, 3).mask()).cracks
        assert "tortuosity" not in crack.measures
        assert crack.start == crack.end
        assert (crack.points[0] == crack.points[-1]).all()

    def test_the_profile_is_in_the_unit_of_the_widths(self, canvas: Callable[..., Any]) -> None:
        (crack,) = measure_cracks(
            canvas(60, 160).line([(20, 30.5), (140, 30.5)], 5).mask(), pixel_size=PixelSize(0.2, 0.2, "user")
        ).cracks
        assert crack.profile[:, 1].mean() == pytest.approx(1.0, abs=0.02)
        assert crack.profile[:, 0].max() < crack.measures["length"].value
        assert crack.measures["width_mean"].value == pytest.approx(crack.profile[:, 1].mean())

    def test_pixels_that_are_not_square(self, canvas: Callable[..., Any]) -> None:
        coverage = canvas(200, 200).line([(30, 40), (150, 130)], 6).coverage()
        tall = coverage.reshape(200, 100, 2).mean(axis=2)  # pixels of 2 x 1
        image = (180 - 100 * tall).astype(np.float32)
        size = PixelSize(0.2, 0.1, "user")
        drawn = (tall >= 0.5).sum() * 0.02 / 15.0  # area over length: the mask has no more to say
        for evidence, width in (({}, drawn), ({"image": image}, 0.6), ({"prob": tall}, 0.6)):
            (crack,) = measure_cracks(tall >= 0.5, pixel_size=size, **evidence).cracks
            assert crack.measures["length"].value == pytest.approx(15.0, rel=0.01)
            assert crack.measures["width_mean"].value == pytest.approx(width, abs=0.02)
            direction = math.degrees(math.atan2(-90, 120)) % 180
            assert crack.measures["direction"].value == pytest.approx(direction, abs=0.5)


class TestUncertainty:
    def test_of_a_mask(self, canvas: Callable[..., Any]) -> None:
        mask = canvas(60, 160).line([(20, 30.5), (140, 30.5)], 5).mask()
        (crack,) = measure_cracks(mask, pixel_size=PixelSize(0.2, 0.2, "user", 0.01)).cracks
        length, width = crack.measures["length"], crack.measures["width_mean"]
        half_pixel = 2 * BOUNDARY_SIGMA_PX * 0.2
        assert length.sigma == pytest.approx(math.hypot(0.01 * length.value, half_pixel))
        assert width.sigma == pytest.approx(math.hypot(0.01 * width.value, half_pixel))

    def test_of_an_image_is_smaller(self, canvas: Callable[..., Any]) -> None:
        coverage = canvas(60, 160).line([(20, 30.5), (140, 30.5)], 5).coverage()
        image = 180 - 100 * ndimage.gaussian_filter(coverage, 0.7)
        (crack,) = measure_cracks(coverage >= 0.5, image=image).cracks
        assert crack.width_source == "image"
        assert WIDTH_SIGMA_PX <= (crack.measures["width_mean"].sigma or 0) < 2 * BOUNDARY_SIGMA_PX

    def test_grows_with_a_threshold_that_moves_much(self, canvas: Callable[..., Any]) -> None:
        coverage = canvas(60, 160).line([(20, 30.5), (140, 30.5)], 8).coverage()
        sharp, soft = (
            measure_cracks(coverage >= 0.5, prob=ndimage.gaussian_filter(coverage, sigma)).cracks[0].measures
            for sigma in (0.5, 2.5)
        )
        for name in ("length", "width_mean"):
            assert (soft[name].sigma or 0) > (sharp[name].sigma or 0)

    def test_of_a_sum_is_the_sum(self, canvas: Callable[..., Any]) -> None:
        survey = measure_cracks(ladder(canvas).mask())
        together = sum(crack.measures["length"].sigma or 0 for crack in survey.cracks)
        assert survey.measures["length"].sigma == pytest.approx(together)


def test_a_threshold_out_of_bounds_is_refused() -> None:
    with pytest.raises(InputError, match=r"between 0 and 1, got 0\.95 ± 0\.1"):
        measure_cracks(np.zeros((9, 9), bool), threshold=0.95)


def test_a_panel_without_pixels_is_refused() -> None:
    with pytest.raises(InputError, match="valid pixels"):
        measure_cracks(np.zeros((9, 9), bool), valid=np.zeros((9, 9), bool))
