from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graven.errors import InputError
from graven.report.format import NARROW_SPACE, UNIT_SPACE, format_bytes, format_count, format_share, format_value
from graven.report.units import convert, format_measure, format_pixel_size, pick_unit, round_length
from graven.types import Measure, PixelSize


def _read(text: str) -> float:
    return float(text.replace(NARROW_SPACE, "").replace("−", "-"))


@pytest.mark.parametrize(
    ("value", "sigma", "text"),
    [
        (1234.56, 41.0, "1230 ± 40"),
        (12.345, 0.5, "12.3 ± 0.5"),
        (12.345, 0.12, "12.35 ± 0.12"),  # a sigma that begins with 1 keeps two digits
        (12.345, 0.196, "12.3 ± 0.2"),
        (9.96, 0.96, "10.0 ± 1.0"),
        (-0.02, 0.3, "0.0 ± 0.3"),  # no minus before a zero
        (-5.0, 2.0, "−5 ± 2"),
        (123456.0, 2300.0, f"123{NARROW_SPACE}000 ± 2000"),
        (5.0, 80.0, "0 ± 80"),
        (0.0, None, "0"),
        (1234.56, None, "1235"),
        (0.012345, None, "0.0123"),
        (math.nan, None, "–"),
    ],
)
def test_value_hides_what_is_unknown(value: float, sigma: float | None, text: str) -> None:
    assert format_value(value, sigma) == text


@given(st.floats(-1e7, 1e7), st.floats(1e-4, 1e5))
def test_printed_value_is_right_to_its_last_digit_and_no_finer_than_sigma(value: float, sigma: float) -> None:
    left, right = (_read(part) for part in format_value(value, sigma).split(" ± "))
    # One or two digits of sigma: its rounding error is at most a quarter of it, and so is that of the value.
    assert abs(right - sigma) <= 0.26 * sigma
    assert abs(left - value) <= 0.51 * sigma
    digits = format_value(value, sigma).split(" ± ")[1].replace(".", "").replace(NARROW_SPACE, "").strip("0")
    assert 1 <= len(digits) <= 2


@pytest.mark.parametrize("sigma", [-1.0, math.nan, math.inf])
def test_value_refuses_a_sigma_that_is_none(sigma: float) -> None:
    with pytest.raises(InputError, match="standard uncertainty"):
        format_value(1.0, sigma)


def test_share_is_never_rounded_to_nothing_or_to_all() -> None:
    assert [format_share(share).replace(UNIT_SPACE, " ") for share in (0, 1e-9, 0.25, 0.99999, 1)] == [
        "0 %",
        "< 0.1 %",
        "25.0 %",
        "99.9 %",
        "100 %",
    ]


def test_counts_and_bytes() -> None:
    assert format_count(1234567) == f"1{NARROW_SPACE}234{NARROW_SPACE}567"
    assert format_bytes(999) == f"999{UNIT_SPACE}bytes"
    assert format_bytes(2_500_000_000) == f"2.5{UNIT_SPACE}GB"


def test_units_follow_the_middle_of_a_column() -> None:
    assert pick_unit([5.0, 1500.0, 2e7], "mm2") == "cm²"
    assert pick_unit([5.0], "mm") == "mm"
    assert pick_unit([5000.0], "mm") == "m"
    assert pick_unit([1e9], "px2") == "px²"
    assert pick_unit([], "mm") == "mm"
    assert format_measure(Measure(2.5e6, "mm2", 2e4)) == f"2.50 ± 0.02{UNIT_SPACE}m²"


@pytest.mark.parametrize(
    ("stored", "unit"), [("px", "mm"), ("mm", "cm²"), ("px2", "cm²"), ("mm", "px"), ("inch", "mm")]
)
def test_pixels_and_areas_never_become_lengths(stored: str, unit: str) -> None:
    with pytest.raises(InputError):
        convert(1.0, stored, unit)  # type: ignore[arg-type]  # wrong units on purpose


def test_unknown_unit_is_refused() -> None:
    with pytest.raises(InputError, match="inch"):
        pick_unit([1.0], "inch")


def test_pixel_size_tells_its_source_and_uncertainty() -> None:
    text = format_pixel_size(PixelSize(0.5, 0.25, "two-points", 0.012)).replace(UNIT_SPACE, " ")
    assert text == "0.5 × 0.25 mm per pixel, ± 1.2 %, from a known length between two points"


@given(st.floats(1e-6, 1e9))
def test_round_length_is_the_longest_of_its_kind(limit: float) -> None:
    length = round_length(limit)
    lead = length / 10 ** math.floor(math.log10(length) + 1e-9)
    assert round(lead, 6) in {1.0, 2.0, 5.0}
    following = length * (2.5 if round(lead) == 2 else 2)
    assert length <= limit * (1 + 1e-9) < following * (1 + 2e-9)


@pytest.mark.parametrize("limit", [0.0, -1.0, math.inf, math.nan])
def test_round_length_needs_a_length(limit: float) -> None:
    with pytest.raises(InputError):
        round_length(limit)
