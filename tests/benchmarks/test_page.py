"""Ratios, goals and the page follow from the CSV files alone."""

from __future__ import annotations

import csv
import json
import platform
from pathlib import Path

import pytest
from benchmarks.goals import GOALS, Results, above_model_mb, over
from benchmarks.machine import write_machine
from benchmarks.rows import Spread, paired, read_rows, spread, write_rows
from benchmarks.run import main

from benchmarks import page


def timed(key: str, seconds: list[float], *, side: int = 8192, content: str = "dense") -> list[dict[str, object]]:
    size = {"content": content, "height": side, "width": side}
    return [
        {**size, "key": key, "round": number, "n_tiles": 441, "stage": "", "seconds": value}
        for number, value in enumerate(seconds)
    ]


def peak(key: str, height: int, width: int, above_mb: float) -> dict[str, object]:
    size = {"content": "dense", "height": height, "width": width}
    return {**size, "key": key, "round": 0, "ready_mb": 250.0, "peak_mb": 250.0 + above_mb, "left_out": ""}


def goals_of(folder: Path) -> dict[str, tuple[str, str]]:
    page.write(folder)
    with (folder / "goals.csv").open(encoding="utf-8") as file:
        return {row["what"]: (row["measured"], row["reached"]) for row in csv.DictReader(file)}


def test_ratios_are_taken_within_a_round() -> None:
    rows = [{"round": "0", "seconds": "3"}, {"round": "1", "seconds": "8"}, {"round": "2", "seconds": "100"}]
    base = [{"round": "1", "seconds": "4"}, {"round": "0", "seconds": "2"}]
    assert paired(rows, base) == Spread(1.75, 1.5, 2.0, 2)
    assert paired(rows, []) is None
    assert str(spread([3.0, 1.0, 2.0])) == "2.00 (1.00–3.00, n = 3)"


def test_rows_survive_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    write_rows(path, [{"a": 1, "b": "x, y"}, {"a": 0.1234567891, "c": None}])
    assert read_rows(path) == [{"a": "1", "b": "x, y", "c": ""}, {"a": "0.123457", "b": "", "c": ""}]
    write_rows(path, [])
    assert read_rows(path) == []


def test_goals_say_what_was_reached_missed_and_not_measured(tmp_path: Path) -> None:
    write_rows(
        tmp_path / "time.csv",
        [
            *timed("network-only", [10, 20, 30]),
            *timed("graven", [10.5, 21, 33]),
            *timed("monai-constant", [12, 23, 34]),
            *timed("graven-gated", [2, 2, 2], content="sparse"),
            *timed("graven-prepared", [10, 8, 5], content="sparse"),
        ],
    )
    write_rows(
        tmp_path / "memory.csv",
        [
            peak("graven-prepared", 8192, 8192, 300),
            peak("graven-prepared", 32_768, 8192, 331),
            peak("graven-prepared", 16_384, 16_384, 399),
        ],
    )
    difference = {"content": "dense", "height": 8192, "width": 8192, "key": "naive", "against": "graven"}
    counted = {"max_steps": 2, "p999_steps": 0, "mean_steps": 0.5, "flipped": 0.0}
    write_rows(tmp_path / "differences.csv", [difference | counted])
    found = goals_of(tmp_path)
    assert found["whole 8192² image to a tiled GeoTIFF, over network-only time"] == (
        "1.05 (1.05–1.10, n = 3) ×",
        "yes",
    )
    assert found["MONAI with the same predictor over graven, 8192²"] == ("1.10 (1.03–1.14, n = 3) ×", "no")
    assert found["panel that is 90 % empty, 8192²: time with the gate over without"] == (
        "0.25 (0.20–0.40, n = 3) ×",
        "yes",
    )
    assert found["equal to a naive accumulator over the same tiles and engine"] == ("at most 2/255 at 8192²", "no")
    assert found["peak memory above the loaded model at 16,384²"] == ("0.40 GB", "yes")
    assert found["its growth from 8,192 to 32,768 rows of 8,192 px"] == ("+10 % (300 to 331 MB)", "no")
    assert found["training step of a plain float32 script over ours"] == ("not measured", "")
    assert found["the same: recall of figure pixels over that without"] == ("not measured", "")


