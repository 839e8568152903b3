from __future__ import annotations

import numpy as np
import pytest

from graven.synthetic.bronze import Workpiece
from graven.synthetic.engraving_curves import resample, ring
from graven.synthetic.engraving_cut import Groove, carve
from graven.synthetic.engraving_letters import NAMES, write_name
from graven.synthetic.engraving_ornament import BORDERS, TRAINING_BORDERS, UNSEEN_BORDERS, draw_border
from graven.synthetic.engraving_people import POSES, draw_person, sole_of
from graven.synthetic.engraving_scene import draw_mirror
from graven.synthetic.engraving_sheet import Sheet
from graven.synthetic.engraving_truth import clip_line, split_traceable
from graven.synthetic.surface import Canvas


def _sheet(reach_mm: float = 40.0, **options) -> Sheet:
    return Sheet(reach_mm, rng=np.random.default_rng(5), **options)


def _line(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, np.float64)


def test_what_lies_behind_is_not_drawn() -> None:
    sheet = _sheet()
    sheet.cover(_line((-5, -5), (5, -5), (5, 5), (-5, 5)))
    sheet.line(_line((-20, 0), (20, 0)), 1.0)
    left, right = sorted(sheet.cuts, key=lambda cut: cut.points_mm[0, 0])
    assert left.points_mm[:, 0].min() == -20
    assert left.points_mm[:, 0].max() == pytest.approx(-5, abs=0.3)
    assert right.points_mm[:, 0].min() == pytest.approx(5, abs=0.3)
    assert right.points_mm[:, 0].max() == 20


def test_details_stay_on_their_part() -> None:
    sheet = _sheet()
    sheet.easel().part(ring(0, 0, 5), edges=[], details=[(_line((-20, 0), (20, 0)), 0.5)])
    (cut,) = sheet.cuts
    assert np.abs(cut.points_mm[:, 0]).max() == pytest.approx(5, abs=0.3)


def test_only_the_view_is_kept() -> None:
    sheet = _sheet(view=(0, 0, 10, 10))
    sheet.line(_line((-20, -5), (20, -5)), 1.0)
    sheet.line(_line((-20, 5), (20, 5)), 1.0)
    assert [cut.points_mm[0, 1] for cut in sheet.cuts] == [5]


def test_easels_move_turn_and_mirror() -> None:
    easel = _sheet().easel(1.0, 2.0, 10.0).at(0.5, 0.0, 2.0, np.pi / 2, mirror=True)
    np.testing.assert_allclose(easel.place([(0, 0), (1, 0), (0, 1)]), [[6, 2], [6, -18], [-14, 2]], atol=1e-12)
    assert easel.unit_mm == pytest.approx(20)


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("dress", ["nude", "dress", "mantle", "cloak", "armour"])
def test_people_stand_on_their_soles(pose: str, dress: str) -> None:
    sheet = _sheet(60)
    draw_person(
        sheet.easel(0, 0, 50), POSES[pose], female=dress == "dress", dress=dress, winged=True, held=("none", "none")
    )
    points = np.concatenate([cut.points_mm for cut in sheet.cuts])
    assert len(sheet.cuts) > 25
    assert points[:, 1].max() == pytest.approx(50 * sole_of(POSES[pose]), abs=6)
    assert np.ptp(points[:, 1]) > 35


@pytest.mark.parametrize("kind", BORDERS)
def test_borders_run_all_round_and_stay_in_their_band(kind: str) -> None:
    sheet = _sheet(80)
    draw_border(sheet, kind, 60.0, 66.0)
    points = np.concatenate([cut.points_mm for cut in sheet.cuts])
    radius, angle = np.hypot(*points.T), np.arctan2(points[:, 1], points[:, 0])
    assert radius.min() > 57
    assert radius.max() < 68
    assert len(np.unique((angle * 30).astype(int))) > 180


def test_unseen_borders_are_kept_out_of_training() -> None:
    assert set(TRAINING_BORDERS) | set(UNSEEN_BORDERS) == set(BORDERS)
    assert not set(TRAINING_BORDERS) & set(UNSEEN_BORDERS)


@pytest.mark.parametrize("seed", range(6))
def test_mirrors_are_engraved_within_the_disc_and_its_tang(seed: int) -> None:
    sheet = Sheet(73.5, rng=np.random.default_rng(seed))
    draw_mirror(sheet, radius_mm=70.0, borders=TRAINING_BORDERS)
    points = np.concatenate([cut.points_mm for cut in sheet.cuts])
    off = np.hypot(*points.T) > 70
    assert len(sheet.cuts) > 100
    assert (points[off, 1] > 60).all()


