"""Tables, plots and the page of the benchmarks, from the CSV files of a measurement: ``python -m benchmarks.page``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.contenders import CONTENDERS, FLOOR
from benchmarks.goals import GOALS, Results, above_model_mb, over, ratio_of, stroke_ms
from benchmarks.plots import plot
from benchmarks.rows import Row, Spread, key_of, paired, select, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["write"]

NOT_MEASURED = "not measured"
WORDS = {"dense": "Figures everywhere", "sparse": "90 % empty"}

HEAD = """# Benchmarks

*For engineers.*

How fast graven segments a whole image on a processor, and in how much memory, beside the network alone and beside what
else one would use with the same network; how fast its kernels are beside those of others; and how long a person waits
after a stroke. `python -m benchmarks.page` writes this page from the CSV files beside it.

Times are ratios of one run: in each round everybody predicts the same panel in the same process, one after the other,
and every round begins with another. A cell is the median over the rounds, with the smallest and the largest. Seconds of
one machine say nothing about another; they stand in the CSV files only.
"""

HOW = """## Run it

```console
$ make bench-peers   # monai, tiler and others into .venv; without them their rows are left out
$ make bench         # everything, many hours; BENCH="--quick" is a matter of minutes
$ make bench BENCH="--only whole --sizes 2048,4096 --contenders network-only,graven,monai-constant"
```

**Whole images.** A generated panel of 0.5 mm pixels, three bands of bytes, as a tiled GeoTIFF; it is laid out of
cells of 1024 px, and what is 90 % empty is rounded to whole cells, so at 2048 px no figure is left. Tiles of 512 px
that share 128. The bundled petroglyph segmenter, in the engine that graven chooses for this processor, also for
peers, which call it on as many tiles at once as it takes.

* *network only*: the engine answers as many tiles as the panel has; the tiles are in memory.
* *graven*: from the file to a tiled GeoTIFF, the bands as they are, like its peers.
* *with preparation*: rotation, reversal and CLAHE as the bundle asks for; *and gate*: tiles without pecking left out.
* *the whole record*: `graven segment` without its gate, from opening the file to the report.
* *naive accumulator*: sums and weights of the whole image in float32, with the weights of graven.
* *MONAI*: `sliding_window_inference`, batches as large as the engine takes at once; *tiler*: its `Tiler` and `Merger`
  with the weights of graven.
* *eager PyTorch in float32*: the naive accumulator around the same network, as a script would have it.

**Kernels.** Photometric stereo from 24 synthetic images; the robust peer in NumPy sorts, trims and reweighs all pixels
of a block at once, with `numpy.linalg.solve`. The direct solver is SciPy's. Scanned pages are those of `lines/dibco` in
the folder that `GRAVEN_DATA` or `--data` names, scored with Otsu's threshold; without it they are left out.

**One stroke.** A session as `graven refine` has it draws a stroke, asks the second network about every patch that sees
it, and reads the probability there. What the first network said is known by then.

Who needs more than 12 GiB for a panel is left out.

