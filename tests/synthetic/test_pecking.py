from __future__ import annotations

import numpy as np
import pytest

from graven.synthetic.figures import Figure, Stroke, make_figure
from graven.synthetic.pecking import peck_figure
from graven.synthetic.pits import PeckStyle, draw_style, signed_distance, strike
from graven.synthetic.surface import Canvas

LINE = Figure("meander", (Stroke(np.array([[-50.0, 0.0], [50.0, 0.0]]), np.array([14.0, 14.0])),), (), (), 100.0, 14.0)


def _slab(size: int = 320, unit: float = 0.5) -> Canvas:
    canvas = Canvas(
        np.zeros((size, size), np.float32),
        np.full((3, size, size), 0.1, np.float32),
        np.zeros((size, size), np.float32),
        np.full(3, 0.6, np.float32),
        unit,
    )
    canvas.mark("pecked", np.zeros((size, size), np.bool_))
    return canvas


def _style(technique: str = "pecked", freshness: float = 0.8, spacing: float = 0.7) -> PeckStyle:
    return PeckStyle(technique, 3.0, 0.9, spacing, 0.2, freshness)  # type: ignore[arg-type]  # a str from parametrize


@pytest.mark.parametrize("technique", ["pecked", "outline", "groove", "rubbed"])
def test_the_truth_is_where_rock_was_removed(technique: str) -> None:
    canvas = _slab()
    outlines = peck_figure(canvas, LINE, centre_mm=(80.0, 80.0), style=_style(technique), rng=np.random.default_rng(1))
    mask, height = canvas.masks["pecked"], canvas.height_mm
    assert len(outlines) == 1
    assert height[mask].mean() < -0.2
    assert (height[mask] < -0.02).mean() > 0.7
    # outside are only rims of pits below 15 % of their depth, and a one-pixel lip of a ground groove
    assert (np.abs(height[~mask]) > 0.3).sum() < 0.02 * mask.sum()
    drawn = 100 * 14 + np.pi * 7**2
    assert 0.75 * drawn < mask.sum() * 0.25 < 1.25 * drawn


def test_a_dense_body_is_one_area_without_holes() -> None:
    canvas = _slab()
    peck_figure(canvas, LINE, centre_mm=(80.0, 80.0), style=_style(spacing=0.6), rng=np.random.default_rng(2))
    core = canvas.masks["pecked"][152:168, 70:250]  # 8 mm of the 14 mm line
    assert core.all()


def test_a_sparse_body_is_closed_as_well() -> None:
    canvas = _slab()
    peck_figure(canvas, LINE, centre_mm=(80.0, 80.0), style=_style(spacing=1.2), rng=np.random.default_rng(2))
    mask = canvas.masks["pecked"]
    assert mask[152:168, 70:250].mean() > 0.8
    assert (canvas.height_mm[152:168, 70:250] > -0.05).mean() > 0.1  # skin between the pits that the truth includes


def test_pits_far_from_the_figure_do_not_drag_the_truth_along() -> None:
    canvas = _slab()
    peck_figure(canvas, LINE, centre_mm=(80.0, 80.0), style=_style(), rng=np.random.default_rng(3))
    rows = np.nonzero(canvas.masks["pecked"])[0]
    assert rows.min() > 160 - 14 - 24  # half the width plus 12 mm, in pixels of 0.5 mm
    assert rows.max() < 160 + 14 + 24


@pytest.mark.parametrize(("freshness", "sign"), [(0.9, 1), (0.2, 1), (-0.3, -1)])
def test_patina_goes_the_stated_way(freshness: float, sign: int) -> None:
    canvas = _slab()
    peck_figure(canvas, LINE, centre_mm=(80.0, 80.0), style=_style(freshness=freshness), rng=np.random.default_rng(4))
    mask = canvas.masks["pecked"]
    change = canvas.albedo[1][mask].mean() - 0.1
    assert np.sign(change) == sign
    assert abs(canvas.albedo[1][~mask].mean() - 0.1) < 0.01


def test_a_repatinated_mark_has_relief_but_no_colour() -> None:
    canvas = _slab()
    peck_figure(canvas, LINE, centre_mm=(80.0, 80.0), style=_style(freshness=0.0), rng=np.random.default_rng(4))
    assert np.abs(canvas.albedo - 0.1).max() < 1e-3
    assert canvas.height_mm.min() < -0.5


