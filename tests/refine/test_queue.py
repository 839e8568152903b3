"""Places in the order of how many of their pixels are probably called wrong."""

from __future__ import annotations

import numpy as np

from graven.refine.queue import doubt, queue
from graven.types import TileGrid, Window


def test_places_stand_in_the_order_of_their_doubt() -> None:
    prob = np.zeros((4, 6), np.float32)
    prob[0, 0] = 0.25  # called ground, wrong with 0.25
    prob[0:2, 2:4] = 0.75  # four pixels called engraved, each wrong with 0.25
    prob[2:4, 4:6] = 1.0  # decided
    prob[3, 0] = 0.5
    found = doubt(prob)
    places = queue(lambda window: found[window.slices()], TileGrid(4, 6, tile_px=2, overlap_px=0))
    assert [(place.tile, place.expected_gain_px) for place in places] == [((0, 1), 1.0), ((1, 0), 0.5), ((0, 0), 0.25)]
    assert places[0].window == Window(0, 2, 2, 2)


def test_equal_places_stand_row_by_row_and_those_at_the_border_are_cut() -> None:
    places = queue(
        lambda window: np.full((window.height, window.width), 1 / (window.height * window.width), np.float32),
        TileGrid(3, 3, tile_px=2, overlap_px=0),
    )
    assert [place.tile for place in places] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert places[-1].window == Window(2, 2, 1, 1)


def test_doubt_counts_from_the_threshold() -> None:
    assert doubt(np.float32([0.25, 0.75]), threshold=0.8).tolist() == [0.25, 0.75]
    assert doubt(np.float32([0.25, 0.75]), threshold=0.2).tolist() == [0.75, 0.25]
