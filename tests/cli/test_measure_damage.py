"""``graven measure`` on paintings: a class raster, and traces after a person has edited them in QGIS."""

from __future__ import annotations

import contextlib
import csv
import json
import re
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import shapely
import tifffile

HEIGHT, WIDTH, PIXEL_MM = 240, 300, 0.1


@pytest.fixture
def record(graven: Callable, damage_model: Path, tmp_path: Path) -> Path:
    """A record of two cracks of 4 px that cross, one alone, and two losses; their photograph lies beside it."""
    pixels = np.full((HEIGHT, WIDTH, 3), 130, np.uint8)
    cv2.line(pixels, (20, 60), (180, 60), (10, 10, 10), 4)
    cv2.line(pixels, (100, 10), (100, 200), (10, 10, 10), 4)
    cv2.line(pixels, (140, 150), (200, 220), (10, 10, 10), 4)
    pixels[100:140, 220:270] = 240
    pixels[20:40, 230:250] = 240
    cv2.imwrite(str(tmp_path / "beam.png"), pixels)
    cv2.line(pixels, (30, 100), (80, 220), (60, 60, 60), 5)  # too pale for the model, not for the eye
    cv2.imwrite(str(tmp_path / "pale.png"), pixels)
    command = ("segment", "beam.png", "-m", damage_model, "-o", "record", "--scale", "0.1mm/px", "-q")
    assert graven(*command).code == 0
    return tmp_path / "record"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _totals(folder: Path) -> dict[str, float]:
    return {f"{row['class']}.{row['quantity']}": float(row["value"]) for row in _rows(folder / "totals.csv")}


def _line(*points: tuple[float, float]) -> bytes:
    """A line in pixels as the file has it: millimetres, y up."""
    xy = np.array(points, float)
    return _blob(shapely.LineString(np.stack([xy[:, 0], HEIGHT - xy[:, 1]], axis=1) * PIXEL_MM))


def _blob(shape: Any) -> bytes:
    return b"GP\0\x01" + struct.pack("<i", 0) + shapely.to_wkb(shape)


def _edit(package: Path, *steps: tuple[str, tuple[object, ...]]) -> None:
    with contextlib.closing(sqlite3.connect(package)) as db, db:
        # SQLite alone has no spatial functions, which the triggers of the geometry column need.
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f'DROP TRIGGER "{name}"')
        for sql, values in steps:
            db.execute(sql, values)
        for table in ("regions", "strokes"):
            counted = f"(SELECT count(*) FROM {table})"
            db.execute(f"UPDATE gpkg_ogr_contents SET feature_count = {counted} WHERE table_name = ?", (table,))


def test_a_mask_of_the_record_gives_its_tables_again(graven: Callable, record: Path, tmp_path: Path) -> None:
    beside = ("--prob", record / "beam_prob.tif", "--image", "beam.png")
    result = graven("measure", record / "beam_mask.tif", *beside, "-o", "again", "--json")
    assert result.code == 0, result.err
    assert (tmp_path / "again" / "totals.csv").read_bytes() == (record / "totals.csv").read_bytes()
    for name in ("sizes", "rose", "networks", "islands", "style"):
        there = tmp_path / "again" / f"beam_mask_{name}.csv"
        assert there.read_bytes() == (record / f"beam_{name}.csv").read_bytes(), name
    before, after = (_rows(folder / "measures.csv") for folder in (record, tmp_path / "again"))
    assert [{**row, "uid": ""} for row in after] == [{**row, "uid": ""} for row in before]
    page = (tmp_path / "again" / "beam_mask_report.html").read_text(encoding="utf-8")
    for words in ("measured from beam_mask.tif", "Widths of cracks come from the photograph", "Cracks by width"):
        assert words in page, words


def test_a_plain_raster_needs_the_method(graven: Callable, record: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "plain.png"), tifffile.imread(record / "beam_mask.tif"))
    named = graven("measure", "plain.png", "--method", "condition", "-o", "named", "--scale", "0.1mm/px")
    assert named.code == 0, named.err
    assert _totals(tmp_path / "named")["craquelure.n_nodes_X"] == 1
    widths = [float(row["width_mean_mm"]) for row in _rows(tmp_path / "named" / "measures.csv")[:4]]
    assert widths == pytest.approx([0.45] * 4, abs=0.1)
    for command in (
        ("measure", "plain.png", "-o", "not"),
        ("measure", record / "beam_mask.tif", "--method", "petroglyph", "-o", "not"),
        ("measure", "plain.png", "--method", "relief", "-o", "not"),
        ("measure", "plain.png", "--method", "condition", "--image", record / "beam_mask.qml", "-o", "not"),
    ):
        result = graven(*command, "-q")
        assert result.code in (1, 2), command
        assert result.err.count("\n") == 1, result.err
    assert not list(tmp_path.glob("not*"))