def test_the_later_figure_cuts_the_earlier_one() -> None:
    canvas = _slab()
    for seed in (1, 2):
        peck_figure(canvas, LINE, centre_mm=(80.0, 80.0), style=_style(), rng=np.random.default_rng(seed))
    once = _slab()
    peck_figure(once, LINE, centre_mm=(80.0, 80.0), style=_style(), rng=np.random.default_rng(1))
    assert (canvas.height_mm <= once.height_mm + 0.05).all()  # nothing is refilled; floors are roughened a little
    assert canvas.masks["pecked"][once.masks["pecked"]].all()


def test_cup_marks_are_bowls_as_deep_as_drawn() -> None:
    canvas = _slab()
    cup = Figure("cup_marks", (), (), ((0.0, 0.0, 15.0),), 30.0, 6.0)
    peck_figure(canvas, cup, centre_mm=(80.0, 80.0), style=_style(), rng=np.random.default_rng(5))
    depth = -canvas.height_mm[150:170, 150:170].mean()
    assert 0.2 * 15 * 0.9 < depth < 0.5 * 15 + 2.5
    area = canvas.masks["pecked"].sum() * 0.25
    assert abs(area / (np.pi * 15**2) - 1) < 0.2


def test_a_figure_outside_leaves_the_slab_alone() -> None:
    canvas = _slab()
    assert peck_figure(canvas, LINE, centre_mm=(900.0, 80.0), style=_style(), rng=np.random.default_rng(0)) == []
    assert not canvas.masks["pecked"].any()
    assert not canvas.height_mm.any()


def test_a_figure_across_the_border_is_cut_off() -> None:
    canvas = _slab()
    outlines = peck_figure(canvas, LINE, centre_mm=(0.0, 80.0), style=_style(), rng=np.random.default_rng(0))
    assert outlines
    cols = np.nonzero(canvas.masks["pecked"])[1]
    assert cols.min() == 0
    assert cols.max() < 100 + 14 + 24


def test_one_blow_leaves_one_pit_of_the_stated_size() -> None:
    style = PeckStyle("pecked", 8.0, 2.0, 1.0, 0.0, 0.5)
    widths, depths = [], []
    for seed in range(200):
        deepest, total, profile = strike(np.random.default_rng(seed), np.array([[32.0, 32.0]]), (64, 64), style, 0.5)
        np.testing.assert_array_equal(deepest, total)
        assert 0 < profile.max() <= 1.25
        widths.append(2 * np.sqrt((deepest > 0).sum() * 0.25 / np.pi))
        depths.append(deepest.max())
    # ellipses squeezed to 0.68-1 of the width: mean diameter is about 0.92 of the nominal one
    assert 0.8 < np.median(widths) / 8.0 < 1.05
    assert 0.85 < np.median(depths) / 2.0 < 1.2


def test_signed_distance_counts_from_the_border() -> None:
    inside = np.zeros((21, 21), np.bool_)
    inside[5:16, 5:16] = True
    signed = signed_distance(inside)
    assert signed[10, 10] == pytest.approx(6, abs=0.1)
    assert signed[10, 0] == pytest.approx(-5, abs=0.1)
    assert ((signed > 0) == inside).all()


def test_ordinary_marks_can_be_seen_or_felt() -> None:
    rng = np.random.default_rng(0)
    styles = [draw_style(rng, age=age, severe=False) for age in np.linspace(0, 1, 400)]
    for style in styles:
        assert 1.6 <= style.pit_mm <= 5.0
        assert -0.4 <= style.freshness <= 1
        assert abs(style.freshness) >= 0.1 or style.depth_mm >= 0.28 * style.pit_mm
    severe = [draw_style(rng, age=0.8, severe=True) for _ in range(400)]
    shallow = np.mean([s.depth_mm / s.pit_mm for s in severe])
    assert shallow < np.mean([s.depth_mm / s.pit_mm for s in styles])


@pytest.mark.parametrize("unit", [0.25, 1.0, 3.0])
def test_pecking_works_at_other_pixel_sizes(unit: float) -> None:
    canvas = _slab(240, unit)
    figure = make_figure("deer", rng=np.random.default_rng(1), size_mm=150.0)
    peck_figure(canvas, figure, centre_mm=(120 * unit, 120 * unit), style=_style(), rng=np.random.default_rng(1))
    assert canvas.masks["pecked"].any()
    assert np.isfinite(canvas.height_mm).all()
