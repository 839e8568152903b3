"""The record of a painting: quantities by kind and size, the rose, the kind of craquelure, doubt, in ink alone."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graven.errors import InputError
from graven.report import DamageSheet, SegmentReport, SizeRow, segment_report
from graven.report.damage import N_LISTED, PATTERNS
from graven.report.overlays import doubt_overlay
from graven.report.rose import draw_rose
from graven.types import CONDITION_CLASSES, Measure, PixelSize, Trace


def _trace(number: int, class_id: int, **measures: Measure) -> Trace:
    x = 40.0 + 60 * (number % 25)
    y = 100.0 + 300 * class_id + 20 * (number // 25)
    if class_id == 1:
        geometry: dict[str, Any] = {"polygons": (), "lines": (np.array([[x, y], [x + 30, y + 12]]),)}
    else:
        ring = np.array([[x, y], [x + 20, y], [x + 20, y + 14], [x, y + 14], [x, y]])
        geometry = {"polygons": ((ring,),), "lines": ()}
    return Trace(f"{class_id:016x}{number:016x}", number, class_id, confidence=0.9, measures=measures, **geometry)


def _traces(unit: str) -> tuple[Trace, ...]:
    cracks = [
        _trace(n, 1, length=Measure(10.0 + n, unit, 0.1), width_mean=Measure(0.2, unit, 0.02)) for n in range(1, 41)
    ]
    losses = [_trace(n, 2, area=Measure(2.0 * n, f"{unit}2", 0.3), perimeter=Measure(9.0, unit)) for n in range(1, 4)]
    return (*cracks, *losses)


def _rows(bounds: list[float], counts: list[int], unit: str) -> tuple[SizeRow, ...]:
    pairs = zip(bounds[:-1], bounds[1:], counts, strict=True)
    return tuple(SizeRow(a, b, n, Measure(5.0 * n, unit, 0.4), Measure(n / sum(counts), "")) for a, b, n in pairs)


@pytest.fixture
def damaged(make: Callable[..., SegmentReport]) -> Callable[..., SegmentReport]:
    """Build the record of a painting; keywords replace parts of its sheet."""

    def build(*, scaled: bool = True, **sheet: Any) -> SegmentReport:
        size = PixelSize(0.5, 0.5, "user") if scaled else None
        unit = "mm" if scaled else "px"
        plain = make(size, gate=None, rotation=None)
        values: dict[str, Any] = {
            "widths": _rows([0, 0.1, 0.2, 0.5, math.inf], [0, 3, 0, 37], unit),
            "lengths": _rows([0, 20, math.inf], [10, 30], unit),
            "losses": _rows([0, 1, 10, 1000, math.inf], [0, 3, 0, 0], f"{unit}2"),
            "rose": np.array([1.0, 2.0, 9.0, *[1.0] * 15]),
            "pattern": "net",
            "style": {"share_Y": Measure(0.7, ""), "direction_resultant": Measure(0.05, "")},
        }
        totals = {
            "craquelure.n_cracks": Measure(40, ""),
            "craquelure.length": Measure(1220.0, unit, 8.0),
            "craquelure.density": Measure(12.5, "m/m2" if scaled else "px/px2", 0.1),
            "craquelure.area": Measure(244.0, f"{unit}2", 20.0),
            "craquelure.crack_share": Measure(0.031, "", 0.002),
            **{f"craquelure.n_nodes_{kind}": Measure(n, "") for kind, n in zip("IOYX", (10, 5, 30, 5), strict=True)},
            "craquelure.n_ends_at_border": Measure(2, ""),
            "craquelure.n_ends_at_other": Measure(3, ""),
            "craquelure.direction_resultant": Measure(0.05, ""),
            "craquelure.direction": Measure(123.4, "deg", 0.1),
            "craquelure.n_islands": Measure(7, ""),
            "paint_loss.n_traces": Measure(3, ""),
            "paint_loss.area": Measure(12.0, f"{unit}2", 0.9),
            "paint_loss.loss_share": Measure(0.25, "", 0.01),
        }
        return dataclasses.replace(
            plain,
            classes=CONDITION_CLASSES,
            method=dataclasses.replace(plain.method, method="condition"),
            traces=_traces(unit),
            totals=totals,
            damage=DamageSheet(**(values | sheet)),
        )

    return build


def _text(html: str) -> str:
    bare = re.sub(r"<(style|script)>.*?</\1>|<[^>]*>", " ", html, flags=re.S)
    return re.sub(r"\s+", " ", bare.replace("\u00a0", " ").replace("\u202f", " "))


def test_the_page_says_what_a_conservator_asks(damaged: Callable[..., SegmentReport]) -> None:
    text = _text(segment_report(damaged()))
    for words in (
        "40 cracks and 3 losses on panel_07.tif",
        "craquelure 40 1.220 ± 0.008 m 2.4 ± 0.2 cm² 3.1 ± 0.2 %",
        "paint loss 3 – 12.0 ± 0.9 mm² 25.0 ± 1.0 %",
        f"The craquelure is {PATTERNS['net']}.",
        "70.0 % are branchings",
        "three cracks meet 30 60.0 %",
        "Of the free ends 2 lie at the border of the picture and 3 at a loss",
        "Closed islands 7",
        "0.1 to 0.2 mm 3",
        "0.5 mm and more 37",
        "1 to 10 mm² 3",
        "Condition map",
        "between 0.25 and 0.75",
    ):
        assert words in text, words
    assert "below 0.1 mm" not in text, "empty bins at the ends are left out"
    assert "0.2 to 0.5 mm 0 –" in text, "an empty bin between others is not"
    assert "123.4" not in text, "a mean direction that nothing prefers is not printed"


def test_figures_and_tables_are_numbered_without_gaps(damaged: Callable[..., SegmentReport]) -> None:
    text = _text(segment_report(damaged()))
    for kind in ("Figure", "Table"):
        numbers = [int(number) for number in re.findall(rf"{kind} (\d+)\.", text)]
        assert numbers == list(range(1, len(numbers) + 1)), kind
    sections = [int(n) for n in re.findall(r'<span class="n">(\d+)</span>', segment_report(damaged()))]
    assert sections == list(range(1, len(sections) + 1))


def test_only_listed_objects_carry_numbers_on_the_map(damaged: Callable[..., SegmentReport]) -> None:
    html = segment_report(damaged())
    drawing = html.split('<svg class="tracing"')[1].split("</svg>")[0]
    assert len(re.findall(r'<path class="k1"', drawing)) == 40
    labels = re.findall(r">([CL]\d+)</text>", drawing)
    longest = {f"C{n}" for n in range(41 - N_LISTED, 41)}
    assert set(labels) <= longest | {"L1", "L2", "L3"}
    assert "L3" in labels
    rows = re.findall(r'<tr><th scope="row">(C\d+)</th>', html)
    assert rows == [f"C{n}" for n in range(40, 40 - N_LISTED, -1)]


def test_cracks_are_drawn_as_wide_as_measured(damaged: Callable[..., SegmentReport]) -> None:
    report = damaged()
    wide = tuple(
        dataclasses.replace(trace, measures=trace.measures | {"width_mean": Measure(30.0, "mm", 0.1)})
        if trace.number == 7 and trace.class_id == 1
        else trace
        for trace in report.traces
    )
    html = segment_report(dataclasses.replace(report, traces=wide))
    widths = [float(width) for width in re.findall(r'<path class="k1" style="stroke-width:([\d.]+)"', html)]
    assert sorted(set(widths)) == [4.0, 60.0]  # 1:10 at 20 units per mm: 3 mm on paper; thin ones take the pen


def test_without_scale_nothing_is_in_millimetres(damaged: Callable[..., SegmentReport]) -> None:
    html = segment_report(damaged(scaled=False))
    assert "No scale is known" in html
    assert re.findall(r"\d\s*mm\b", re.sub(r'(?:base64,|style=")[^"]*', "", html)) == []
    assert "0.1 to 0.2 px" in _text(html)


def test_a_sound_painting_has_a_page_too(damaged: Callable[..., SegmentReport]) -> None:
    report = damaged(widths=(), lengths=(), losses=(), rose=np.zeros(18), pattern="undetermined", style={})
    empty = dataclasses.replace(report, traces=(), totals={"craquelure.n_cracks": Measure(0, "")})
    text = _text(segment_report(empty))
    for words in ("No cracks and no losses", "No craquelure was found.", "No paint loss was found."):
        assert words in text, words


def test_the_area_of_a_wedge_is_its_share() -> None:
    svg = str(draw_rose([4.0, 1.0, 0.0]))
    radii = [float(radius) for radius in re.findall(r"A([\d.]+) ", svg)]
    assert radii == [100.0, 100.0, 50.0, 50.0]
    assert "#" not in re.sub(r"#(?:9aa0a6|5b6770|fff|111)", "", svg), "greys alone"
    assert "runs between 0 and 60 degrees" in svg
    with pytest.raises(InputError, match="at least one is positive"):
        draw_rose([0.0, 0.0])


def test_a_wedge_points_where_its_cracks_run() -> None:
    svg = str(draw_rose([0.0, 0.0, 1.0, 0.0]))  # 90 to 135 degrees: from upright to the upper left
    x0, y0, x1, y1 = (float(v) for v in re.findall(r"M0 0L([-\d.]+) ([-\d.]+)A.*? ([-\d.]+) ([-\d.]+)z", svg)[0])
    assert (x0, y0) == pytest.approx((0, -100), abs=0.1)
    assert (x1, y1) == pytest.approx((-70.7, -70.7), abs=0.1)


def test_doubt_is_hatched_and_the_rim_of_what_is_sure_is_not() -> None:
    photo = np.full((60, 90, 3), 40, np.uint8)
    prob = np.zeros((60, 90), np.float32)
    prob[10:30, 10:30] = 0.5
    prob[10:30, 50:70] = 0.95
    prob[10:30, 49], prob[10:30, 70] = 0.5, 0.5
    picture = doubt_overlay(photo, prob)
    inside = picture[10:30, 10:30]
    assert {tuple(color) for color in inside.reshape(-1, 3).tolist()} == {(0, 0, 0), (255, 255, 255)}
    assert 0.1 < (inside == 0).mean() < 0.7
    rest = np.ones((60, 90), bool)
    rest[9:31, 9:31] = False
    assert (picture[rest] == picture[0, 89]).all()