**Memory.** Each in a process of its own: the largest proportional set size of the process tree, sampled ten times a
second, less what it was when the network was loaded and had answered a tile.
"""


def write(folder: Path) -> None:
    """Write ``index.md``, ``goals.csv``, ``ratios.csv`` and the plots into a folder of CSV files.

    Parameters
    ----------
    folder : Path
        As `benchmarks.run` left it; what was not measured is called so.
    """
    results = Results.read(folder)
    sections = [HEAD, _goals(results, folder)]
    sections += _times(results, folder)
    sections += _memory(results, folder)
    sections += _differences(results)
    sections += _kernels(results.kernels)
    sections += _strokes(results.stroke)
    sections += _engines(results.engines)
    sections += _training(results.training)
    sections += _batch(results.batch)
    sections += [HOW, _machines(folder / "machine.json")]
    text = "\n".join(section.rstrip("\n") + "\n" for section in sections if section)
    (folder / "index.md").write_text(text, encoding="utf-8")


def _goals(results: Results, folder: Path) -> str:
    rows = []
    for goal in GOALS:
        found = None if goal.measure is None else goal.measure(results)
        verdict = "" if found is None or goal.goal == "none set" else "yes" if found.is_met else "no"
        rows.append({"what": goal.what, "goal": goal.goal, "measured": found.text if found else NOT_MEASURED,
                     "reached": verdict})  # fmt: skip
    write_rows(folder / "goals.csv", rows)
    missed = [goal for goal, row in zip(GOALS, rows, strict=True) if row["reached"] == "no" and goal.reason]
    reasons = "".join(f"* *{goal.what}*: {goal.reason}\n" for goal in missed)
    return "## Goals\n\n" + _table(rows) + (f"\nWhat is missed, and why:\n\n{reasons}" if reasons else "")


def _times(results: Results, folder: Path) -> list[str]:
    sections, ratios = [], []
    for content, words in WORDS.items():
        rows = select(results.time, content=content)
        panels = sorted({key_of(row) for row in rows})
        if not panels:
            continue
        lines = []
        for key in [key for key in CONTENDERS if any(row["key"] == key for row in rows)]:
            line: dict[str, object] = {"": CONTENDERS[key].label}
            for panel in panels:
                found = over(results, key, FLOOR, panel)
                line[_side(panel)] = _cell(rows, key, panel, None if found is None else str(found))
                if found is not None:
                    ratios.append({"content": content, "height": panel[1], "width": panel[2], "key": key,
                                   "median": found.median, "low": found.low, "high": found.high,
                                   "n": found.n})  # fmt: skip
            lines.append(line)
        sections.append(f"## Time over the network alone. {words}\n\n" + _table(lines))
        series = {
            CONTENDERS[key].label: points
            for key in CONTENDERS
            if key != FLOOR
            and (points := [(panel[1], found) for panel in panels if (found := over(results, key, FLOOR, panel))])
        }
        if series:
            name = f"time-{content}.png"
            plot(folder / name, series, ylabel="time over the network alone", title=words)
            sections.append(f"![Time over the network alone against the side of the panel]({name})")
    write_rows(folder / "ratios.csv", ratios)
    return [*sections, _stages(results)]


def _stages(results: Results) -> str:
    """Tell what the stages of the whole record take."""
    rows = [row for row in results.time if row["key"] == "graven-record" and row.get("stage")]
    lines = []
    for stage in dict.fromkeys(row["stage"] for row in rows):
        line: dict[str, object] = {"stage": stage}
        for panel in sorted({key_of(row) for row in rows}):
            content, height, width = panel
            here = {"content": content, "height": height, "width": width}
            line[_side(panel)] = paired(
                select(rows, stage=stage, **here), select(results.time, key=FLOOR, stage="", **here)
            )
        lines.append(line)
    return "## Stages of `graven segment`, over the network alone\n\n" + _table(lines) if lines else ""


def _memory(results: Results, folder: Path) -> list[str]:
    panels = sorted({key_of(row) for row in results.memory}, key=lambda panel: panel[1:])
    if not panels:
        return []
    lines, series = [], {}
    for key in [key for key in CONTENDERS if any(row["key"] == key for row in results.memory)]:
        found = {panel: above_model_mb(results, key, panel) for panel in panels}
        lines.append(
            {"": CONTENDERS[key].label}
            | {
                _side(panel): _cell(results.memory, key, panel, None if value is None else f"{value:,.0f}")
                for panel, value in found.items()
            }
        )
        points = [
            (panel[1], Spread(value, value, value, 1))
            for panel, value in found.items()
            if value is not None and value > 0 and panel[1] == panel[2]
        ]
        if points:
            series[CONTENDERS[key].label] = points
    text = "## Peak memory above the loaded model, in MB\n\n" + _table(lines)
    if not series:
        return [text]
    plot(folder / "memory.png", series, ylabel="MB above the loaded model", title="Peak memory", is_log=True)
    return [text, "![Peak memory against the side of the panel](memory.png)"]


def _differences(results: Results) -> list[str]:
    lines = [
        {
            "": CONTENDERS[row["key"]].label,
            "against": CONTENDERS[row["against"]].label,
            "panel": f"{row['content']}, {_side(key_of(row))}",
            "largest": row["max_steps"],
            "p99.9": row["p999_steps"],
            "mean": f"{float(row['mean_steps']):.4f}",
            "pixels that change sides": f"{100 * float(row['flipped']):.4f} %",
        }
        for row in results.differences
    ]
    if not lines:
        return []
    text = (
        "Absolute difference of the results in steps of 1/255. MONAI weighs tiles differently, and moves the last "
        "tiles of a row or column inwards where graven mirrors the border."
    )
    return [f"## What the results differ in\n\n{text}\n\n" + _table(lines)]


def _batch(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    found, first = paired(select(rows, workers=1), select(rows, workers=2)), rows[0]
    text = (
        f"`graven batch` over {first['n_images']} panels of {first['px']}² px: one worker takes {found} times as long "
        "as two."
    )
    return [f"## Workers\n\n{text}"]


def _engines(rows: Sequence[Row]) -> list[str]:
    lines = [
        {
            "model": f"`{row['model']}`",
            "engine": f"{row['engine']}, {row['precision']}",
            "on": row["on"],
            "mean difference": f"{float(row['mean_difference']):.6f}",
            "p99.9": f"{float(row['p999_difference']):.5f}",
            "flipped pixels": f"{100 * float(row['flipped_share']):.4f} %",
            "F1": f"{float(row['f1']):.5f}" if row.get("f1") else "",
            "its change": f"{float(row['f1_change']):+.5f}" if row.get("f1_change") else "",
        }
        for row in rows
    ]
    if not lines:
        return []
    text = (
        "Difference of probabilities: on the stored input of the bundle from its stored answer, on frozen validation "
        "panels from float32. The gate only ever runs in float32."
    )
    return [f"## Engines against float32\n\n{text}\n\n" + _table(lines)]


def _training(rows: Sequence[Row]) -> list[str]:
    lines = []
    for network in dict.fromkeys(row["network"] for row in rows):
        here = [{**row, "seconds": row["step_s"]} for row in select(rows, network=network)]
        ours = select(here, trainer="graven")
        lines.append(
            {
                "network": network,
                "a plain script over graven": paired(select(here, trainer="plain"), ours),
                "waiting for crops": f"{100 * float(ours[0]['waiting_share']):.1f} % of a step" if ours else "",
            }
        )
    if not lines:
        return []
    text = (
        "A step of ten, the first included. The plain script has its crops in memory, computes in float32 and updates "
        "with Adam; graven cuts crops meanwhile and computes in what its recipe resolves to on this machine."
    )
    return [f"## Training\n\n{text}\n\n" + _table(lines)]


def _kernels(rows: Sequence[Row]) -> list[str]:
    lines = [
        {
            "kernel": row["what"],
            "of graven": f"`{row['ours']}`",
            "beside": row["peer"],
            "ratio": ratio_of(row),
            "same result": {"True": "yes", "False": "no"}.get(row["equal"], ""),
        }
        for row in rows
    ]
    if not lines:
        return []
    text = "The time of the other over that of graven; for a limit, which no kernel can beat, that of graven over it."
    return [f"## Kernels\n\n{text}\n\n" + _table(lines)]


def _strokes(rows: Sequence[Row]) -> list[str]:
    lines = []
    for network, grid in dict.fromkeys((row["network"], row["grid"]) for row in rows):
        here = select(rows, network=network, grid=grid)
        middle, late = stroke_ms(here)
        lines.append(
            {
                "network": f"{network}, {here[0]['weights']} weights",
                "stroke on": grid,
                "patches asked": f"{sum(int(row['n_tiles']) for row in here) / len(here):.1f}",
                "median": f"{middle:.0f} ms",
                "p95": f"{late:.0f} ms",
                "strokes": len(here),
            }
        )
    if not lines:
        return []
    text = (
        "From a stroke to the probability of everything that it may have changed, in float32. The goal is in "
        "milliseconds, so these are the only times on this page; they hold for this machine and what ran beside."
    )
    return [f"## One stroke\n\n{text}\n\n" + _table(lines)]


def _machines(path: Path) -> str:
    noted: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not noted:
        return ""
    groups: dict[str, list[str]] = {}
    for part, told in noted.items():
        groups.setdefault(_machine(told), []).append(part)
    return "## Machine\n\n" + "\n".join(f"*{', '.join(names)}:* {text}\n" for text, names in groups.items())


def _machine(told: dict[str, Any]) -> str:
    flags = ", ".join(told["flags"]) or "none of those looked for"
    versions = ", ".join(f"{name} {text}" for name, text in told["versions"].items())
    cores = f"{told['cores_usable']} of {told['cores']} logical cores usable ({flags})"
    load = f"{told['load']} cores busy with other work when it began"
    return (
        f"{told['date']}, {told['processor']}, {cores}, {told['memory_gib']} GiB, {told['system']}; {load}. "
        f"At most {told['n']} rounds.{' ' + told['note'] if told.get('note') else ''} {versions}."
    )


def _cell(rows: Iterable[Row], key: str, panel: tuple[str, int, int], value: str | None) -> str:
    if value is not None:
        return value
    content, height, width = panel
    reasons = [
        row["left_out"]
        for row in select(rows, key=key, content=content, height=height, width=width)
        if row.get("left_out")
    ]
    return f"left out: {reasons[0]}" if reasons else NOT_MEASURED


def _side(panel: tuple[str, int, int]) -> str:
    _, height, width = panel
    return f"{height:,}²" if height == width else f"{height:,} × {width:,}"


def _table(rows: Sequence[dict[str, Any]]) -> str:
    """Set rows as a Markdown table; columns in order of their appearance."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns, ["---"] * len(columns)]
    lines += [[_text(row.get(name)) for name in columns] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _text(value: object) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/benchmarks"))
    write(parser.parse_args().folder)


if __name__ == "__main__":
    main()
