from __future__ import annotations

import numpy as np
import pytest

from graven.errors import InputError
from graven.synthetic.figures import FIGURE_KINDS, make_figure
from graven.synthetic.pecking import rasterise_figure
from graven.synthetic.pen import Pen, smooth_curve


def _raster(figure, half_mm: float = 300.0) -> np.ndarray:
    side = int(2 * half_mm)
    return rasterise_figure(figure, shape=(side, side), offset_px=(half_mm, half_mm), pixel_size_mm=1.0)


@pytest.mark.parametrize("kind", FIGURE_KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_each_kind_draws_something_within_its_box(kind: str, seed: int) -> None:
    figure = make_figure(kind, rng=np.random.default_rng(seed), size_mm=200.0)
    assert figure.name == kind
    raster = _raster(figure)
    bowls = sum(np.pi * radius**2 for *_, radius in figure.bowls)
    assert raster.sum() + bowls > 300  # mm2
    rows, cols = np.nonzero(raster)
    if len(rows):
        # 200 mm of centre-lines, stretched by at most 1.08, turned (diagonal), wobbled and thickened
        assert np.ptp(rows) < 200 * 1.08 * 1.42 + 60
        assert np.ptp(cols) < 200 * 1.08 * 1.42 + 60
    for x, y, radius in figure.bowls:
        assert abs(x) < 180
        assert abs(y) < 180
        assert 4 <= radius <= 28


@pytest.mark.parametrize("kind", FIGURE_KINDS)
def test_hands_differ_and_repeat(kind: str) -> None:
    def drawn(seed: int) -> np.ndarray:
        figure = make_figure(kind, rng=np.random.default_rng(seed))
        parts = [stroke.points_mm for stroke in figure.strokes]
        return np.concatenate(
            [*parts, *figure.areas, np.array(figure.bowls)[:, :2].reshape(-1, 2) if figure.bowls else np.zeros((0, 2))]
        )

    np.testing.assert_array_equal(drawn(1), drawn(1))
    assert drawn(1).shape != drawn(2).shape or not np.allclose(drawn(1), drawn(2))


def test_deer_carry_more_lines_than_dogs() -> None:
    count = {
        kind: np.mean([len(make_figure(kind, rng=np.random.default_rng(s)).strokes) for s in range(12)])
        for kind in ("deer", "dog")
    }
    assert count["deer"] > count["dog"] + 2


def test_a_line_is_rasterised_where_it_was_drawn() -> None:
    # a horizontal line of 40 mm and 10 mm width around the origin: 40 * 10 plus two half discs of radius 5
    from graven.synthetic.figures import Figure, Stroke

    stroke = Stroke(np.array([[-20.0, 0.0], [20.0, 0.0]]), np.array([10.0, 10.0]))
    figure = Figure("meander", (stroke,), (), (), 40.0, 10.0)
    raster = rasterise_figure(figure, shape=(200, 400), offset_px=(200.0, 100.0), pixel_size_mm=0.25)
    rows, cols = np.nonzero(raster)
    area_mm2 = raster.sum() * 0.25**2
    assert abs(area_mm2 - (400 + np.pi * 25)) < 20
    assert abs(rows.mean() + 0.5 - 100) < 0.6  # outer-corner frame: pixel centres lie at +0.5
    assert abs(cols.mean() + 0.5 - 200) < 0.6


def test_a_curve_passes_its_knots() -> None:
    knots = np.random.default_rng(0).normal(size=(7, 2))
    np.testing.assert_allclose(smooth_curve(knots)[::8], knots, atol=1e-12)


def test_the_pen_closes_rings_unless_told() -> None:
    pen = Pen()
    pen.ring(0.0, 0.0, 0.5)
    pen.ring(0.0, 0.0, 0.5, gap=1.0)
    (closed, _), (gapped, _) = pen.strokes
    assert np.linalg.norm(closed[0] - closed[-1]) < 1e-9
    assert abs(np.linalg.norm(gapped[0] - gapped[-1]) - 2 * 0.5 * np.sin(0.5)) < 1e-9  # chord of 1 rad


def test_wrong_figures_are_refused() -> None:
    with pytest.raises(InputError, match=r"warrior.*'unicorn'"):
        make_figure("unicorn", rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="positive"):
        make_figure("deer", rng=np.random.default_rng(0), size_mm=-1.0)
