from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graven.errors import InputError
from graven.report.charts import histogram, log_edges
from graven.report.marks import arrow, color_bar, scale_bar
from graven.types import Georeference, PixelSize

_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}


@given(st.integers(10, 100_000), st.floats(0.001, 50))
def test_scale_bar_is_as_long_as_it_says(width_px: int, size_mm: float) -> None:
    bar = scale_bar(width_px, PixelSize(size_mm, size_mm, "user"))
    number, unit = bar.label.split()
    assert math.isclose(float(number) * _MM[unit], bar.share * width_px * size_mm, rel_tol=1e-9)
    assert 0.13 < bar.share <= 0.35 + 1e-9
    assert bar.is_metric


def test_without_scale_the_bar_is_in_pixels_and_red() -> None:
    bar = scale_bar(4000, None)
    assert bar.label.split() == ["1000", "pixels"]
    assert bar.share == 0.25
    assert not bar.is_metric
    assert "#a3260c" in bar.svg
    assert "#111" not in bar.svg


@pytest.mark.parametrize("turn_deg", [0.0, 30.0, -75.0, 180.0])
def test_north_arrow_follows_the_affine(turn_deg: float) -> None:
    # A picture turned clockwise by t against north: its up direction is azimuth t, so north stands at -t.
    t = math.radians(turn_deg)
    a, b, d, e = math.cos(t), -math.sin(t), -math.sin(t), -math.cos(t)
    found = arrow(Georeference((a, b, 5.0, d, e, 7.0), "PROJCRS[...]", "projected", 1000.0))
    assert found.label == "N"
    assert math.isclose(math.cos(math.radians(found.angle_deg + turn_deg)), 1.0, abs_tol=1e-9)


def test_no_north_without_a_projected_frame() -> None:
    affine = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
    assert arrow(None).label == "up"
    assert arrow(Georeference(affine, "ENGCRS[...]", "local", 1000.0)).label == "Y"
    assert arrow(Georeference(affine, "GEOGCRS[...]", "geographic", None)).label == "up"
    assert arrow(Georeference(affine, None, "projected", 1000.0)).label == "up"


def test_marks_are_well_formed_xml() -> None:
    for svg in (scale_bar(100, None).svg, arrow(None).svg, color_bar("cividis", bar_id="r")):
        assert ET.fromstring(svg).tag == "svg"


@given(st.lists(st.floats(1e-4, 1e8), min_size=1, max_size=50))
def test_every_size_falls_into_one_bin(values: list[float]) -> None:
    edges = log_edges(values)
    assert edges == sorted(set(edges))
    assert edges[0] <= min(values)
    assert max(values) < edges[-1]
    assert edges[1] > min(values)
    assert edges[-2] <= max(values)


def test_histogram_counts_by_hand() -> None:
    svg = ET.fromstring(histogram([1.0, 1.5, 2.0, 7.0], unit="cm²", quantity="area"))
    # Edges 1 2 5 10: two, one and one.
    heights = [float(bar.get("height", "0")) for bar in svg.iter("rect")]
    assert [round(h / heights[1]) for h in heights] == [2, 1, 1]
    desc = svg.find("desc")
    assert desc is not None
    assert desc.text == "2 from 1 to 2; 1 from 2 to 5; 1 from 5 to 10, in cm²."


@pytest.mark.parametrize("values", [[], [0.0], [math.nan], [-1.0]])
def test_histogram_needs_sizes(values: list[float]) -> None:
    with pytest.raises(InputError):
        log_edges(values)
