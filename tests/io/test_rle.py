from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graven.errors import DataError, ImageTooLarge
from graven.io.rle import decode_rle, encode_rle, pack_counts, unpack_counts

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))


@given(masks)
def test_a_mask_survives_its_runs(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(decode_rle(encode_rle(mask), height=mask.shape[0], width=mask.shape[1]), mask)


@given(st.lists(st.integers(0, 2**31), max_size=50))
def test_counts_survive_packing(counts: list[int]) -> None:
    assert unpack_counts(pack_counts(counts)) == counts


def test_packing_matches_the_reference_library() -> None:
    # the string that pycocotools 2.0 gives for a 3 x 3 ring in 7 x 5 pixels
    mask = np.zeros((7, 5), bool)
    mask[1:4, 1:4] = True
    mask[2, 2] = False
    assert pack_counts(encode_rle(mask)) == "834NM0326"


@pytest.mark.parametrize("counts", [[5, 2], [-1, 13], [6, 5, 2]])
def test_runs_that_do_not_fill_the_image_are_refused(counts: list[int]) -> None:
    with pytest.raises(DataError, match="sum to 3 x 4 = 12"):
        decode_rle(counts, height=3, width=4)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(ImageTooLarge, match="65000 x 65000"):
        decode_rle([65000 * 65000], height=65000, width=65000)


@pytest.mark.parametrize("text", ["o", "0\x7f", "oooooooooooooooo0"])
def test_broken_strings_are_refused(text: str) -> None:
    with pytest.raises(DataError):
        unpack_counts(text)
