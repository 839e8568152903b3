"""The goals, and what was measured of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.contenders import FLOOR
from benchmarks.rows import Row, Spread, paired, read_rows, select, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["GOALS", "Goal", "Measured", "Results", "above_model_mb", "over", "ratio_of", "stroke_ms"]

DENSE_8K, SPARSE_8K = ("dense", 8192, 8192), ("sparse", 8192, 8192)
DENSE_16K, TALL = ("dense", 16_384, 16_384), ("dense", 32_768, 8192)
GATED, UNGATED = "graven-gated", "graven-prepared"
ONE_PATCH = "one patch of 512 px"

PanelKey = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Results:
    """All rows of a measurement, as text; parts that were not run are empty."""

    time: list[Row]
    memory: list[Row]
    differences: list[Row]
    kernels: list[Row]
    engines: list[Row]
    training: list[Row]
    batch: list[Row]
    help: list[Row]
    stroke: list[Row]

    @classmethod
    def read(cls, folder: Path) -> Results:
        """Read the CSV files of a folder."""
        return cls(*(read_rows(folder / f"{name}.csv") for name in cls.__slots__))


@dataclass(frozen=True, slots=True)
class Measured:
    """A measured value in words, and whether it reaches the goal."""

    text: str
    is_met: bool


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be reached.

    Attributes
    ----------
    what, goal : str
        In words.
    measure : callable or None
        ``measure(results)``; None where nothing here measures it, and its answer is None where that part was not run.
    reason : str
        Why it is missed where it was last missed.
    """

    what: str
    goal: str
    measure: Callable[[Results], Measured | None] | None = None
    reason: str = ""


def over(results: Results, key: str, base: str, panel: PanelKey) -> Spread | None:
    """Give the time of one contender over that of another, paired by rounds."""
    content, height, width = panel
    runs = select(results.time, content=content, height=height, width=width, stage="")
    return paired(select(runs, key=key), select(runs, key=base))


def above_model_mb(results: Results, key: str, panel: PanelKey) -> float | None:
    """Give the peak memory of a contender above its loaded model, in MB (10^6 bytes)."""
    content, height, width = panel
    runs = select(results.memory, content=content, height=height, width=width, key=key)
    found = [float(row["peak_mb"]) - float(row["ready_mb"]) for row in runs if row.get("peak_mb")]
    return max(found, default=None)


def _at_most(
    results: Results, *, key: str, base: str, panel: PanelKey, limit: float, faster: bool = False
) -> Measured | None:
    """Compare a median ratio with its limit; `faster` asks for at least `limit`."""
    found = over(results, key, base, panel)
    if found is None:
        return None
    return Measured(f"{found} ×", found.median >= limit if faster else found.median <= limit)


def _equal_to_naive(results: Results) -> Measured | None:
    rows = select(results.differences, key="naive", against="graven")
    if not rows:
        return None
    worst = max(int(row["max_steps"]) for row in rows)
    sizes = ", ".join(sorted({f"{row['height']}²" for row in rows}, key=lambda text: int(text[:-1])))
    return Measured(f"at most {worst}/255 at {sizes}", worst <= 1)


def _recall(results: Results) -> Measured | None:
    content, height, width = SPARSE_8K
    rows = select(results.differences, content=content, height=height, width=width, key=GATED)
    if not rows or not rows[0].get("recall"):
        return None
    gated, ungated = float(rows[0]["recall"]), float(rows[0]["recall_ungated"])
    return Measured(f"{gated / ungated:.4f} ({gated:.4f} of {ungated:.4f})", gated >= 0.99 * ungated)


def _peak(results: Results) -> Measured | None:
    found = above_model_mb(results, UNGATED, DENSE_16K)
    return None if found is None else Measured(f"{found / 1000:.2f} GB", found <= 400)


def _growth(results: Results) -> Measured | None:
    low, high = above_model_mb(results, UNGATED, DENSE_8K), above_model_mb(results, UNGATED, TALL)
    if low is None or high is None:
        return None
    return Measured(f"{100 * (high / low - 1):+.0f} % ({low:.0f} to {high:.0f} MB)", high <= 1.1 * low)


