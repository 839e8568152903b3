"""Arrays as text: back to the same bytes, and damage is noticed."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graven.errors import DataError
from graven.refine.packing import array_sha256, pack, unpack

arrays = st.sampled_from([np.int8, np.int16]).flatmap(
    lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=9))
)


@given(arrays)
def test_what_is_packed_comes_back(values):
    back = unpack(pack(values), values.shape, values.dtype)
    assert back.dtype == values.dtype
    assert np.array_equal(back, values)
    assert array_sha256(back) == array_sha256(values)


def test_the_extremes_wrap_around_and_come_back():
    values = np.array([32767, -32768, 0, -1, 32767], np.int16)
    assert np.array_equal(unpack(pack(values), (5,), np.int16), values)


TEXT = pack(np.arange(40, dtype=np.int16).reshape(5, 8))


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (TEXT[:-4], (5, 8)),
        (TEXT, (5, 7)),
        (TEXT, (5, 9)),
        ("no base 64 at all", (5, 8)),
        (base64.b64encode(b"nothing compressed").decode(), (5, 8)),
        (base64.b64encode(zlib.compress(b"\0" * 10**6)).decode(), (5, 8)),
    ],
)
def test_damage_is_refused(text, shape):
    with pytest.raises(DataError, match="packed array"):
        unpack(text, shape, np.int16)
