"""Outlines: exact areas, valid polygons, canonical rings, and the same polygons as GDAL's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import rasterio.features
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from graven.measure.components import Components, Runs, find_components, runs_of
from graven.measure.polygons import outer_rings, signed_area, trace_polygons

MASKS = arrays(bool, st.tuples(st.integers(1, 16), st.integers(1, 16)))


def components_of(mask: np.ndarray) -> Components:
    return find_components(Runs(*runs_of(mask), height=mask.shape[0], width=mask.shape[1]))


def trace(rows: list[str]) -> list[tuple[tuple[np.ndarray, ...], ...]]:
    return trace_polygons(components_of(np.array([[char == "#" for char in row] for row in rows])))


def as_lists(polygons: tuple[tuple[np.ndarray, ...], ...]) -> list[list[list[list[int]]]]:
    return [[ring.astype(int).tolist() for ring in part] for part in polygons]


class TestByHand:
    def test_a_pixel(self) -> None:
        assert as_lists(trace(["..", ".#"])[0]) == [[[[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]]]

    def test_a_hole_runs_the_other_way(self) -> None:
        (part,) = trace(["###", "#.#", "###"])[0]
        assert as_lists((part,)) == [
            [[[0, 0], [3, 0], [3, 3], [0, 3], [0, 0]], [[1, 1], [1, 2], [2, 2], [2, 1], [1, 1]]]
        ]
        assert [signed_area(ring) for ring in part] == [9.0, -1.0]

    def test_pixels_that_touch_at_a_corner_are_two_parts_of_one_object(self) -> None:
        found = trace(["#.", ".#"])
        assert as_lists(found[0]) == [
            [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]],
            [[[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]],
        ]

    def test_holes_that_touch_at_a_corner_stay_two(self) -> None:
        (part,) = trace(["####", "#.##", "##.#", "####"])[0]
        assert [signed_area(ring) for ring in part] == [16.0, -1.0, -1.0]

    def test_a_hole_that_touches_the_outside_at_a_corner_is_a_hole(self) -> None:
        # The way around goes in and out of the pocket at (1, 1); it is cut there.
        (part,) = trace([".##", "#.#", "###"])[0]
        assert [signed_area(ring) for ring in part] == [8.0, -1.0]
        assert shapely.Polygon(part[0], part[1:]).is_valid

    def test_an_island_that_touches_its_frame_at_a_corner_is_a_part_of_it(self) -> None:
        (parts,) = trace(["#####", "#...#", "#.#.#", "#..##", "#####"])
        assert [[signed_area(ring) for ring in part] for part in parts] == [[25.0, -8.0], [1.0]]


class TestOuterRings:
    def test_an_island_that_touches_its_frame_is_not_counted_twice(self) -> None:
        (parts,) = trace(["#####", "#...#", "#.#.#", "#..##", "#####"])
        assert [signed_area(ring) for ring in outer_rings(parts)] == [25.0]

    @settings(deadline=None, max_examples=150)
    @given(mask=MASKS)
    def test_area_is_that_of_the_union(self, mask: np.ndarray) -> None:
        for parts in trace_polygons(components_of(mask)):
            whole = shapely.union_all([shapely.Polygon(part[0]) for part in parts]).area
            assert sum(signed_area(ring) for ring in outer_rings(parts)) == whole


class TestProperties:
    @settings(deadline=None, max_examples=300)
    @given(mask=MASKS)
    def test_areas_are_pixel_counts_and_polygons_valid(self, mask: np.ndarray) -> None:
        components = components_of(mask)
        traced = trace_polygons(components)
        areas = [sum(signed_area(ring) for part in parts for ring in part) for parts in traced]
        assert areas == components.area_px.tolist()
        for parts in traced:
            shape = shapely.MultiPolygon([(part[0], part[1:]) for part in parts])
            assert shapely.is_valid_reason(shape) == "Valid Geometry"

    @settings(deadline=None, max_examples=300)
    @given(mask=MASKS)
    def test_painting_the_polygons_gives_the_mask_back(self, mask: np.ndarray) -> None:
        found = np.zeros(mask.shape, bool)
        centres = np.stack(np.meshgrid(np.arange(mask.shape[1]), np.arange(mask.shape[0])), axis=-1) + 0.5
        for parts in trace_polygons(components_of(mask)):
            shape = shapely.MultiPolygon([(part[0], part[1:]) for part in parts])
            found |= shapely.contains_xy(shape, centres[..., 0], centres[..., 1])
        assert (found == mask).all()

    @settings(deadline=None, max_examples=300)
    @given(mask=MASKS)
    def test_rings_are_canonical(self, mask: np.ndarray) -> None:
        for parts in trace_polygons(components_of(mask)):
            for part in parts:
                for position, ring in enumerate(part):
                    assert (ring[0] == ring[-1]).all()
                    assert (signed_area(ring) > 0) == (position == 0)
                    corners = [tuple(point) for point in ring[:-1]]
                    assert len(set(corners)) == len(corners), "a ring visits no point twice"
                    assert min(corners, key=lambda point: (point[1], point[0])) == corners[0]
                    steps = np.diff(ring, axis=0)
                    assert ((steps == 0).sum(axis=1) == 1).all(), "along one axis at a time"
                    turns = np.concatenate([steps, steps[:1]])
                    assert all(a.dot(b) == 0 for a, b in itertools.pairwise(turns)), "no collinear vertex"

    @settings(deadline=None, max_examples=150)
    @given(mask=MASKS, runs_at_a_time=st.integers(1, 20))
    def test_objects_can_be_traced_a_few_at_a_time(self, mask: np.ndarray, runs_at_a_time: int) -> None:
        components = components_of(mask)
        shared = trace_polygons(components, runs_at_a_time=runs_at_a_time)
        assert list(map(as_lists, shared)) == list(map(as_lists, trace_polygons(components)))

    @settings(deadline=None, max_examples=150)
    @given(mask=MASKS)
    def test_parity_with_gdal(self, mask: np.ndarray) -> None:
        theirs = [
            shapely.geometry.shape(geometry)
            for geometry, _ in rasterio.features.shapes(mask.astype(np.uint8), mask=mask, connectivity=4)
        ]
        ours = [shapely.Polygon(p[0], p[1:]) for parts in trace_polygons(components_of(mask)) for p in parts]
        assert len(ours) == len(theirs)
        for shape in theirs:
            same = [mine for mine in ours if mine.symmetric_difference(shape.buffer(0)).area == 0]
            assert len(same) == 1


class TestLarge:
    def test_a_spiral_over_the_whole_raster_is_one_ring(self) -> None:
        size = 257
        mask = np.zeros((size, size), bool)
        rows, cols = np.mgrid[:size, :size]
        ring = np.minimum.reduce([rows, cols, size - 1 - rows, size - 1 - cols])
        mask[ring % 2 == 0] = True
        for k in range(0, size // 2, 2):  # open each square to its inner neighbour: a comb of linked squares
            mask[k + 1, size // 2] = k + 1 < size // 2
        components = components_of(mask)
        assert len(components) == 1
        area = sum(signed_area(ring) for part in trace_polygons(components)[0] for ring in part)
        assert area == mask.sum()

    def test_no_object(self) -> None:
        assert trace_polygons(components_of(np.zeros((4, 4), bool))) == []


@pytest.mark.slow
def test_five_thousand_objects_in_4096_squared() -> None:
    rows, cols = np.mgrid[:4096, :4096]
    mask = ((rows % 57 - 28) ** 2 + (cols % 57 - 28) ** 2 < 400) & ((rows % 57 - 28) ** 2 + (cols % 57 - 28) ** 2 > 100)
    components = components_of(mask)
    assert len(components) >= 5000
    areas = [sum(signed_area(ring) for part in parts for ring in part) for parts in trace_polygons(components)]
    assert areas == components.area_px.tolist()