def _kernel(results: Results, *, what: str, limit: float, faster: bool = False) -> Measured | None:
    """Compare a kernel with its limit, or with all the peers that its goal names; they must give the same."""
    rows = [row for row in select(results.kernels, what=what) if row["goal"]]
    if not rows:
        return None
    texts, is_met = [], True
    for row in rows:
        middle, is_equal = float(row["ratio_median"]), row["equal"] != "False"
        texts.append(f"{row['peer']} {ratio_of(row)} ×" + ("" if is_equal else ", another result"))
        is_met &= is_equal and (middle >= limit if faster else middle <= limit)
    return Measured("; ".join(texts), is_met)


def ratio_of(row: Row) -> str:
    """Write the ratio of a kernel with its spread."""
    middle, low, high = (float(row[f"ratio_{name}"]) for name in ("median", "min", "max"))
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


def _engines(results: Results) -> Measured | None:
    rows = [row for row in results.engines if row.get("f1_change")]
    if not rows:
        return None
    worst = max(rows, key=lambda row: abs(float(row["f1_change"])))
    change, flipped = float(worst["f1_change"]), max(float(row["flipped_share"]) for row in rows)
    p999 = max(float(row["p999_difference"]) for row in rows)
    text = f"{change:+.5f} ({worst['engine']}, {worst['precision']}); {100 * flipped:.3f} % flipped, p99.9 {p999:.4f}"
    return Measured(text, abs(change) <= 0.001)


def _training(results: Results) -> Measured | None:
    texts, is_met = [], True
    for network in dict.fromkeys(row["network"] for row in results.training):
        rows = [{**row, "seconds": row["step_s"]} for row in select(results.training, network=network)]
        found = paired(select(rows, trainer="plain"), select(rows, trainer="graven"))
        if found is not None:
            texts.append(f"{network} {found} ×")
            is_met &= found.median >= 3.0
    return Measured("; ".join(texts), is_met) if texts else None


def _waiting(results: Results) -> Measured | None:
    shares = spread(100 * float(row["waiting_share"]) for row in results.training if row.get("waiting_share"))
    return None if shares is None else Measured(f"{shares} %", shares.median <= 3.0)


def _help(results: Results) -> Measured | None:
    found = spread(float(row["cpu_s"]) for row in results.help)
    if found is None:
        return None
    heavy = " ".join(sorted({row["heavy"] for row in results.help} - {""}))
    return Measured(f"{heavy or 'neither'}; {found} s", not heavy and found.median <= 0.3)


def stroke_ms(rows: Sequence[Row]) -> tuple[float, float]:
    """Give median and 95th percentile of the time of strokes, in milliseconds."""
    middle, late = np.percentile([1000 * float(row["seconds"]) for row in rows], [50, 95])
    return float(middle), float(late)


def _stroke(results: Results, *, network: str, limit_ms: float) -> Measured | None:
    rows = select(results.stroke, network=network, grid=ONE_PATCH)
    if not rows:
        return None
    middle, late = stroke_ms(rows)
    text = f"{late:.0f} ms, median {middle:.0f} ms ({len(rows)} strokes, {rows[0]['weights']} weights)"
    return Measured(text, late <= limit_ms)


