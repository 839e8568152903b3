from __future__ import annotations

import re

import numpy as np
import pytest

from graven.errors import InputError
from graven.report import (
    DemoCard,
    DemoPage,
    DemoStep,
    EvaluationOverlay,
    EvaluationReport,
    EvaluationRow,
    demo_page,
    evaluation_report,
    evaluation_rows,
)
from graven.types import PixelSize

BEFORE = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)


def _card(**changes: object) -> DemoCard:
    values: dict[str, object] = {
        "title": "Petroglyphs",
        "text": "Traced.",
        "before": BEFORE,
        "after": BEFORE[::-1],
        "before_caption": "Generated rock.",
        "after_caption": "Outlines.",
        "width_px": 4000,
        "pixel_size": PixelSize(0.5, 0.5, "user"),
        "agreement": BEFORE,
        "facts": (("Figures", "7"),),
        "scores": {"f1": 0.91234, "boundary_f1_2px": 0.8},
        "outputs": ("petroglyph/rock_mask.tif", "petroglyph/rock_report.html"),
        "report": "petroglyph/rock_report.html",
        "commands": ("graven segment <rock.tif> -o out/",),
        "seconds": 12.345,
    }
    return DemoCard(**(values | changes))  # type: ignore[arg-type]  # fields of a known card


def test_steps_stand_between_input_and_numbers() -> None:
    steps = (DemoStep(BEFORE, "Lights & shadows."), DemoStep(BEFORE[:20], "A curve.", has_lines=True, is_map=False))
    html = demo_page(DemoPage("today", "0.1.0", "2 cores", (_card(steps=steps),)))
    shown = html[html.index("Step by step") : html.index("Held against the truth")]
    assert shown.index("Lights &amp; shadows.") < shown.index("A curve.")
    assert shown.count("<img") == 2
    assert shown.count('class="len') == 1  # the curve has no scale bar
    assert "Step by step" not in demo_page(DemoPage("today", "0.1.0", "2 cores", (_card(),)))


def test_demo_page_shows_what_it_was_given() -> None:
    cards = (
        _card(),
        _card(title="A & B <i>", agreement=None, scores={}, facts=(), report=None, outputs=(), commands=()),
    )
    html = demo_page(DemoPage("today", "0.1.0", "2 cores", cards, (("graven doctor", "look"),)))
    for words in (
        "0.912",
        "0.800",
        "boundary F1 2px",
        "12.3",
        "A &amp; B &lt;i&gt;",
        "&lt;rock.tif&gt;",
        "graven doctor",
    ):
        assert words in html, words
    assert re.findall(r'href="(?!data:)([^"]*)"', html) == [
        "petroglyph/rock_report.html",
        "petroglyph/rock_mask.tif",
        "petroglyph/rock_report.html",
    ]
    assert len(re.findall(r'<img src="data:image/', html)) == 5
    assert len(re.findall(r"<img ", html)) == 5
    assert "http" not in re.sub(r"base64,[^\"]*|http-equiv", "", html)


@pytest.mark.parametrize("link", ["/etc/passwd", "../x", "javascript:alert(1)", "a/../b", "x y", "http://a", 'a"b', ""])
def test_links_stay_inside_the_folder(link: str) -> None:
    with pytest.raises(InputError, match="plain relative path"):
        _card(outputs=(link,))


def test_demo_needs_matching_pictures_and_a_card() -> None:
    with pytest.raises(InputError, match="one size"):
        _card(after=BEFORE[:3])
    with pytest.raises(InputError, match="at least one card"):
        DemoPage("today", "1", "m", ())


ROWS = (
    EvaluationRow("panel <1>", {"f1": 0.75, "iou_pooled": float("nan"), "odd": 0.5}, 1234),
    EvaluationRow("mean over images", {"f1": 0.75, "iou_pooled": None, "odd": 0.5}, is_summary=True),
)


def test_rows_for_machines_hold_no_nan() -> None:
    assert evaluation_rows(ROWS) == [
        {"name": "panel <1>", "n_pixels": 1234, "f1": 0.75, "iou_pooled": None, "odd": 0.5},
        {"name": "mean over images", "n_pixels": None, "f1": 0.75, "iou_pooled": None, "odd": 0.5},
    ]


def test_evaluation_page() -> None:
    html = evaluation_report(
        EvaluationReport("Test & co", "today", "0.1.0", ROWS, (EvaluationOverlay("panel <1>", BEFORE),), ("a note",))
    )
    assert "<script" not in html
    assert html.count("panel &lt;1&gt;") == 3
    assert re.findall(r'<td class="num">([^<]*)</td>', html) == [
        "1234",
        "0.750",
        "–",
        "0.500",
        "–",
        "0.750",
        "–",
        "0.500",
    ]
    assert "overlap of prediction and truth" in html
    assert '<tr class="group">' in html
    assert "Test &amp; co" in html


def test_evaluation_rows_must_share_their_metrics() -> None:
    with pytest.raises(InputError, match="at least one row"):
        EvaluationReport("t", "d", "v", ())
    with pytest.raises(InputError, match="'b' has"):
        EvaluationReport("t", "d", "v", (EvaluationRow("a", {"f1": 1.0}), EvaluationRow("b", {"iou": 1.0})))
