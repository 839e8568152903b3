"""Widths of drawn cracks whose true width is known to a fraction of a pixel."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from graven.errors import InputError
from graven.measure.crack_graph import trace_crack_graph
from graven.measure.crack_totals import WIDTH_SIGMA_PX
from graven.measure.crack_width import CrackWidths, measure_widths

GROUND, DEPTH = 180.0, 100.0
WIDTHS = (1.5, 2, 3, 4, 6, 8, 12)
HAIRLINES = (0.5, 0.75, 1, 1.25)
ANGLES = (0, 12, 27, 45, 68, 90)


def photograph(coverage: np.ndarray, *, blur: float, noise: float, seed: int = 0) -> np.ndarray:
    soft = ndimage.gaussian_filter(coverage, blur) if blur else coverage
    rough = np.random.default_rng(seed).standard_normal(coverage.shape) * noise * DEPTH
    return (GROUND - DEPTH * soft + rough).astype(np.float32)


def widths_of(mask: np.ndarray, **evidence: Any) -> tuple[CrackWidths, int]:
    """Give the widths, and the number of the longest crack."""
    graph = trace_crack_graph(mask, other=evidence.get("other"))
    return measure_widths(graph, mask, **evidence), int(np.argmax(graph.length))


def side_by_side(canvas: Callable[..., Any], angle_deg: float, widths: tuple[float, ...]) -> tuple[Any, np.ndarray]:
    """Draw one crack of each width, 26 pixels apart, and give their middles."""
    angle, rng = math.radians(angle_deg), np.random.default_rng(int(angle_deg))
    along, across = np.array([math.cos(angle), -math.sin(angle)]), np.array([math.sin(angle), math.cos(angle)])
    middles = np.array([[210.3, 210.6] + across * (k - (len(widths) - 1) / 2) * 26 for k in range(len(widths))])
    middles += rng.random(middles.shape)
    drawing = canvas(420, 420)
    for middle, width in zip(middles, widths, strict=True):
        drawing.line([middle - 60 * along, middle + 60 * along], width)
    return drawing, middles


def mask_of(coverage: np.ndarray) -> np.ndarray:
    """Give where the coverage is above half of the greatest of its crack, so that hairlines have a mask as well."""
    label, count = ndimage.label(coverage > 0.02, np.ones((3, 3)))
    peak = ndimage.maximum(coverage, label, np.arange(1, count + 1))
    return np.asarray((label > 0) & (coverage >= np.concatenate([[1], np.minimum(0.5, peak / 2)])[label]))


def errors(
    canvas: Callable[..., Any], angle_deg: float, widths: tuple[float, ...], *, blur: float, noise: float
) -> dict[float, float]:
    """Give the error of the width of each crack of a picture that holds all of them."""
    drawing, middles = side_by_side(canvas, angle_deg, widths)
    coverage = drawing.coverage()
    mask = mask_of(coverage)
    graph = trace_crack_graph(mask)
    found = measure_widths(graph, mask, image=photograph(coverage, blur=blur, noise=noise))
    result = {}
    for k in np.flatnonzero(graph.length > 60):
        assert found.source[k] == "image"
        nearest = np.argmin(np.hypot(*(middles - graph.lines[k].mean(axis=0)).T))
        result[widths[nearest]] = float(found.mean[k]) - widths[nearest]
    return result


@pytest.mark.parametrize(("blur", "noise"), [(0.0, 0.0), (0.5, 0.02), (0.7, 0.05), (1.0, 0.05)])
def test_cracks_of_one_picture_are_measured_to_a_fraction_of_a_pixel(
    blur: float, noise: float, canvas: Callable[..., Any]
) -> None:
    found = [errors(canvas, angle, HAIRLINES + WIDTHS, blur=blur, noise=noise) for angle in ANGLES]
    for width in WIDTHS:
        of_width = [of[width] for of in found]
        assert len(of_width) == len(ANGLES)
        assert np.abs(of_width).mean() <= 0.25, f"{width} px wide"
    wide = [of[width] for of in found for width in WIDTHS]
    assert np.sqrt(np.mean(np.square(wide))) <= WIDTH_SIGMA_PX
    thin = [error for of in found for width, error in of.items() if width in HAIRLINES]
    assert np.abs(thin).mean() <= 0.25  # they borrow their depth from the wide ones


@pytest.mark.parametrize("width", WIDTHS)
def test_a_crack_alone_in_its_picture_straight_or_curved(width: float, canvas: Callable[..., Any]) -> None:
    found = []
    for angle_deg in ANGLES:
        angle = math.radians(angle_deg)
        along, middle = 60 * np.array([math.cos(angle), -math.sin(angle)]), np.array([80.2, 80.7])
        straight = canvas(160, 160).line([middle - along, middle + along], width).coverage()
        curved = canvas(160, 160).arc(middle, 50, angle, 2.4, width).coverage()
        for blur, noise in ((0.0, 0.0), (0.5, 0.02), (1.0, 0.05)):
            for coverage in (straight, curved):
                widths, longest = widths_of(coverage >= 0.5, image=photograph(coverage, blur=blur, noise=noise))
                assert widths.source[longest] == "image"
                found.append(widths.mean[longest] - width)
    assert np.abs(found).mean() <= 0.25


@pytest.mark.parametrize("width", HAIRLINES + WIDTHS)
def test_in_a_probability(width: float, canvas: Callable[..., Any]) -> None:
    for angle_deg in ANGLES:
        angle = math.radians(angle_deg)
        along, middle = 60 * np.array([math.cos(angle), -math.sin(angle)]), np.array([80.2, 80.7])
        coverage = canvas(160, 160).line([middle - along, middle + along], width).coverage()
        prob = ndimage.gaussian_filter(coverage, 0.7)
        widths, longest = widths_of(prob >= prob.max() / 2, prob=prob)
        assert widths.source[longest] == "probability"
        assert widths.mean[longest] == pytest.approx(width, abs=0.2)


@pytest.mark.parametrize("width", [2, 3.3, 5, 8, 12])
def test_in_a_mask_the_width_is_the_area_over_the_length(width: float, canvas: Callable[..., Any]) -> None:
    for angle_deg in (7, 12, 27, 45, 68):
        angle = math.radians(angle_deg)
        along, middle = 60 * np.array([math.cos(angle), -math.sin(angle)]), np.array([80.2, 80.7])
        mask = canvas(160, 160).line([middle - along, middle + along], width).mask()
        widths, longest = widths_of(mask)
        assert widths.source[longest] == "mask"
        assert widths.mean[longest] == pytest.approx(mask.sum() / 120, abs=0.15)


def wedge() -> np.ndarray:
    """A crack along a row whose width grows from 2 to 8 pixels over 120."""
    y, x = (np.mgrid[: 60 * 8, : 160 * 8] + 0.5) / 8
    inside = (x >= 20) & (x <= 140) & (abs(y - 30.3) <= (2 + (x - 20) / 20) / 2)
    return inside.reshape(60, 8, 160, 8).mean(axis=(1, 3)).astype(np.float32)


def test_the_profile_follows_the_width() -> None:
    coverage = wedge()
    widths, longest = widths_of(coverage >= 0.5, image=photograph(coverage, blur=0.5, noise=0.02))
    own = widths.crack == longest
    at, width = widths.position[own], widths.width[own]
    grows = width[np.argmax(at)] > width[np.argmin(at)]
    wanted = 2 + (at if grows else 120 - at) / 20
    assert np.abs(width - wanted).mean() < 0.4
    assert widths.median[longest] == pytest.approx(np.median(wanted), abs=0.4)
    assert widths.p95[longest] == pytest.approx(np.quantile(wanted, 0.95), abs=0.6)
    assert widths.most[longest] == width.max()


def test_a_light_crack_is_measured_as_a_dark_one(canvas: Callable[..., Any]) -> None:
    coverage = canvas(160, 160).line([[20, 60], [140, 100]], 5).coverage()
    dark = photograph(coverage, blur=0.7, noise=0)
    of_dark, longest = widths_of(coverage >= 0.5, image=dark)
    of_light, _ = widths_of(coverage >= 0.5, image=255 - dark)
    assert (of_dark.is_light[longest], of_light.is_light[longest]) == (False, True)
    assert of_light.mean[longest] == pytest.approx(of_dark.mean[longest], abs=1e-3)


def test_the_surroundings_may_differ_on_both_sides(canvas: Callable[..., Any]) -> None:
    coverage = canvas(160, 160).line([[20, 75], [140, 85]], 6).coverage()
    image = photograph(coverage, blur=0.7, noise=0)
    image[: 80 - 6] += 25.0  # the crack runs along the border of two colours, and is as dark against their mean
    widths, longest = widths_of(coverage >= 0.5, image=image)
    assert widths.source[longest] == "image"
    assert widths.mean[longest] == pytest.approx(6, abs=0.6)


def test_cracks_beside_each_other_do_not_mix(canvas: Callable[..., Any]) -> None:
    drawing = canvas(160, 160)
    for y in (40, 52, 64, 80):
        drawing.line([[20, y], [140, y + 10]], 4)
    coverage = drawing.coverage()
    mask = coverage >= 0.5
    graph = trace_crack_graph(mask)
    widths = measure_widths(graph, mask, image=photograph(coverage, blur=0.7, noise=0.02))
    assert widths.mean.tolist() == pytest.approx([4, 4, 4, 4], abs=0.25)


def test_beside_a_loss_the_mask_is_measured(canvas: Callable[..., Any]) -> None:
    coverage = canvas(160, 160).line([[20, 60], [140, 60]], 4).coverage()
    other = np.zeros((160, 160), bool)
    other[64:90] = True  # two pixels below the crack
    image = photograph(np.maximum(coverage, other), blur=0.7, noise=0)
    widths, longest = widths_of(coverage >= 0.5, image=image, other=other)
    assert widths.source[longest] == "mask"
    assert widths.mean[longest] == pytest.approx(4, abs=0.1)


def test_what_the_image_does_not_show_is_measured_in_the_mask(canvas: Callable[..., Any]) -> None:
    mask = canvas(160, 160).line([[20, 60], [140, 60]], 4).mask()
    for image in (photograph(np.zeros((160, 160)), blur=0, noise=0.02), np.full((160, 160), 90, np.uint8)):
        widths, longest = widths_of(mask, image=image)
        assert widths.source[longest] == "mask"
        assert widths.mean[longest] == pytest.approx(4, abs=0.1)


def test_junctions_and_ends_are_left_out(canvas: Callable[..., Any]) -> None:
    drawing = canvas(220, 220)
    for a in (0.2, 2.3, 4.4):
        drawing.line([[110, 110], [110 + 70 * math.cos(a), 110 + 70 * math.sin(a)]], 5)
    mask = drawing.mask()
    graph = trace_crack_graph(mask)
    widths = measure_widths(graph, mask)
    assert widths.most.max() < 6.2
    assert (widths.position > 5).all()


def test_a_crack_within_the_discs_of_its_ends_has_the_width_of_its_disc() -> None:
    mask = np.zeros((30, 30), bool)
    mask[10:15, 10:18] = True
    widths, longest = widths_of(mask)
    assert widths.source[longest] == "disc"
    assert widths.mean[longest] == pytest.approx(5, abs=0.2)


def test_the_threshold_moves_soft_borders(canvas: Callable[..., Any]) -> None:
    coverage = canvas(160, 160).line([[20, 60], [140, 60]], 8).coverage()
    # the slope of a blurred border is 1 / (sqrt(2 pi) 2) per pixel: 0.2 of probability are 0.2 * 5 px at either border
    widths, longest = widths_of(coverage >= 0.5, prob=ndimage.gaussian_filter(coverage, 2))
    assert widths.growth[longest] == pytest.approx(2 * 0.2 * 2 * math.sqrt(2 * math.pi), rel=0.05)


def test_bytes_and_floats_are_one_probability(canvas: Callable[..., Any]) -> None:
    coverage = canvas(160, 160).line([[20, 60], [140, 90]], 4).coverage()
    steps = np.rint(coverage * 255).astype(np.uint8)
    of_bytes, longest = widths_of(coverage >= 0.5, prob=steps)
    of_floats, _ = widths_of(coverage >= 0.5, prob=steps / np.float32(255))
    assert of_bytes.mean[longest] == of_floats.mean[longest]


def test_nothing() -> None:
    mask = np.zeros((9, 9), bool)
    widths = measure_widths(trace_crack_graph(mask), mask, image=np.zeros((9, 9)))
    assert len(widths.width) == len(widths.mean) == 0


def test_another_shape_is_refused() -> None:
    mask = np.zeros((9, 9), bool)
    with pytest.raises(InputError, match=r"image must have the shape of the mask, \(9, 9\), got \(8, 9\)"):
        measure_widths(trace_crack_graph(mask), mask, image=np.zeros((8, 9)))
