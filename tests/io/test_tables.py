"""CSV tables, read with the parser of the standard library and with pandas."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graven.io.tables import write_measures, write_totals
from graven.measure.figures import trace_figures
from graven.measure.totals import panel_totals
from graven.types import PETROGLYPH_CLASSES, ClassDefinition, ClassTable, Measure, PixelSize, Trace

SCALE = PixelSize(0.5, 0.5, "user", 0.01)


def figures(pixel_size: PixelSize | None = SCALE) -> list[Trace]:
    mask = np.zeros((40, 60), bool)
    mask[5:15, 5:15] = mask[5:15, 30:50] = True
    return trace_figures(
        lambda window: mask[window.slices()],
        height=40,
        width=60,
        class_id=1,
        source="panel",
        pixel_size=pixel_size,
        with_centerlines=True,
    )


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream, strict=True))


class TestMeasures:
    def test_values_come_back(self, tmp_path: Path) -> None:
        write_measures(tmp_path / "measures.csv", figures(), classes=PETROGLYPH_CLASSES)
        table = pd.read_csv(tmp_path / "measures.csv")
        assert table["uid"].tolist() == [trace.uid for trace in figures()]
        assert table["area_mm2"].tolist() == [25.0, 50.0]
        sigmas = [trace.measures["area"].sigma for trace in figures()]
        np.testing.assert_allclose(table["area_sigma_mm2"], np.array(sigmas, float), rtol=1e-8)
        assert table["confidence"].isna().all()

    def test_units_are_in_the_names(self, tmp_path: Path) -> None:
        write_measures(tmp_path / "measures.csv", figures(None), classes=PETROGLYPH_CLASSES)
        head = rows(tmp_path / "measures.csv")[0]
        assert head[:6] == ["uid", "number", "class_id", "class", "status", "confidence"]
        assert {"area_px2", "area_sigma_px2", "length_px", "pecked_share", "pecked_share_sigma"} <= set(head)
        assert not any("mm" in name for name in head)
        assert not any(name.startswith("stroke_1") for name in head)

    def test_rfc_4180(self, tmp_path: Path) -> None:
        classes = ClassTable((ClassDefinition(1, 'pecked, "deep"', "#D55E00", "dots", "area", "P"),))
        write_measures(tmp_path / "measures.csv", figures(), classes=classes)
        content = (tmp_path / "measures.csv").read_bytes()
        assert content.count(b"\r\n") == content.count(b"\n") == 3
        assert b'"pecked, ""deep"""' in content
        assert {len(row) for row in rows(tmp_path / "measures.csv")} == {len(rows(tmp_path / "measures.csv")[0])}

    @pytest.mark.parametrize("name", ["=1+1", "+a", "-a", "@a"])
    def test_no_name_is_taken_for_a_formula(self, tmp_path: Path, name: str) -> None:
        classes = ClassTable((ClassDefinition(1, name, "#D55E00", "dots", "area", "P"),))
        write_measures(tmp_path / "measures.csv", figures(), classes=classes)
        assert rows(tmp_path / "measures.csv")[1][3] == f"'{name}"

    def test_order_does_not_matter(self, tmp_path: Path) -> None:
        write_measures(tmp_path / "a.csv", figures(), classes=PETROGLYPH_CLASSES)
        write_measures(tmp_path / "b.csv", figures()[::-1], classes=PETROGLYPH_CLASSES)
        assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()

    def test_no_traces(self, tmp_path: Path) -> None:
        write_measures(tmp_path / "a.csv", [], classes=PETROGLYPH_CLASSES)
        assert rows(tmp_path / "a.csv") == [["uid", "number", "class_id", "class", "status", "confidence"]]


class TestTotals:
    def test_one_row_per_quantity(self, tmp_path: Path) -> None:
        totals = panel_totals(figures(), valid_px=2400, pixel_size=SCALE)
        write_totals(tmp_path / "totals.csv", {1: totals}, classes=PETROGLYPH_CLASSES)
        head, *found = rows(tmp_path / "totals.csv")
        assert head == ["class_id", "class", "quantity", "value", "sigma", "unit"]
        assert [row[2] for row in found] == ["n_traces", "area", "valid_area", "pecked_share", "stroke_length"]
        assert found[0][3:] == ["2", "", ""]
        assert (found[1][3], found[1][5]) == ("75", "mm2")
        assert float(found[3][3]) == 0.125

    def test_unknown_is_empty(self, tmp_path: Path) -> None:
        write_totals(tmp_path / "t.csv", {1: {"area": Measure(math.nan, "mm2")}}, classes=PETROGLYPH_CLASSES)
        assert rows(tmp_path / "t.csv")[1] == ["1", "pecked", "area", "", "", "mm2"]