def test_what_nobody_edited_keeps_every_measure(graven: Callable, record: Path, tmp_path: Path) -> None:
    result = graven("measure", record / "beam_traces.gpkg", "-o", "same", "--json")
    assert result.code == 0, result.err
    facts = result.lines()[-1]
    assert facts["edits"] == {
        "craquelure": {"kept": 5, "changed": 0, "new": 0, "deleted": 0},
        "paint_loss": {"kept": 2, "changed": 0, "new": 0, "deleted": 0},
    }
    assert facts["notes"] == []
    assert (tmp_path / "same" / "measures.csv").read_bytes() == (record / "measures.csv").read_bytes()
    before, after = _totals(record), _totals(tmp_path / "same")
    del before["craquelure.width_p95"]
    shared = [name for name in before if "island" not in name]
    assert [after[name] for name in shared] == pytest.approx([before[name] for name in shared], rel=1e-5)
    for name in ("rose", "networks", "sizes"):
        pairs = zip(_rows(record / f"beam_{name}.csv"), _rows(tmp_path / "same" / f"beam_{name}.csv"), strict=True)
        for ours, theirs in pairs:
            for column, value in ours.items():
                if value.replace(".", "").isdigit():
                    assert float(theirs[column]) == pytest.approx(float(value), rel=1e-4, abs=1e-6), (name, column)


def test_changed_new_deleted_and_rejected_objects_are_told_apart(
    graven: Callable, record: Path, tmp_path: Path
) -> None:
    package = record / "beam_traces.gpkg"
    longest = max(_rows(record / "measures.csv"), key=lambda row: float(row["length_mm"] or 0))
    alone = next(row for row in _rows(record / "measures.csv") if row["network"] == "2")
    _edit(
        package,
        ("UPDATE strokes SET geom = ? WHERE uid = ?", (_line((140, 150), (140, 190), (180, 190)), alone["uid"])),
        ("INSERT INTO strokes (geom, class_id, creator) VALUES (?, 1, 'Anna Rossi')", (_line((30, 100), (80, 220)),)),
        ("UPDATE strokes SET status = 'confirmed' WHERE uid = ?", (longest["uid"],)),
        ("DELETE FROM regions WHERE number = 1", ()),
        ("UPDATE regions SET status = 'rejected' WHERE number = 2", ()),
    )
    result = graven("measure", package, "-o", "edited", "--json")
    assert result.code == 0, result.err
    facts = result.lines()[-1]
    assert facts["edits"] == {
        "craquelure": {"kept": 4, "changed": 1, "new": 1, "deleted": 0},
        "paint_loss": {"kept": 1, "changed": 0, "new": 0, "deleted": 1},
    }
    rows = {row["uid"]: row for row in _rows(tmp_path / "edited" / "measures.csv")}
    changed = rows[alone["uid"]]
    assert float(changed["length_mm"]) == pytest.approx(8.0)
    assert float(changed["tortuosity"]) == pytest.approx(8 / np.hypot(4, 4))
    assert (changed["width_mean_mm"], changed["confidence"], changed["number"]) == ("", "", alone["number"])
    assert float(changed["length_sigma_mm"]) == pytest.approx(2 * 0.1 / np.sqrt(12))
    (new,) = [row for row in rows.values() if row["number"] == "6"]
    assert float(new["length_mm"]) == pytest.approx(13.0)
    assert float(new["direction_deg"]) == pytest.approx(180 - np.degrees(np.arctan2(120, 50)))
    totals = _totals(tmp_path / "edited")
    assert totals["craquelure.n_nodes_O"] == 1, "the changed line has a bend"
    assert totals["craquelure.n_networks"] == 3
    assert totals["paint_loss.n_traces"] == 0, "one is gone, one is rejected"
    assert "craquelure.area" not in totals
    (note,) = facts["notes"]
    assert note.startswith("2 changed cracks have no width: give the photograph with --image, or --prob")
    page = (tmp_path / "edited" / "beam_report.html").read_text(encoding="utf-8")
    for words in (
        "2 changed cracks have no width",
        "craquelure: 4 as they were, 1 changed, 1 new, 0 deleted",
        "paint loss: 1 as they were, 0 changed, 0 new, 1 deleted",
        "Anna Rossi",
        "edited by hand",
        "Partly confirmed: 1 of 6 objects",
        "1, not drawn and not counted here",
    ):
        assert words in page, words
    told = json.loads((tmp_path / "edited" / "run.json").read_text(encoding="utf-8"))
    assert told["edits"] == facts["edits"]
    assert told["notes"] == facts["notes"]


