"""Components of masks by hand, against SciPy, and independent of how the mask is read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from graven.errors import InputError
from graven.measure.components import Components, Runs, bands, find_components, label_runs, read_runs, runs_of
from graven.types import Window

MASKS = arrays(bool, st.tuples(st.integers(1, 24), st.integers(1, 24)))


def components_of(mask: np.ndarray) -> Components:
    return find_components(Runs(*runs_of(mask), height=mask.shape[0], width=mask.shape[1]))


class TestByHand:
    MASK = np.array(
        [
            [1, 1, 0, 0, 1],
            [0, 0, 1, 0, 1],
            [0, 0, 0, 0, 0],
            [0, 1, 0, 1, 1],
        ],
        bool,
    )

    def test_objects_touch_at_corners_and_are_numbered_by_their_first_pixels(self) -> None:
        found = components_of(self.MASK)
        assert found.area_px.tolist() == [3, 2, 1, 2]
        assert found.bbox_px.tolist() == [[0, 0, 2, 3], [0, 4, 2, 5], [3, 1, 4, 2], [3, 3, 4, 5]]

    def test_key_is_the_first_pixel(self) -> None:
        found = components_of(self.MASK)
        first = found.first_run
        keys = list(zip(found.runs.row[first].tolist(), found.runs.start[first].tolist(), strict=True))
        assert keys == [(0, 0), (0, 4), (3, 1), (3, 3)]

    def test_centroid_counts_from_the_outer_corner(self) -> None:
        found = components_of(self.MASK)
        # Pixels (0, 0), (0, 1), (1, 2): x = (0.5 + 1.5 + 2.5) / 3, y = (0.5 + 0.5 + 1.5) / 3.
        assert found.centroid_px[0].tolist() == pytest.approx([1.5, 2.5 / 3])
        assert found.centroid_px[3].tolist() == [4.0, 3.5]

    def test_a_run_at_the_right_border_does_not_touch_the_next_row(self) -> None:
        mask = np.array([[0, 0, 1], [1, 0, 0]], bool)
        assert len(components_of(mask)) == 2

    def test_select_renumbers(self) -> None:
        found = components_of(self.MASK).select(np.array([False, True, False, True]))
        assert found.area_px.tolist() == [2, 2]
        assert found.bbox_px[:, 1].tolist() == [4, 3]
        assert found.runs.paint(0, 4).tolist() == [[0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0], [0, 0, 0, 1, 1]]

    def test_an_empty_mask_has_no_objects(self) -> None:
        found = components_of(np.zeros((3, 4), bool))
        assert len(found) == 0
        assert found.bbox_px.shape == (0, 4)


class TestProperties:
    @settings(deadline=None, max_examples=150)
    @given(mask=MASKS, connectivity=st.sampled_from([4, 8]))
    def test_labels_are_those_of_scipy_on_the_whole_array(self, mask: np.ndarray, connectivity: int) -> None:
        runs = Runs(*runs_of(mask), height=mask.shape[0], width=mask.shape[1])
        label = label_runs(runs, connectivity=connectivity)  # type: ignore[arg-type]  # 4 or 8
        ours = np.zeros(mask.shape, int)
        for row, start, stop, value in zip(runs.row, runs.start, runs.stop, label, strict=True):
            ours[row, start:stop] = value + 1
        theirs, _ = ndimage.label(mask, np.ones((3, 3)) if connectivity == 8 else None)
        # SciPy numbers by raster order of first pixels as well, so the arrays are equal and not only alike.
        assert ours.tolist() == theirs.tolist()

    @settings(deadline=None, max_examples=100)
    @given(mask=MASKS, band_rows=st.integers(1, 30))
    def test_runs_do_not_depend_on_the_bands(self, mask: np.ndarray, band_rows: int) -> None:
        height, width = mask.shape
        runs = read_runs(lambda window: mask[window.slices()], height=height, width=width, band_rows=band_rows)
        whole = runs_of(mask)
        assert [part.tolist() for part in (runs.row, runs.start, runs.stop)] == [part.tolist() for part in whole]
        assert (runs.paint(0, height) == mask).all()

    @settings(deadline=None, max_examples=100)
    @given(mask=MASKS)
    def test_facts_are_those_of_scipy(self, mask: np.ndarray) -> None:
        found = components_of(mask)
        theirs, count = ndimage.label(mask, np.ones((3, 3)))
        index = np.arange(1, count + 1)
        assert found.area_px.tolist() == ndimage.sum_labels(mask, theirs, index).tolist()
        boxes = [[rows.start, cols.start, rows.stop, cols.stop] for rows, cols in ndimage.find_objects(theirs)]
        assert found.bbox_px.tolist() == boxes
        centres = np.array(ndimage.center_of_mass(mask, theirs, index)).reshape(-1, 2)[:, ::-1] + 0.5
        np.testing.assert_allclose(found.centroid_px, centres)


class TestReading:
    def test_bands_cover_the_raster_once(self) -> None:
        assert bands(5, 7, 2) == [Window(0, 0, 2, 7), Window(2, 0, 2, 7), Window(4, 0, 1, 7)]

    def test_a_band_needs_a_row(self) -> None:
        with pytest.raises(InputError, match="band_rows=0"):
            bands(5, 7, 0)

    def test_a_reader_that_gives_another_shape_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"gave shape \(1, 1\)"):
            read_runs(lambda _: np.ones((1, 1)), height=4, width=4)