def test_kernels_reach_their_goals_only_with_the_same_result_as_every_peer(tmp_path: Path) -> None:
    def kernel(what: str, peer: str, ratio: float, *, goal: str, equal: bool | None) -> dict[str, object]:
        spread = {"ratio_median": ratio, "ratio_min": ratio / 2, "ratio_max": ratio * 2}
        return {"what": what, "ours": "measure.f", "peer": peer, **spread, "goal": goal, "equal": equal}

    write_rows(
        tmp_path / "kernels.csv",
        [
            kernel("pixel counts", "read limit", 1.4, goal="≤ 1.5", equal=None),
            kernel("pixel counts", "numpy", 0.5, goal="", equal=False),
            kernel("pFM", "scikit-image", 9.0, goal="≥ 3", equal=False),
            kernel("skeleton graph", "sknw", 4.0, goal="≥ 3", equal=True),
            kernel("skeleton graph", "skan", 2.0, goal="≥ 3", equal=True),
        ],
    )
    found = goals_of(tmp_path)
    assert found["pixel counts for F-measure over the read limit"] == ("read limit 1.40 (0.70–2.80) ×", "yes")
    assert found["pFM: a skimage-based script over ours, same value"] == (
        "scikit-image 9.00 (4.50–18.00) ×, another result",
        "no",
    )
    assert found["skeleton graph: sknw and skan over ours, same graph"] == (
        "sknw 4.00 (2.00–8.00) ×; skan 2.00 (1.00–4.00) ×",
        "no",
    )
    lines = (tmp_path / "index.md").read_text(encoding="utf-8").splitlines()
    assert "| pixel counts | `measure.f` | numpy | 0.50 (0.25–1.00) | no |" in lines
    assert "| pixel counts | `measure.f` | read limit | 1.40 (0.70–2.80) |  |" in lines


def test_a_smaller_panel_answers_no_goal(tmp_path: Path) -> None:
    write_rows(tmp_path / "time.csv", [*timed("network-only", [10], side=2048), *timed("graven", [11], side=2048)])
    assert {measured for measured, _ in goals_of(tmp_path).values()} == {"not measured"}
    assert over(Results.read(tmp_path), "graven", "network-only", ("dense", 2048, 2048)) == Spread(1.1, 1.1, 1.1, 1)


def test_the_page_shows_ratios_reasons_and_plots_but_no_seconds(tmp_path: Path) -> None:
    reason = "would need about 21 GiB"
    away = {"content": "dense", "height": 4096, "width": 4096, "key": "tiler", "left_out": reason}
    stage = {**timed("graven-record", [1.25])[0], "stage": "write"}
    write_rows(
        tmp_path / "time.csv",
        [
            *timed("network-only", [7.7773, 7.7773]),
            *timed("graven", [8.8884, 8.8884]),
            *timed("network-only", [3.3331], side=4096),
            *timed("graven-record", [9.9995]),
            stage,
            away,
        ],
    )
    write_rows(tmp_path / "memory.csv", [peak("graven", 4096, 4096, 123.4), peak("graven", 8192, 8192, 130)])
    write_machine(tmp_path / "machine.json", ["whole"], n=2)
    page.write(tmp_path)
    text = (tmp_path / "index.md").read_text(encoding="utf-8")
    lines = text.splitlines()
    assert "|  | 4,096² | 8,192² |" in lines
    assert "| graven | not measured | 1.14 (1.14–1.14, n = 2) |" in lines
    assert f"| tiler | left out: {reason} | not measured |" in lines
    assert "| write | 0.16 (n = 1) |" in lines
    assert "| graven | 123 | 130 |" in lines
    assert not any(seconds in text for seconds in ("7.777", "8.888", "3.333", "9.999"))
    for name in ("time-dense.png", "memory.png"):
        assert f"({name})" in text
        assert 5_000 < (tmp_path / name).stat().st_size < 200_000


