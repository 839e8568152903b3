"""Where pixels and corners are: the one page of `docs/conventions.md`, as numbers.

The raster of these tests has 3 rows and 4 columns::

    x  0   1   2   3   4
    y 0 +---+---+---+---+      pixel [row 1, col 2] covers x from 2 to 3 and y from 1 to 2;
        |   |   |   |   |      its centre is (2.5, 1.5)
      1 +---+---+---+---+
        |   |   | # |   |
      2 +---+---+---+---+
        |   |   |   |   |
      3 +---+---+---+---+
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graven.types import Affine6, Georeference, Window, raster_from_array

HEIGHT, WIDTH = 3, 4
CORNERS = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], float)


def image() -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """Three bands; each value tells its band, row and column: 100 * band + 10 * row + col."""
    band, row, col = np.indices((2, HEIGHT, WIDTH))
    return (100 * band + 10 * row + col).astype(np.uint8)


class TestAxes:
    def test_arrays_are_band_row_column(self) -> None:
        read = raster_from_array(image()).read(Window(row=1, col=2, height=2, width=1))
        # Rows 1 and 2 of column 2: 12, 22 in the first band, 112, 122 in the second.
        assert read.tolist() == [[[12], [22]], [[112], [122]]]

    def test_height_counts_rows_and_width_counts_columns(self) -> None:
        raster = raster_from_array(image())
        assert (raster.height, raster.width) == (3, 4)
        assert (raster.bounds.row_end, raster.bounds.col_end) == (3, 4)

    def test_valid_mask_has_the_axes_of_the_image(self) -> None:
        valid = np.zeros((HEIGHT, WIDTH), bool)
        valid[0, 3] = True
        raster = raster_from_array(image(), valid=valid)
        assert raster.read_valid_padded(Window(0, 3, 1, 1)).tolist() == [[True]]
        assert raster.read_valid_padded(Window(3, 0, 1, 1)).tolist() == [[False]]

    def test_mirror_does_not_repeat_the_border_pixel(self) -> None:
        read = raster_from_array(image()).read(Window(row=-1, col=-2, height=1, width=8))
        # Row -1 is row 1; columns -2 … 5 are 2, 1, 0, 1, 2, 3, 2, 1.
        assert read[0].tolist() == [[12, 11, 10, 11, 12, 13, 12, 11]]


class TestCorners:
    """World = (a x + b y + c, d x + e y + f), with (x, y) from the outer corner of the first pixel."""

    def test_north_up_raster(self) -> None:
        # Pixels of 0.5 x 0.5; outer corner of the first at (600, 200); y of the world goes up.
        reference = Georeference((0.5, 0, 600, 0, -0.5, 200), None, "local", 1000.0)
        # 4 columns of 0.5 reach 602, 3 rows of 0.5 reach 198.5.
        assert reference.to_world(CORNERS).tolist() == [[600, 200], [602, 200], [602, 198.5], [600, 198.5]]

    def test_centre_of_a_pixel_is_half_a_pixel_inside(self) -> None:
        reference = Georeference((2, 0, 10, 0, -2, 50), None, "local", 1000.0)
        row, col = 1, 2
        # x = 10 + 2 * 2.5 = 15, y = 50 - 2 * 1.5 = 47.
        assert reference.to_world(np.array([[col + 0.5, row + 0.5]])).tolist() == [[15, 47]]

    def test_affine_multiplies_x_first(self) -> None:
        # Six different numbers: a swap of x and y, or of rows of the matrix, cannot pass.
        reference = Georeference((2, 3, 5, 7, 11, 13), None, "local", 1.0)
        # X = 2 * 10 + 3 * 100 + 5 = 325, Y = 7 * 10 + 11 * 100 + 13 = 1183.
        assert reference.to_world(np.array([[10.0, 100.0]])).tolist() == [[325, 1183]]

    def test_first_corner_is_the_offset(self) -> None:
        affine: Affine6 = (0.3, -0.1, 123.25, 0.1, -0.3, 456.5)
        assert Georeference(affine, None, "local", 1.0).to_world(np.zeros((1, 2))).tolist() == [[123.25, 456.5]]

    @settings(deadline=None)
    @given(
        st.floats(0.01, 10),
        st.floats(-180, 180),
        st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)),
        st.integers(0, 50),
        st.integers(0, 50),
    )
    def test_turned_raster_keeps_lengths_and_its_pixel_squares(
        self, size: float, turn_deg: float, origin: tuple[float, float], row: int, col: int
    ) -> None:
        cos, sin = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
        affine: Affine6 = (size * cos, size * sin, origin[0], size * sin, -size * cos, origin[1])
        reference = Georeference(affine, None, "local", 1.0)
        corners = np.array([[col, row], [col + 1, row], [col + 1, row + 1], [col, row + 1]], float)
        world = reference.to_world(corners)
        sides = np.linalg.norm(np.roll(world, -1, axis=0) - world, axis=1)
        np.testing.assert_allclose(sides, size, rtol=1e-6)
        # The world has y up: a ring that runs clockwise on the screen keeps doing so, its signed area is negative.
        x, y = world[:, 0] - world[0, 0], world[:, 1] - world[0, 1]
        area = 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
        assert area == pytest.approx(-(size**2), rel=1e-5)

    def test_neighbouring_pixels_share_their_edge(self) -> None:
        reference = Georeference((0.1, 0, 7.7, 0, -0.1, 3.3), None, "local", 1.0)
        right_edge = np.array([[3.0, 1.0], [3.0, 2.0]])  # of pixel [1, 2]
        left_edge = np.array([[2 + 1.0, 1.0], [2 + 1.0, 1 + 1.0]])  # of pixel [1, 3]
        np.testing.assert_array_equal(reference.to_world(right_edge), reference.to_world(left_edge))

    def test_rasterio_counts_from_the_same_corner(self) -> None:
        rasterio_transform = pytest.importorskip("rasterio.transform")
        affine: Affine6 = (0.3, -0.1, 123.0, 0.1, -0.3, 456.0)
        reference = Georeference(affine, None, "local", 1.0)
        rows, cols = np.array([0, 1, 2]), np.array([3, 0, 2])
        transform = rasterio_transform.Affine(*affine)
        for offset, (dx, dy) in {"center": (0.5, 0.5), "ul": (0, 0), "lr": (1, 1)}.items():
            xs, ys = rasterio_transform.xy(transform, rows, cols, offset=offset)
            ours = reference.to_world(np.column_stack([cols + dx, rows + dy]))
            np.testing.assert_allclose(ours, np.column_stack([xs, ys]), rtol=1e-12)

    def test_half_a_turn_about_the_middle_swaps_opposite_corners(self) -> None:
        reference = Georeference((-1, 0, WIDTH, 0, -1, HEIGHT), None, "pixel", None)
        np.testing.assert_array_equal(reference.to_world(CORNERS), np.roll(CORNERS, 2, axis=0))
