from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from graven.errors import InputError
from graven.report import GateSummary, MethodBox, OutputFile, Source, segment_report
from graven.types import ClassDefinition, ClassTable, Measure, Trace

if TYPE_CHECKING:
    from collections.abc import Callable

VOID = {"meta", "img", "br", "input", "link", "hr"}


class Page(HTMLParser):
    """Parse a page strictly: every element closed in order; collect tags, visible text and ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.stack, f"left open: {self.stack}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack, f"</{tag}> closes nothing"
        assert self.stack[-1] == tag, f"</{tag}> closes <{self.stack[-1]}>"
        self.stack.pop()

    def handle_data(self, data: str) -> None:
        if not self.stack or self.stack[-1] not in {"style", "script"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def test_page_is_one_valid_file_that_asks_for_nothing(make: Callable[..., Any]) -> None:
    html = segment_report(make())
    page = Page(html)
    assert re.findall(r"https?:|//[a-z]|url\((?!#)|@import|srcset", re.sub(r"base64,[^\"]*", "", html)) == []
    pictures = page.all("img")
    assert len(pictures) == 6
    for attrs in pictures:
        assert (attrs["src"] or "").startswith(("data:image/png;base64,", "data:image/jpeg;base64,"))
        assert len(attrs["alt"] or "") > 20
    ids = Counter(attrs["id"] for _, attrs in page.tags if "id" in attrs)
    assert [name for name, count in ids.items() if count > 1] == []
    assert page.all("html")[0]["lang"] == "en"
    for attrs in page.all("th"):
        assert attrs.get("scope") in {"col", "row"}
    for attrs in page.all("section"):
        assert attrs["aria-labelledby"] in ids


def test_policy_allows_exactly_the_script_that_is_there(make: Callable[..., Any]) -> None:
    html = segment_report(make())
    policy = next(attrs["content"] for attrs in Page(html).all("meta") if attrs.get("http-equiv")) or ""
    scripts = re.findall(r"<script>(.*?)</script>", html, re.S)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy
    assert "connect-src" not in policy
    assert not [name for _, attrs in Page(html).tags for name in attrs if name.startswith("on")]


def test_what_every_record_must_say(make: Callable[..., Any], small_panel: Any) -> None:
    report = make()
    text = Page(segment_report(report)).text
    for words in (
        "Machine proposal, not yet confirmed by a person.",
        "Confirmed: 0 %",
        "0.5 mm per pixel, ± 0.3 %, from the georeference of the file",
        "petroglyph 1.0",
        report.method.model_sha256,
        report.source.sha256,
        "Threshold0.5",
        "Tracing at 1:10 when printed at 100 %",
        f"{report.gate.n_skipped} of them",
        "2.3° askew",
        "half a pixel along every outline",
        "clip_limit = 2.0",
        "QGIS, ArcGIS",
    ):
        assert words in text, words
    assert text.count("proposed") >= len(small_panel.shapes)
    for file in report.files:
        assert file.name in text
        assert file.sha256 is None or file.sha256 in text


def test_quantities_add_up(make: Callable[..., Any]) -> None:
    report = make()
    html = segment_report(report)
    bins = re.findall(r'<tr class="bin"><th scope="row">[^<]*</th><td class="num">(\d+)</td>', html)
    assert sum(map(int, bins)) == len(report.traces)
    biggest = max(report.traces, key=lambda trace: trace.measures["area"].value)
    rows = re.findall(r'<tr><th scope="row">(\d+)</th><td class="num">([\d.]+) ± ', html)
    assert int(rows[0][0]) == biggest.number
    areas = [float(value) for _, value in rows]
    assert areas == sorted(areas, reverse=True)
    assert len(areas) == len(report.traces)


def test_without_scale_there_is_a_red_statement_and_no_millimetre(make: Callable[..., Any]) -> None:
    html = segment_report(make(None))
    page = Page(html)
    assert "No scale is known for this picture." in page.text
    assert 'class="alert"' in html
    assert '<span class="red">unknown</span>' in html
    assert re.findall(r"(?i)\b[cm]?m\b²?|millimet", page.text.replace("CSV", "")) == []
    assert "px²" in page.text
    assert "1:10" not in page.text
    bare = re.sub(r'(?:base64,|style=")[^"]*', "", html)
    assert re.findall(r"\d\s*mm\b", bare) == []


def test_millimetres_without_scale_are_refused(make: Callable[..., Any]) -> None:
    report = make()
    plain = dataclasses.replace(report.source, pixel_size=None)
    with pytest.raises(InputError, match="no scale is known"):
        dataclasses.replace(report, source=plain)
    pixels = make(None)
    with pytest.raises(InputError, match="least object"):
        dataclasses.replace(pixels, method=dataclasses.replace(pixels.method, min_object=Measure(1, "mm2")))


def test_names_are_text_and_never_markup(make: Callable[..., Any]) -> None:
    evil = '<script>alert("1")</script>'
    report = make(title=evil, notes=(evil,), author=evil, confirmed_by=(evil,), date=evil)
    report = dataclasses.replace(
        report,
        source=dataclasses.replace(report.source, name=evil, crs_name=evil, region=evil),
        files=(OutputFile(evil + "_mask.tif", "0" * 64),),
        classes=ClassTable((dataclasses.replace(report.classes[1], name=evil, code="<b>"),)),
        method=dataclasses.replace(
            report.method,
            model=evil,
            device=evil,
            prepare=(evil,),
            versions={"graven": '";}</style>' + evil, evil: evil},
        ),
        totals={evil: Measure(1.0, "")},
        gate=dataclasses.replace(report.gate, model=evil),
    )
    html = segment_report(report)
    page = Page(html)
    assert len(page.all("script")) == 1
    assert "alert(" not in re.findall(r"<script>(.*?)</script>", html, re.S)[0]
    assert len(page.all("style")) == 2  # the sheet, and that of the drawing
    assert not page.all("b") or all(not attrs for attrs in page.all("b"))
    assert page.text.count(evil) >= 10


def test_confirmation_is_told_as_it_is(make: Callable[..., Any]) -> None:
    report = make(confirmed_by=("M. Example",))
    states = ["confirmed", "confirmed", "rejected", *["proposed"] * (len(report.traces) - 3)]
    mixed = tuple(dataclasses.replace(trace, status=state) for trace, state in zip(report.traces, states, strict=True))
    html = segment_report(dataclasses.replace(report, traces=mixed))
    kept = len(mixed) - 1
    assert f"Partly confirmed: 2 of {kept} figures ({100 * 2 / kept:.1f} %) by M. Example." in Page(html).text
    assert "1, not drawn and not counted here" in Page(html).text
    assert len(re.findall(r'<path class="k1"', html)) == kept
    assert "Machine proposal" not in Page(html).text
    done = tuple(dataclasses.replace(trace, status="confirmed") for trace in report.traces)
    text = Page(segment_report(dataclasses.replace(report, traces=done))).text
    assert f"Confirmed by M. Example: all {len(done)} figures." in text
    assert "Machine" not in text.split("1The panel")[0]


def test_an_empty_result_is_a_result(make: Callable[..., Any]) -> None:
    report = make(traces=(), files=(), gate=None, rotation=None, totals={})
    text = Page(segment_report(dataclasses.replace(report, labels=np.zeros_like(report.labels)))).text
    assert "No figure traced on panel_07.tif" in text
    assert "This does not prove that the surface bears no marks" in text
    assert "no person has yet confirmed that there is nothing" in text
    assert "5Method" in text


def test_other_methods_classes_and_lines(make: Callable[..., Any]) -> None:
    report = make()
    classes = ClassTable(
        (
            ClassDefinition(1, "loss", "#E69F00", "cross", "area", "L"),
            ClassDefinition(2, "crack", "#0072B2", "solid", "line", "C"),
        )
    )
    crack = Trace(
        "f" * 32, 1, 2, (), (np.array([[20.0, 30.0], [400.0, 500.0]]),), 0.7, {"length": Measure(302.0, "mm", 1.5)}
    )
    method = dataclasses.replace(report.method, method="condition")
    html = segment_report(
        dataclasses.replace(report, classes=classes, traces=(*report.traces, crack), method=method, rotation=None)
    )
    text = Page(html).text
    assert "Condition record" in text
    assert "30.2 ± 0.2" in text or "30.20 ± 0.15" in text
    assert ">C1<" in html
    assert ">L1<" in html
    assert "loss (L)" in text


def test_unknown_pixels_are_grey_on_the_maps(make: Callable[..., Any]) -> None:
    report = make()
    labels = report.labels.copy()
    labels[:60] = 255
    html = segment_report(dataclasses.replace(report, labels=labels))
    png = base64.b64decode(re.findall(r"data:image/png;base64,([^\"]*)", html)[0])
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert (picture[:60] == (214, 214, 210)).all()
    assert not (picture[60:] == (214, 214, 210)).all(axis=2).any()


def test_equal_input_equal_text(make: Callable[..., Any]) -> None:
    assert segment_report(make()) == segment_report(make())


def test_a_large_hostile_panel_stays_small(make: Callable[..., Any]) -> None:
    # The worst for every coder: noise everywhere, and many figures with ragged outlines.
    rng = np.random.default_rng(0)
    shape = (1200, 1600)
    t = np.linspace(0, 2 * np.pi, 400)
    traces = []
    for i in range(3000):
        r = 120 + rng.integers(-30, 30, t.size)
        x, y = rng.uniform(300, 29_700), rng.uniform(300, 22_200)
        ring = np.rint(np.stack([x + r * np.cos(t), y + r * np.sin(t)], 1))
        ring = np.vstack([ring, ring[:1]])
        traces.append(Trace(f"{i:032x}", i + 1, 1, ((ring,),), (), 0.8, {"area": Measure(4.5e4 * 0.25, "mm2", 300.0)}))
    report = make(
        photo=rng.integers(0, 256, (*shape, 3), dtype=np.uint8),
        labels=rng.integers(0, 2, shape, dtype=np.uint8),
        prob=rng.random(shape, dtype=np.float32),
        traces=tuple(traces),
        gate=None,
    )
    report = dataclasses.replace(report, source=dataclasses.replace(report.source, height=22_500, width=30_000))
    html = segment_report(report)
    assert len(html.encode()) < 6_000_000
    assert "The 30 largest of 3000 figures" in Page(html).text


def test_parts_that_contradict_each_other_are_refused(make: Callable[..., Any]) -> None:
    report = make()
    with pytest.raises(InputError, match="photo must be of shape"):
        dataclasses.replace(report, photo=report.photo[:-1])
    with pytest.raises(InputError, match="prob must be of shape"):
        dataclasses.replace(report, prob=report.prob[:-1])
    with pytest.raises(InputError, match="64 hexadecimal"):
        Source("a", "xyz", 1, 1)
    with pytest.raises(InputError, match="at least one pixel"):
        Source("a", "0" * 64, 0, 1)
    with pytest.raises(InputError, match="cannot have been skipped"):
        GateSummary(3, 4, 0.5, "g")
    with pytest.raises(InputError, match="or neither"):
        GateSummary(3, 1, 0.5, "g", skipped=np.zeros((1, 3), bool))
    with pytest.raises(InputError, match="must name graven"):
        MethodBox("petroglyph", "m", "1", "0" * 64, 0.5, 512, 0, "e", "d", {"numpy": "2"})
    with pytest.raises(InputError, match="between 0 and 1"):
        MethodBox("petroglyph", "m", "1", "0" * 64, 50, 512, 0, "e", "d", {"graven": "1"})


def test_settings_are_printed_as_json(make: Callable[..., Any]) -> None:
    text = Page(segment_report(make())).text
    assert f"dtype = {json.dumps('uint8')}" in text