GOALS = (
    Goal(
        "whole 8192² image to a tiled GeoTIFF, over network-only time",
        "≤ 1.08 ×",
        partial(_at_most, key="graven", base=FLOOR, panel=DENSE_8K, limit=1.08),
        "the network keeps both cores busy, so nothing can be hidden behind it. It takes 13.0 processor seconds; with "
        "one that answers at once, all the rest takes 2.5: reading 0.5, blending 0.3, rounding 0.1, compression and "
        "threads the others. That is 1.19 ×; the rest is what threads cost each other. Where the network is slower, "
        "the ratio is smaller.",
    ),
    Goal(
        "the same, with the preparation of the model",
        "none set",
        partial(_at_most, key=UNGATED, base=FLOOR, panel=DENSE_8K, limit=float("inf")),
    ),
    Goal(
        "MONAI with the same predictor over graven, 8192²",
        "≥ 1.2 ×",
        partial(_at_most, key="monai-constant", base="graven", panel=DENSE_8K, limit=1.2, faster=True),
    ),
    Goal("equal to a naive accumulator over the same tiles and engine", "within 1/255", _equal_to_naive),
    Goal(
        "with COG conversion, verification, vectors and report, over network-only time, 8192²",
        "≤ 1.25 ×",
        partial(_at_most, key="graven-record", base=FLOOR, panel=DENSE_8K, limit=1.25),
        "the stages stand below. Beside the network's 13.0 processor seconds, reversal and CLAHE take 2.4, vectors in "
        "four formats 3.3 in Python, COGs with overviews and their verification 1.9, the pictures of the report 1.1 "
        "and its page 1.2; a panel this full of figures has 900 of them.",
    ),
    Goal("engines against float32: change of F1", "≤ 0.001", _engines),
    Goal(
        "eager PyTorch in float32, end to end, over graven, 8192²",
        "≥ 6 ×",
        partial(_at_most, key="torch-float32", base="graven", panel=DENSE_8K, limit=6.0, faster=True),
        "this processor multiplies bfloat16 without matrix units, and the bundled network is small: alone it is only "
        "that much faster than eager PyTorch.",
    ),
    Goal(
        "panel that is 90 % empty, 8192²: time with the gate over without",
        "≤ 0.25 ×",
        partial(_at_most, key=GATED, base=UNGATED, panel=SPARSE_8K, limit=0.25),
        "the gate's default loses no tile with pecking of its calibration panels, and lets most rock pass, since "
        "generated rock is full of marks that look like figures at 2 mm per pixel; the segmenter itself marks more "
        "than a speck in every eighth empty tile. The gate takes a tenth of the time, and the tiles that touch a cell "
        "with figures are another eighth, so hardly any empty tile might pass. `--gate-threshold` trades recall for "
        "time; the card of the gate says how much.",
    ),
    Goal("the same: recall of figure pixels over that without", "≥ 0.99", _recall),
    Goal("peak memory above the loaded model at 16,384²", "≤ 0.4 GB", _peak),
    Goal(
        "its growth from 8,192 to 32,768 rows of 8,192 px",
        "≤ 10 %",
        _growth,
        "nothing that is kept grows with the rows but a byte per tile; the peaks of one and the same panel differ by "
        "as much from run to run, with what the allocator keeps for its threads.",
    ),
    Goal(
        "one stroke to a new mask, 512² patch, compact network",
        "p95 ≤ 150 ms",
        partial(_stroke, network="compact", limit_ms=150),
    ),
    Goal(
        "the same with EfficientNet-B6",
        "p95 ≤ 500 ms",
        partial(_stroke, network="EfficientNet-B6", limit_ms=500),
    ),
    Goal(
        "training step of a plain float32 script over ours",
        "≥ 3 ×",
        _training,
        "as above: without matrix units bfloat16 gains less, and what is not a convolution stays as it is.",
    ),
    Goal("data loading, share of a training step", "≤ 3 %", _waiting),
    Goal(
        "pixel counts for F-measure over the read limit",
        "≤ 1.5 ×",
        partial(_kernel, what="pixel counts", limit=1.5),
        "one pass of a compiled loop over two masks in one thread; the limit reads the same bytes.",
    ),
    Goal(
        "pFM: a skimage-based script over ours, same value",
        "≥ 3 ×",
        partial(_kernel, what="pFM", limit=3.0, faster=True),
    ),
    Goal(
        "the same on 20 scanned pages",
        "≥ 3 ×",
        partial(_kernel, what="pFM of 20 scanned pages", limit=3.0, faster=True),
    ),
    Goal(
        "skeleton graph: sknw and skan over ours, same graph",
        "≥ 3 ×",
        partial(_kernel, what="skeleton graph", limit=3.0, faster=True),
    ),
    Goal(
        "photometric stereo by least squares over the stream limit",
        "≤ 1.5 ×",
        partial(_kernel, what="photometric stereo, least squares", limit=1.5),
    ),
    Goal(
        "robust photometric stereo: numpy normal equations over ours",
        "≥ 10 ×",
        partial(_kernel, what="photometric stereo, robust without lobes", limit=10.0, faster=True),
    ),
    Goal(
        "the same with the lobes of highlights, which the script in numpy does not fit",
        "≥ 10 ×",
        partial(_kernel, what="photometric stereo, robust", limit=10.0, faster=True),
        "the script does only a part of the work: after the reweighted fits, which both do, ours fits strength and "
        "width of a highlight in every pixel.",
    ),
    Goal("depth to PLY over the raw write (comes with relief)", "≤ 2 ×"),
    Goal("`graven --help`: imports of torch or GDAL; processor time", "neither; ≤ 0.3 s", _help),
)
"""In the order in which they were set; the numbers are from before anything was measured."""