@pytest.mark.parametrize("name", NAMES)
def test_names_run_from_right_to_left(name: str) -> None:
    strokes = write_name(name, rng=np.random.default_rng(1))
    assert all(stroke.shape[1] == 2 and len(stroke) >= 2 for stroke in strokes)
    points = np.concatenate(strokes)
    assert points[:, 0].max() < 0.25
    assert points[:, 0].min() < -0.35 * len(name) + 0.6
    assert -0.4 < points[:, 1].min() < points[:, 1].max() < 1.5


def test_a_groove_has_the_section_asked_for() -> None:
    along = _line((-10, 10.5), (40, 10.5))
    found = carve([Groove(along, np.full(2, 8.0), np.full(2, 0.1), 1.0, 0.0)], (21, 30))
    np.testing.assert_allclose(found.depth_mm[10:15, 15], [0.1, 0.075, 0.05, 0.025, 0.0], atol=1e-6)
    np.testing.assert_array_equal(np.flatnonzero(found.mask[:, 15]), np.arange(6, 15))
    assert not found.burr_mm.any()


def test_crossing_grooves_are_as_deep_as_the_deeper_one() -> None:
    grooves = [
        Groove(_line((0, 10.5), (21, 10.5)), np.full(2, 4.0), np.full(2, 0.1), 2.0, 0.2),
        Groove(_line((10.5, 0), (10.5, 21)), np.full(2, 8.0), np.full(2, 0.04), 2.0, 0.0),
    ]
    both = carve(grooves, (21, 21))
    first, second = (carve([groove], (21, 21)) for groove in grooves)
    np.testing.assert_array_equal(both.depth_mm, np.maximum(first.depth_mm, second.depth_mm))
    np.testing.assert_array_equal(both.mask, first.mask | second.mask)
    assert not second.burr_mm.any()
    assert first.burr_mm[8, 5] == first.burr_mm[12, 5] == first.burr_mm.max()  # just beyond the edge, on both sides
    assert 0.005 < first.burr_mm.max() <= 0.02


def _bare(shape: tuple[int, int]) -> Workpiece:
    plane = np.zeros(shape, np.float32)
    canvas = Canvas(plane.copy(), np.zeros((3, *shape), np.float32), plane[:1, :1], np.ones(3, np.float32), 0.05)
    return Workpiece(
        canvas, np.ones(shape, np.bool_), plane, plane + 1, plane.copy(), plane.copy(), plane.copy(), plane > 1
    )


def _groove() -> Groove:
    points = resample(_line((4, 20), (396, 20)), 4.0)
    return Groove(points, np.full(len(points), 6.0), np.full(len(points), 0.05), 1.0, 0.0)


@pytest.mark.parametrize(("gap_mm", "pieces"), [(0.8, 1), (2.5, 2)])
@pytest.mark.parametrize("cause", ["worn", "filled", "gone"])
def test_short_gaps_are_drawn_and_long_ones_are_lost(gap_mm: float, pieces: int, cause: str) -> None:
    piece = _bare((40, 400))
    gap = slice(200, 200 + int(gap_mm / 0.05))
    if cause == "worn":
        piece.worn_mm[:, gap] = 0.046
    elif cause == "filled":
        piece.fill[:, gap] = 0.9
    else:
        piece.gone[:, gap] = True
    traced, lost = split_traceable([_groove()], piece)
    assert len(traced) == pieces
    assert len(lost) == pieces - 1
    length = sum(np.hypot(*np.diff(groove.points_px, axis=0).T).sum() for groove in traced + lost)
    assert length == pytest.approx(392)


def test_a_worn_line_is_drawn_with_the_width_it_was_cut_with() -> None:
    piece = _bare((40, 400))
    piece.worn_mm[:] = 0.04
    (traced,), lost = split_traceable([_groove()], piece)
    assert not lost
    np.testing.assert_array_equal(traced.widths_px, _groove().widths_px)


def test_crumbs_of_a_lost_line_are_not_drawn() -> None:
    piece = _bare((40, 400))
    piece.worn_mm[:] = 0.1
    piece.worn_mm[:, 200:210] = 0
    traced, lost = split_traceable([_groove()], piece)
    assert not traced
    assert len(lost) == 1


def test_rough_ground_hides_shallow_lines() -> None:
    piece = _bare((40, 400))
    piece.worn_mm[:] = 0.04
    piece.rough_mm[:] = 0.02
    assert not split_traceable([_groove()], piece)[0]


def test_lines_are_cut_off_at_the_frame() -> None:
    points, widths = _line((-4, 5), (4, 5), (14, 5), (14, 8), (6, 8)), np.array([2.0, 4.0, 6.0, 8.0, 10.0])
    first, second = clip_line(points, widths, (12, 10))
    np.testing.assert_allclose(first[0], [[0, 5], [4, 5], [10, 5]])
    np.testing.assert_allclose(first[1], [3, 4, 5.2])
    np.testing.assert_allclose(second[0], [[10, 8], [6, 8]])
    np.testing.assert_allclose(second[1], [9, 10])
    assert clip_line(points - 100, widths, (12, 10)) == []
