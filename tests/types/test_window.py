"""Windows as sets of pixels, and the tile grid: what it promises to prediction, on any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graven.errors import InputError
from graven.types import TileGrid, Window

starts = st.integers(-20, 20)
sizes = st.integers(0, 12)
windows = st.builds(Window, starts, starts, sizes, sizes)


@st.composite
def grids(draw: st.DrawFn) -> TileGrid:
    tile_px = draw(st.integers(1, 24))
    return TileGrid(
        height=draw(st.integers(1, 70)),
        width=draw(st.integers(1, 70)),
        tile_px=tile_px,
        overlap_px=draw(st.integers(0, tile_px - 1)),
    )


def pixels(window: Window) -> set[tuple[int, int]]:
    """Write a window out as the set of its pixels: the slow definition of what it means."""
    return {
        (row, col)
        for row in range(window.row, window.row + window.height)
        for col in range(window.col, window.col + window.width)
    }


class TestWindow:
    def test_covers_its_rows_and_columns_half_open(self) -> None:
        array = np.arange(30).reshape(5, 6)
        assert array[Window(1, 2, 2, 3).slices()].tolist() == [[8, 9, 10], [14, 15, 16]]

    @settings(deadline=None)
    @given(windows)
    def test_is_empty_exactly_without_pixels(self, window: Window) -> None:
        assert window.is_empty == (not pixels(window))

    @settings(deadline=None)
    @given(windows, windows)
    def test_intersection_is_that_of_the_pixels(self, one: Window, other: Window) -> None:
        assert pixels(one.intersection(other)) == pixels(one) & pixels(other)
        assert pixels(other.intersection(one)) == pixels(one.intersection(other))

    def test_windows_that_touch_share_no_pixel(self) -> None:
        common = Window(0, 0, 4, 4).intersection(Window(4, 0, 4, 4))
        assert (common.height, common.width) == (0, 0)

    @settings(deadline=None)
    @given(windows, st.integers(0, 9))
    def test_padding_reaches_every_pixel_within_the_margin(self, window: Window, margin_px: int) -> None:
        padded = window.padded(margin_px)
        if not window.is_empty:
            reach = range(-margin_px, margin_px + 1)
            corners = {(window.row, window.col), (window.row_end - 1, window.col_end - 1)}
            assert {(r + dr, c + dc) for r, c in corners for dr in reach for dc in reach} <= pixels(padded)
        assert (padded.height, padded.width) == (window.height + 2 * margin_px, window.width + 2 * margin_px)
        assert padded.row == window.row - margin_px
        assert padded.col == window.col - margin_px

    @settings(deadline=None)
    @given(windows, windows)
    def test_relative_window_cuts_the_same_pixels(self, window: Window, origin: Window) -> None:
        moved = {(row - origin.row, col - origin.col) for row, col in pixels(window)}
        assert pixels(window.relative_to(origin)) == moved

    @settings(deadline=None)
    @given(windows, st.integers(1, 16))
    def test_aligned_is_the_smallest_on_the_cells(self, window: Window, cell_px: int) -> None:
        aligned = window.aligned(cell_px)
        edges = (aligned.row, aligned.col, aligned.row_end, aligned.col_end)
        assert [edge % cell_px for edge in edges] == [0, 0, 0, 0]
        assert pixels(window) <= pixels(aligned)
        # One cell less on any side would lose the edge of the window.
        assert 0 <= window.row - aligned.row < cell_px
        assert 0 <= window.col - aligned.col < cell_px
        assert 0 <= aligned.row_end - window.row_end < cell_px
        assert 0 <= aligned.col_end - window.col_end < cell_px

    def test_order_is_reading_order(self) -> None:
        written = [Window(2, 0, 1, 1), Window(0, 4, 1, 1), Window(0, 0, 1, 1)]
        assert sorted(written) == [Window(0, 0, 1, 1), Window(0, 4, 1, 1), Window(2, 0, 1, 1)]

    @pytest.mark.parametrize(("height", "width"), [(-1, 2), (2, -1)])
    def test_negative_size_is_refused(self, height: int, width: int) -> None:
        with pytest.raises(InputError, match=f"got {height} x {width}"):
            Window(0, 0, height, width)

    @pytest.mark.parametrize(("row", "col"), [(-1, 0), (0, -1)])
    def test_slices_before_the_array_are_refused(self, row: int, col: int) -> None:
        # NumPy would silently count from the other end.
        with pytest.raises(InputError, match="intersect it with the raster first"):
            Window(row, col, 2, 2).slices()

    def test_is_frozen(self) -> None:
        with pytest.raises(AttributeError):
            Window(0, 0, 1, 1).row = 3  # type: ignore[misc]  # that it fails is the point


class TestTileGrid:
    def test_by_hand(self) -> None:
        # 10 px, tiles of 4 that share 1: they start at 0, 3, 6 and the last ends at 10; overlaps are cut at 0 | 1.
        grid = TileGrid(height=10, width=4, tile_px=4, overlap_px=1)
        assert [window for _, _, window in grid.windows()] == [
            Window(0, 0, 4, 4),
            Window(3, 0, 4, 4),
            Window(6, 0, 4, 4),
        ]
        assert [grid.core(row, 0) for row in range(3)] == [Window(0, 0, 3, 4), Window(3, 0, 3, 4), Window(6, 0, 4, 4)]

    def test_even_overlap_is_cut_in_the_middle(self) -> None:
        grid = TileGrid(height=12, width=4, tile_px=8, overlap_px=4)
        # Tiles see rows 0-7 and 4-11; rows 4-7 are shared: two rows each.
        assert [grid.core(row, 0) for row in range(2)] == [Window(0, 0, 6, 4), Window(6, 0, 6, 4)]

    @settings(deadline=None)
    @given(grids())
    def test_windows_cover_the_raster(self, grid: TileGrid) -> None:
        seen = np.zeros((grid.height, grid.width), int)
        for _, _, window in grid.windows():
            seen[window.intersection(grid.bounds).slices()] += 1
        assert seen.min() >= 1

    @settings(deadline=None)
    @given(grids())
    def test_cores_partition_the_raster(self, grid: TileGrid) -> None:
        owners = np.zeros((grid.height, grid.width), int)
        for tile_row, tile_col, _ in grid.windows():
            owners[grid.core(tile_row, tile_col).slices()] += 1
        assert (owners == 1).all()

    @settings(deadline=None)
    @given(grids())
    def test_every_core_lies_in_the_window_of_its_tile(self, grid: TileGrid) -> None:
        for tile_row, tile_col, window in grid.windows():
            core = grid.core(tile_row, tile_col)
            assert not core.is_empty
            assert core.intersection(window) == core

    @settings(deadline=None)
    @given(grids())
    def test_inner_cores_keep_half_the_overlap_as_context(self, grid: TileGrid) -> None:
        low, high = grid.overlap_px // 2, grid.overlap_px - grid.overlap_px // 2
        for tile_row, tile_col, window in grid.windows():
            core = grid.core(tile_row, tile_col)
            if tile_row > 0:
                assert core.row - window.row == low
            if tile_row < grid.n_rows - 1:
                assert window.row_end - core.row_end == high
            if tile_col > 0:
                assert core.col - window.col == low
            if tile_col < grid.n_cols - 1:
                assert window.col_end - core.col_end == high

    @settings(deadline=None)
    @given(grids())
    def test_no_tile_is_superfluous(self, grid: TileGrid) -> None:
        # Without its last row of tiles the grid would leave rows uncovered; likewise for columns.
        if grid.n_rows > 1:
            assert grid.window(grid.n_rows - 2, 0).row_end < grid.height
        if grid.n_cols > 1:
            assert grid.window(0, grid.n_cols - 2).col_end < grid.width

    @settings(deadline=None)
    @given(grids(), st.integers(1, 40))
    def test_tiles_of_a_longer_raster_start_where_they_did(self, grid: TileGrid, more: int) -> None:
        longer = TileGrid(grid.height + more, grid.width, tile_px=grid.tile_px, overlap_px=grid.overlap_px)
        assert [w for _, _, w in longer.windows()][: len(grid)] == [w for _, _, w in grid.windows()]

    @settings(deadline=None)
    @given(grids())
    def test_length_is_the_number_of_windows_in_reading_order(self, grid: TileGrid) -> None:
        listed = list(grid.windows())
        assert len(grid) == len(listed) == grid.n_rows * grid.n_cols
        assert [(row, col) for row, col, _ in listed] == sorted({(row, col) for row, col, _ in listed})
        assert all(grid.window(row, col) == window for row, col, window in listed)

    @pytest.mark.parametrize(("height", "width"), [(0, 5), (5, 0)])
    def test_raster_without_pixels_is_refused(self, height: int, width: int) -> None:
        with pytest.raises(InputError, match=f"{height} x {width}"):
            TileGrid(height, width, tile_px=4, overlap_px=0)

    @pytest.mark.parametrize("overlap_px", [-1, 4, 5])
    def test_overlap_outside_the_tile_is_refused(self, overlap_px: int) -> None:
        with pytest.raises(InputError, match=f"below the tile of 4 px, got {overlap_px} px"):
            TileGrid(9, 9, tile_px=4, overlap_px=overlap_px)