def test_the_machine_is_described_without_its_name_and_parts_keep_theirs(tmp_path: Path) -> None:
    path = tmp_path / "machine.json"
    write_machine(path, ["whole", "memory"], n=5)
    write_machine(path, ["memory"], n=3)
    told = json.loads(path.read_text(encoding="utf-8"))
    assert (told["whole"]["n"], told["memory"]["n"]) == (5, 3)
    assert told["whole"]["cores"] >= told["whole"]["cores_usable"] >= 1
    assert told["whole"]["versions"]["numpy"]
    if len(platform.node()) > 3:
        assert platform.node() not in path.read_text(encoding="utf-8")


def test_memory_is_the_peak_above_the_loaded_model(tmp_path: Path) -> None:
    write_rows(tmp_path / "memory.csv", [peak("graven", 512, 512, 12.5)])
    assert above_model_mb(Results.read(tmp_path), "graven", ("dense", 512, 512)) == pytest.approx(12.5)
    assert above_model_mb(Results.read(tmp_path), "naive", ("dense", 512, 512)) is None


def test_the_command_line_measures_a_part_and_writes_the_page(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["--only", "help", "--n", "2", "--out", str(out), "--work", str(tmp_path / "work")]) == 0
    rows = read_rows(out / "help.csv")
    assert [row["heavy"] for row in rows] == ["", ""]
    assert all(float(row["cpu_s"]) > 0 for row in rows)
    goal = next(goal for goal in GOALS if goal.what.startswith("`graven --help`"))
    assert f"| {goal.what} | {goal.goal} | neither; " in (out / "index.md").read_text(encoding="utf-8")
    assert list(json.loads((out / "machine.json").read_text(encoding="utf-8"))) == ["help"]


def test_an_unknown_part_is_refused_with_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--only", "whole,speed"])
    assert left.value.code == 2
    assert (
        "'speed' is unknown; choose from whole, memory, kernels, stroke, engines, training, batch, help"
        in capsys.readouterr().err
    )


def test_engines_and_training_have_their_goals(tmp_path: Path) -> None:
    engine = {"model": "m", "on": "panels", "engine": "openvino", "precision": "bfloat16", "mean_difference": 2e-4}
    engine |= {"p999_difference": 0.006, "flipped_share": 0.00015, "f1": 0.9}
    changes = [{**engine, "f1_change": change} for change in (0.0004, -0.0012)]
    step = {"network": "U-Net", "round": 0}
    steps = [
        {**step, "trainer": "graven", "step_s": 2.0, "waiting_share": 0.01},
        {**step, "trainer": "plain", "step_s": 7.0},
    ]
    write_rows(tmp_path / "engines.csv", changes)
    write_rows(tmp_path / "training.csv", steps)
    found = goals_of(tmp_path)
    assert found["engines against float32: change of F1"] == (
        "-0.00120 (openvino, bfloat16); 0.015 % flipped, p99.9 0.0060",
        "no",
    )
    assert found["training step of a plain float32 script over ours"] == ("U-Net 3.50 (n = 1) ×", "yes")
    assert found["data loading, share of a training step"] == ("1.00 (n = 1) %", "yes")
    assert "| U-Net | 3.50 (n = 1) | 1.0 % of a step |" in (tmp_path / "index.md").read_text(encoding="utf-8")


def test_strokes_are_judged_by_their_slow_ones_on_one_patch(tmp_path: Path) -> None:
    row = {"network": "compact", "weights": "random", "engine": "openvino", "grid": "one patch of 512 px", "n_tiles": 1}
    other = {**row, "grid": "tiles of 256 px that share half", "n_tiles": 4}
    seconds = [0.1] * 18 + [0.14, 0.16]  # the 95th percentile lies a twentieth of the way from 0.14 to 0.16
    rows = [{**row, "stroke": k, "seconds": value} for k, value in enumerate(seconds)]
    write_rows(tmp_path / "stroke.csv", [*rows, {**other, "stroke": 0, "seconds": 9.0}])
    found = goals_of(tmp_path)
    goal = "one stroke to a new mask, 512² patch, compact network"
    assert found[goal] == ("141 ms, median 100 ms (20 strokes, random weights)", "yes")
    assert found["the same with EfficientNet-B6"] == ("not measured", "")
    lines = (tmp_path / "index.md").read_text(encoding="utf-8").splitlines()
    assert "| compact, random weights | tiles of 256 px that share half | 4.0 | 9000 ms | 9000 ms | 1 |" in lines
