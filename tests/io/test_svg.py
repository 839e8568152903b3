"""SVG drawings, read with the XML parser of the standard library."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graven.io.svg import write_svg
from graven.measure.figures import trace_figures
from graven.types import PETROGLYPH_CLASSES, ClassDefinition, ClassTable, PixelSize, Trace
from graven.types.labels import HATCHES

HEIGHT, WIDTH = 60, 100
SCALE = PixelSize(0.5, 0.5, "two-points", 0.01)
SVG, INKSCAPE = "{http://www.w3.org/2000/svg}", "{http://www.inkscape.org/namespaces/inkscape}"
HREF = "{http://www.w3.org/1999/xlink}href"


def figures(**options: Any) -> list[Trace]:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[10:50, 10:40] = True
    mask[20:40, 18:32] = False
    mask[20:26, 60:95] = True
    settings = {"pixel_size": SCALE, "with_centerlines": True} | options
    return trace_figures(
        lambda window: mask[window.slices()], height=HEIGHT, width=WIDTH, class_id=1, source="panel", **settings
    )


def write(folder: Path, traces: list[Trace], **options: Any) -> ET.Element:
    settings = {"classes": PETROGLYPH_CLASSES, "height": HEIGHT, "width": WIDTH, "pixel_size": SCALE} | options
    write_svg(folder / "a.svg", traces, **settings)
    return ET.parse(folder / "a.svg").getroot()


def layers(root: ET.Element) -> dict[str, ET.Element]:
    found = [group for group in root.findall(f"{SVG}g") if group.attrib[f"{INKSCAPE}groupmode"] == "layer"]
    return {group.attrib[f"{INKSCAPE}label"]: group for group in found}


class TestLayers:
    def test_one_per_class_and_kind(self, tmp_path: Path) -> None:
        found = layers(write(tmp_path, figures()))
        assert list(found) == ["pecked areas", "pecked hatch", "pecked centre-lines", "pecked outlines", "numbers"]

    def test_areas_have_holes_by_the_even_odd_rule(self, tmp_path: Path) -> None:
        paths = layers(write(tmp_path, figures()))["pecked areas"].findall(f"{SVG}path")
        frame = next(path for path in paths if path.attrib["d"].count("Z") == 2)
        assert frame.attrib["fill-rule"] == "evenodd"
        assert frame.attrib["d"] == "M5 5H20V25H5ZM9 10V20H16V10Z"

    def test_outlines_do_not_scale_and_are_the_same_paths(self, tmp_path: Path) -> None:
        found = layers(write(tmp_path, figures()))
        ids = [path.attrib["id"] for path in found["pecked areas"].findall(f"{SVG}path")]
        assert [use.attrib[HREF] for use in found["pecked outlines"].findall(f"{SVG}use")] == [f"#{i}" for i in ids]
        assert {p.attrib["vector-effect"] for p in found["pecked areas"]} == {"non-scaling-stroke"}
        assert found["pecked outlines"].attrib["fill"] == "none"

    def test_centre_lines_are_as_wide_as_measured(self, tmp_path: Path) -> None:
        traces = figures()
        paths = layers(write(tmp_path, traces))["pecked centre-lines"].findall(f"{SVG}path")
        widths = {path.attrib["id"]: float(path.attrib["stroke-width"]) for path in paths}
        expected = {
            f"t{trace.uid}-{n + 1}": trace.measures[f"stroke_{n + 1}_width"].value
            for trace in traces
            for n in range(len(trace.lines))
        }
        assert widths == pytest.approx(expected, abs=1e-3)
        assert not any("vector-effect" in path.attrib for path in paths)

    def test_the_hatch_is_hidden_until_it_is_wanted(self, tmp_path: Path) -> None:
        root = write(tmp_path, figures())
        assert layers(root)["pecked hatch"].attrib["style"] == "display:none"
        assert layers(root)["pecked hatch"].attrib["fill"] == "url(#hatch-1)"
        assert root.find(f"{SVG}defs/{SVG}pattern[@id='hatch-1']") is not None

    def test_numbers_stand_inside_the_drawing(self, tmp_path: Path) -> None:
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[0:4, 0:4] = mask[0:4, -4:] = mask[-4:, 0:4] = mask[-4:, -4:] = mask[30:34, 50:54] = True
        traces = trace_figures(lambda w: mask[w.slices()], height=HEIGHT, width=WIDTH, class_id=1, source="x")
        group = layers(write(tmp_path, traces, pixel_size=None))["numbers"]
        size = float(group.attrib["font-size"])
        assert [text.text for text in group] == ["P1", "P2", "P3", "P4", "P5"]
        for text in group:
            x, y, length = float(text.attrib["x"]), float(text.attrib["y"]), size * len(text.text or "")
            left = x - length if text.attrib["text-anchor"] == "end" else x
            assert left >= 0
            assert left + length <= WIDTH
            assert size <= y <= HEIGHT

    @pytest.mark.parametrize("hatch", HATCHES)
    def test_every_hatch_draws_something(self, tmp_path: Path, hatch: str) -> None:
        classes = ClassTable((ClassDefinition(1, "pecked", "#D55E00", hatch, "area", "P"),))
        pattern = write(tmp_path, figures(), classes=classes).find(f"{SVG}defs/{SVG}pattern")
        assert pattern is not None
        assert len(pattern) == 1


class TestScale:
    def test_true_to_size(self, tmp_path: Path) -> None:
        root = write(tmp_path, figures())
        assert (root.attrib["width"], root.attrib["height"]) == ("50mm", "30mm")
        assert root.attrib["viewBox"] == "0 0 50 30"

    def test_without_a_scale_the_drawing_says_so(self, tmp_path: Path) -> None:
        root = write(tmp_path, figures(pixel_size=None), pixel_size=None)
        assert (root.attrib["width"], root.attrib["viewBox"]) == ("100", "0 0 100 60")
        assert "no scale is known" in (root.findtext(f"{SVG}desc") or "")

    def test_metadata_is_json(self, tmp_path: Path) -> None:
        root = write(tmp_path, figures(), source="sha <&>", licence="CC BY 4.0", name="Panel <7>")
        facts = json.loads(root.findtext(f"{SVG}metadata") or "")
        assert facts["pixel_size_mm"] == [0.5, 0.5]
        assert facts["pixel_size_source"] == "two-points"
        assert (facts["source"], facts["licence"]) == ("sha <&>", "CC BY 4.0")
        assert root.findtext(f"{SVG}title") == "Panel <7>"


class TestSafety:
    def test_names_cannot_leave_their_attributes(self, tmp_path: Path) -> None:
        classes = ClassTable((ClassDefinition(1, 'a" onload="x"><script>', "#D55E00", "dots", "area", "<P>"),))
        root = write(tmp_path, figures(), classes=classes, image_href='a"b&c.png')
        assert not list(root.iter(f"{SVG}script"))
        assert 'a" onload="x"><script> areas' in layers(root)
        image = next(root.iter(f"{SVG}image"))
        assert image.attrib[HREF] == 'a"b&c.png'

    def test_the_same_bytes_whatever_the_order(self, tmp_path: Path) -> None:
        write(tmp_path, figures())
        first = (tmp_path / "a.svg").read_bytes()
        write(tmp_path, figures()[::-1])
        assert (tmp_path / "a.svg").read_bytes() == first

    def test_an_empty_drawing(self, tmp_path: Path) -> None:
        assert layers(write(tmp_path, [])) == {}

    def test_no_number_has_an_exponent(self, tmp_path: Path) -> None:
        write(tmp_path, figures(pixel_size=PixelSize(1e-5, 1e-5, "user")), pixel_size=PixelSize(1e-5, 1e-5, "user"))
        paths = re.findall(r' d="([^"]*)"', (tmp_path / "a.svg").read_text(encoding="utf-8"))
        assert paths
        assert not any("e" in path for path in paths)
