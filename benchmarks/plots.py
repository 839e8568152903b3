"""The two plots: time and memory against the side of a panel, told apart by colour, dash and marker."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.contenders import CONTENDERS
from graven.report.palette import OKABE_ITO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.rows import Spread

__all__ = ["plot"]

INK, SOFT, DPI = "#1d2125", "#545c64", 110
COLORS = (INK, *(color for color in OKABE_ITO if color != "#F0E442"))  # the yellow is too pale on white
DASHES, MARKERS = ("-", "--", "-.", ":"), ("o", "s", "^", "D", "v", "x", "P", "<", "*", ">", "h")


def plot(
    path: Path, series: Mapping[str, Sequence[tuple[int, Spread]]], *, ylabel: str, title: str, is_log: bool = False
) -> None:
    """Draw medians with bars from the smallest to the largest value; the horizontal axis doubles.

    Parameters
    ----------
    path : Path
        PNG to be written; equal values give equal bytes.
    series : mapping of str to sequence of (side in pixels, Spread)
        By label of a contender.
    ylabel, title : str
        Texts.
    is_log : bool
        Logarithmic vertical axis.
    """
    figure = Figure(figsize=(7.4, 4.2), dpi=DPI, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    places = [contender.label for contender in CONTENDERS.values()]  # so that each looks the same in every plot
    for label, points in series.items():
        index = places.index(label)
        sides = [side for side, _ in points]
        middle = [found.median for _, found in points]
        bars = [[found.median - found.low for _, found in points], [found.high - found.median for _, found in points]]
        axes.errorbar(
            sides,
            middle,
            yerr=bars,
            label=label,
            color=COLORS[index % len(COLORS)],
            ls=DASHES[index % len(DASHES)],
            marker=MARKERS[index % len(MARKERS)],
            ms=4.5,
            lw=1.5,
            capsize=2.5,
        )
    sides = sorted({side for points in series.values() for side, _ in points})
    axes.set_xscale("log", base=2)
    axes.set_xticks(sides, [f"{side:,}" for side in sides])
    axes.minorticks_off()
    if is_log:
        axes.set_yscale("log")
    axes.set_xlabel("side of the panel in pixels", color=INK)
    axes.set_ylabel(ylabel, color=INK)
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(SOFT)
    axes.tick_params(colors=INK, labelsize=9)
    axes.grid(color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(buffer, format="png", dpi=DPI, metadata={"Software": None})
    path.write_bytes(buffer.getvalue())