def test_the_photograph_gives_changed_cracks_their_width(graven: Callable, record: Path, tmp_path: Path) -> None:
    package = record / "beam_traces.gpkg"
    drawn = _line((31, 100), (49, 148), (66, 184), (80, 220))
    _edit(package, ("INSERT INTO strokes (geom, class_id) VALUES (?, 1)", (drawn,)))
    result = graven("measure", package, "--image", "pale.png", "-o", "seen", "--json")
    assert result.code == 0, result.err
    (note,) = result.lines()[-1]["notes"]
    assert "pale is another file than the one that was traced" in note
    (new,) = [row for row in _rows(tmp_path / "seen" / "measures.csv") if row["number"] == "6"]
    painted = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.line(painted, (30, 100), (80, 220), 1, 5)  # OpenCV draws it wider than it says
    assert float(new["width_mean_mm"]) == pytest.approx(PIXEL_MM * painted.sum() / 135, abs=0.02)
    assert 0 < float(new["width_mean_sigma_mm"]) < 0.1
    assert _totals(tmp_path / "seen")["craquelure.area"] > 0
    nothing = graven("measure", package, "--image", "beam.png", "-o", "unseen", "--json")
    (note,) = nothing.lines()[-1]["notes"]
    assert "what was given does not show it plainly" in note
    hardly = graven("measure", package, "--prob", record / "beam_prob.tif", "-o", "prob", "--json")
    assert hardly.code == 0, hardly.err
    assert _totals(tmp_path / "prob")["craquelure.length"] > 0


def test_a_line_drawn_onto_a_crack_is_its_branch(graven: Callable, record: Path, tmp_path: Path) -> None:
    package = record / "beam_traces.gpkg"
    branch = _line((40, 61), (40, 120))
    _edit(package, ("INSERT INTO strokes (geom, class_id) VALUES (?, 1)", (branch,)))
    assert graven("measure", package, "-o", "edited", "-q").code == 0
    totals = _totals(tmp_path / "edited")
    assert totals["craquelure.n_nodes_Y"] == 1
    assert totals["craquelure.n_networks"] == 2
    assert totals["craquelure.n_cracks"] == 6
    again = graven("measure", tmp_path / "edited" / "beam_traces.gpkg", "-o", "twice", "--json")
    assert again.lines()[-1]["edits"]["craquelure"] == {"kept": 6, "changed": 0, "new": 0, "deleted": 0}
    assert _totals(tmp_path / "twice")["craquelure.n_nodes_O"] == totals["craquelure.n_nodes_O"]


@pytest.mark.parametrize(
    ("sql", "options", "words"),
    [
        (
            "UPDATE strokes SET class_id = 2, class = 'paint_loss' WHERE number = 1",
            (),
            "is drawn as a line, but this class has areas",
        ),
        ("UPDATE strokes SET geom = NULL WHERE number = 1", (), "has no geometry"),
        ("UPDATE strokes SET number = 1 WHERE number = 1", ("--scale", "0.2mm/px"), "--scale does not go with"),
        ("UPDATE strokes SET number = 1 WHERE number = 1", ("--image", "small.png"), "small.png has 10 x 10 px"),
        ("UPDATE strokes SET number = 1 WHERE number = 1", ("--prob", "beam.png"), "probability of 2 classes"),
    ],
)
def test_bad_input_gets_one_clear_line(
    graven: Callable, record: Path, tmp_path: Path, sql: str, options: tuple[str, ...], words: str
) -> None:
    cv2.imwrite(str(tmp_path / "small.png"), np.zeros((10, 10, 3), np.uint8))
    _edit(record / "beam_traces.gpkg", (sql, ()))
    result = graven("measure", record / "beam_traces.gpkg", *options, "-o", "out", "-q")
    assert result.code in (1, 2)
    assert re.sub(r"\s+", " ", result.err).count("graven:") <= 1
    assert result.err.count("\n") == 1, result.err
    assert words in result.err
    assert not list(tmp_path.glob("out*"))


