"""DXF drawings, read as group codes, and checked by the auditor of the library that CAD users rely on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ezdxf.filemanagement import readfile

from graven.io.dxf import write_dxf
from graven.measure.figures import trace_figures
from graven.types import PETROGLYPH_CLASSES, ClassDefinition, ClassTable, Georeference, PixelSize, Trace

HEIGHT, WIDTH = 60, 100
SCALE = PixelSize(0.5, 0.5, "two-points", 0.01)


def figures(**options: Any) -> list[Trace]:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[10:50, 10:40] = True
    mask[20:40, 18:32] = False
    mask[20:26, 60:95] = True
    prob = np.where(mask, np.uint8(204), np.uint8(0))
    settings = {"pixel_size": SCALE, "with_centerlines": True} | options
    return trace_figures(
        lambda window: mask[window.slices()],
        lambda window: prob[window.slices()],
        height=HEIGHT,
        width=WIDTH,
        class_id=1,
        source="panel",
        **settings,
    )


def write(folder: Path, traces: list[Trace], **options: Any) -> list[tuple[str, str]]:
    settings = {"classes": PETROGLYPH_CLASSES, "height": HEIGHT, "width": WIDTH, "pixel_size": SCALE} | options
    write_dxf(folder / "a.dxf", traces, **settings)
    lines = (folder / "a.dxf").read_text(encoding="utf-8").split("\n")
    return [(code.strip(), value) for code, value in zip(lines[::2], lines[1::2], strict=False)]


def entities(tags: list[tuple[str, str]]) -> list[dict[str, list[str]]]:
    begin = tags.index(("2", "ENTITIES"))
    found: list[dict[str, list[str]]] = []
    for code, value in tags[begin + 1 : tags.index(("0", "ENDSEC"), begin)]:
        if code == "0":
            found.append({})
        found[-1].setdefault(code, []).append(value)
    return found


def header(tags: list[tuple[str, str]], name: str) -> str:
    return tags[tags.index(("9", name)) + 1][1].strip()


class TestContent:
    def test_the_library_finds_no_fault(self, tmp_path: Path) -> None:
        write(tmp_path, figures())
        document = readfile(tmp_path / "a.dxf")
        assert document.dxfversion == "AC1024"
        audit = document.audit()
        assert (audit.errors, audit.fixes) == ([], [])

    def test_a_hatch_has_its_holes(self, tmp_path: Path) -> None:
        hatches = [entity for entity in entities(write(tmp_path, figures())) if entity["0"] == ["HATCH"]]
        # 91: number of boundary paths; 92: 3 = external polyline, 18 = polyline of a hole.
        assert sorted((hatch["91"][0].strip(), [flag.strip() for flag in hatch["92"]]) for hatch in hatches) == [
            ("1", ["3"]),
            ("2", ["3", "18"]),
        ]

    def test_colours_are_those_of_the_layers(self, tmp_path: Path) -> None:
        assert not any({"62", "420"} & entity.keys() for entity in entities(write(tmp_path, figures())))

    def test_handles_differ_and_stay_below_the_next_one(self, tmp_path: Path) -> None:
        tags = write(tmp_path, figures())
        handles = [int(entity["5"][0], 16) for entity in entities(tags)]
        assert len(set(handles)) == len(handles)
        others = [int(value, 16) for code, value in tags[tags.index(("2", "CLASSES")) :] if code in ("5", "105")]
        assert len(set(others)) == len(others)
        assert max(others) < int(header(tags, "$HANDSEED"), 16)

    def test_areas_are_those_of_the_figures(self, tmp_path: Path) -> None:
        areas: dict[str, float] = {}
        for entity in entities(write(tmp_path, figures())):
            if entity["8"] == ["PECKED_OUTLINE"]:
                x, y = (np.array(entity[code], float) for code in ("10", "20"))
                uid = next(text for text in entity["1000"] if text.startswith("uid="))[4:]
                areas[uid] = areas.get(uid, 0) + float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2
        assert areas == pytest.approx({trace.uid: trace.measures["area"].value for trace in figures()})

    def test_strokes_start_and_end_as_wide_as_measured(self, tmp_path: Path) -> None:
        found = [entity for entity in entities(write(tmp_path, figures())) if entity["8"] == ["PECKED_LINE"]]
        widths = sorted({float(value) for entity in found for code in ("40", "41") for value in entity[code]})
        expected = sorted(
            {
                m.value
                for trace in figures()
                for name, m in trace.measures.items()
                if re.fullmatch(r"stroke_\d+_width", name)
            }
        )
        assert widths == pytest.approx(expected, abs=1e-3)

    def test_every_entity_says_which_figure_it_is(self, tmp_path: Path) -> None:
        uids = {trace.uid for trace in figures()}
        found = entities(write(tmp_path, figures()))
        for entity in found:
            assert entity["1001"] == ["GRAVEN"]
            facts = dict(text.split("=") for text in entity["1000"])
            assert facts["uid"] in uids
            assert (facts["status"], facts["confidence"]) == ("proposed", "0.800")
        assert {entity["1"][0] for entity in found if entity["0"] == ["TEXT"]} == {"P1", "P2"}

    def test_layers_have_the_colours_of_their_classes(self, tmp_path: Path) -> None:
        classes = ClassTable(
            (
                *PETROGLYPH_CLASSES.classes,
                ClassDefinition(2, "Läsion / crack", "#0072B2", "cross", "line", "C"),
                ClassDefinition(3, "PECKED", "#000000", "dots", "area", "Q"),
            )
        )
        write(tmp_path, figures(), classes=classes)
        layers = {layer.dxf.name: layer.rgb for layer in readfile(tmp_path / "a.dxf").layers}
        assert layers["PECKED_AREA"] == (213, 94, 0)
        assert layers["L_SION_CRACK_LINE"] == (0, 114, 178)
        assert layers["PECKED_3_AREA"] == (0, 0, 0)


class TestFirstView:
    def test_limits_extents_and_view_hold_the_image(self, tmp_path: Path) -> None:
        frame = Georeference((0.01, 0.0, 500000.0, 0.0, -0.01, 5100000.0), None, "projected", 1000.0)
        write(tmp_path, figures(), georeference=frame)
        document = readfile(tmp_path / "a.dxf")
        low, high = (500_000_000, 5_100_000_000 - 10 * HEIGHT), (500_000_000 + 10 * WIDTH, 5_100_000_000)
        assert (tuple(document.header["$LIMMIN"]), tuple(document.header["$LIMMAX"])) == (low, high)
        assert (tuple(document.header["$EXTMIN"]), tuple(document.header["$EXTMAX"])) == ((*low, 0), (*high, 0))
        (view,) = document.viewports.get("*Active")
        assert tuple(view.dxf.center)[:2] == ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2)
        assert view.dxf.height == 10 * WIDTH


class TestUnits:
    def test_millimetres(self, tmp_path: Path) -> None:
        assert header(write(tmp_path, figures()), "$INSUNITS") == "4"

    def test_without_a_scale_there_is_no_unit_and_it_is_said(self, tmp_path: Path) -> None:
        tags = write(tmp_path, figures(pixel_size=None), pixel_size=None)
        assert header(tags, "$INSUNITS") == "0"
        assert any("no scale is known" in value for _, value in tags)


class TestSameBytes:
    def test_another_moment_and_another_order(self, tmp_path: Path) -> None:
        write(tmp_path, figures())
        first = (tmp_path / "a.dxf").read_bytes()
        time.sleep(1.1)  # the clock of the header counts seconds
        write(tmp_path, figures()[::-1])
        assert (tmp_path / "a.dxf").read_bytes() == first

    def test_another_process(self, tmp_path: Path) -> None:
        # The order of a set of strings depends on PYTHONHASHSEED; 1 and 5 order the kinds of a drawing otherwise.
        code = (
            "import sys\n"
            "from graven.io.dxf import write_dxf\n"
            "from graven.types import PETROGLYPH_CLASSES\n"
            "write_dxf(sys.argv[1], [], classes=PETROGLYPH_CLASSES, height=60, width=100)\n"
        )
        found = set()
        for seed in ("1", "5"):
            path = tmp_path / f"{seed}.dxf"
            subprocess.run([sys.executable, "-c", code, path], env=os.environ | {"PYTHONHASHSEED": seed}, check=True)
            found.add(path.read_bytes())
        assert len(found) == 1

    def test_an_empty_drawing(self, tmp_path: Path) -> None:
        assert entities(write(tmp_path, [])) == []
        assert readfile(tmp_path / "a.dxf").audit().errors == []