def test_a_record_of_change_is_not_measured_again(
    graven: Callable, record: Path, damage_model: Path, tmp_path: Path
) -> None:
    from graven.io.gpkg import write_gpkg
    from graven.methods.comparison import CHANGE_CLASSES

    write_gpkg(tmp_path / "c_traces.gpkg", [], classes=CHANGE_CLASSES, height=10, width=10)
    result = graven("measure", "c_traces.gpkg", "-o", "out", "-q")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "between two dates" in result.err


def test_the_surface_of_the_record_is_that_of_its_edited_traces(
    graven: Callable, damage_model: Path, record: Path, tmp_path: Path
) -> None:
    """A region of interest left of x = 260 px, which cuts the larger loss."""
    command = ("segment", "beam.png", "-m", damage_model, "--scale", "0.1mm/px", "-q")
    assert graven(*command, "--roi", "POLYGON((0 0, 260 0, 260 240, 0 240, 0 0))", "-o", "part").code == 0
    package = tmp_path / "part" / "beam_traces.gpkg"
    same = graven("measure", package, "-o", "same", "--json")
    assert same.lines()[-1]["notes"] == []
    before, after = _totals(tmp_path / "part"), _totals(tmp_path / "same")
    assert before["craquelure.valid_area"] == pytest.approx(260 * 240 * PIXEL_MM**2)
    for name in ("valid_area", "density", "n_islands", "n_islands_open", "n_nodes_I"):
        assert after[f"craquelure.{name}"] == pytest.approx(before[f"craquelure.{name}"], rel=1e-5), name
    page = (tmp_path / "same" / "beam_report.html").read_text(encoding="utf-8")
    assert "62400 of 72000 px, where something was known" in page
    square = shapely.Polygon([(20, 18), (22, 18), (22, 16), (20, 16)])  # x 200 to 220, y 60 to 80 px
    _edit(package, ("INSERT INTO regions (geom, class_id) VALUES (?, 2)", (_blob(shapely.MultiPolygon([square])),)))
    assert graven("measure", package, "-o", "drawn", "-q").code == 0
    (new,) = [row for row in _rows(tmp_path / "drawn" / "measures.csv") if row["class"] == "paint_loss"][2:]
    assert float(new["share"]) == pytest.approx(400 / 62400)
    assert float(new["edge_distance_mm"]) == pytest.approx(40 * PIXEL_MM), "to the edge of what was looked at"
    _edit(package, ("INSERT INTO strokes (geom, class_id) VALUES (?, 1)", (_line((200, 190), (280, 190)),)))
    beyond = graven("measure", package, "-o", "beyond", "--json").lines()[-1]["notes"]
    assert beyond[0].startswith("1 object that a person drew reaches beyond the layer surface")


def test_traces_that_do_not_say_where_was_looked_are_told_so(
    graven: Callable, damage_model: Path, record: Path, tmp_path: Path
) -> None:
    command = ("segment", "beam.png", "-m", damage_model, "-q")
    assert graven(*command, "--roi", "POLYGON((0 0, 260 0, 260 240, 0 240, 0 0))", "-o", "part").code == 0
    assert graven("export", "part", "--to", "gpkg", "-o", "alone", "-q").code == 0
    facts = graven("measure", tmp_path / "alone" / "beam_traces.gpkg", "-o", "out", "--json").lines()[-1]
    (note,) = facts["notes"]
    assert note.startswith("beam_traces.gpkg counts 62400 of 72000 px as looked at, but does not say which")
    assert _totals(tmp_path / "out")["craquelure.valid_area"] == 62400
    again = graven("measure", tmp_path / "out" / "beam_traces.gpkg", "-o", "twice", "--json").lines()[-1]
    assert again["notes"] == [note]
    edge = _blob(shapely.MultiPolygon([shapely.box(0, 0, 150, 240)]))
    package = tmp_path / "part" / "beam_traces.gpkg"
    _edit(package, ("UPDATE surface SET geom = ?", (edge,)))
    refused = graven("measure", package, "-o", "no", "-q")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "its layer surface covers 36000 px, but 62400 px were looked at" in refused.err
