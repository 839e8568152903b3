"""Figures of a study as PNG bytes: box plots, grids of maps with zooms, curves.

Drawn with matplotlib objects only: no pyplot, no window, no global setting, so that figures can be made from any
thread and two calls never meet.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from graven.errors import InputError
from graven.report.palette import OKABE_ITO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from graven.types import Window

__all__ = ["box_plots", "curves", "picture_grid"]

_INK, _SOFT, _DPI = "#1d2125", "#545c64", 150
_LINES = ("-", "--", "-.", ":")


def box_plots(
    groups: Mapping[str, Sequence[float]],
    *,
    ylabel: str,
    title: str = "",
    published: Mapping[str, float] | None = None,
    limits: tuple[float, float] | None = None,
) -> bytes:
    """Draw the spread of a score for several methods, as in Figure 5 of the BEGL paper.

    Parameters
    ----------
    groups : mapping of str to sequence of float
        Scores of single images by method, at least one each, finite.
    ylabel, title : str
        Texts.
    published : mapping of str to float, optional
        Published values, drawn as open diamonds for the groups that they name.
    limits : (float, float), optional
        Range of the axis.

    Returns
    -------
    bytes
        PNG. The box holds the middle half, the line is the median, whiskers reach the last score within 1.5 box
        heights, dots are scores beyond, the cross is the mean.

    Raises
    ------
    InputError
        If there is no group, or one is empty or holds an undefined score.
    """
    if not groups:
        raise InputError("a box plot needs at least one group of scores, got none")
    for name, scores in groups.items():
        if len(scores) == 0 or not np.isfinite(np.asarray(scores, np.float64)).all():
            raise InputError(f"each group of a box plot needs finite scores, {name!r} has {list(scores)[:5]}")
    figure, axes = _axes(width=1.6 + 1.15 * len(groups), height=3.8)
    boxes = axes.boxplot(
        [np.asarray(scores, np.float64) for scores in groups.values()],
        widths=0.55,
        patch_artist=True,
        showmeans=True,
        meanprops={"marker": "x", "markeredgecolor": _INK, "markersize": 6},
        medianprops={"color": _INK, "linewidth": 1.6},
        flierprops={"marker": "o", "markersize": 3, "markerfacecolor": _SOFT, "markeredgecolor": "none"},
    )
    for i, box in enumerate(boxes["boxes"]):
        box.set(facecolor=OKABE_ITO[i % len(OKABE_ITO)], edgecolor=_INK, alpha=0.75)
    axes.set_xticks(range(1, len(groups) + 1), [f"{name}\nn = {len(scores)}" for name, scores in groups.items()])
    known = [(i, published[name]) for i, name in enumerate(groups, start=1) if published and name in published]
    if known:
        places, values = zip(*known, strict=True)
        axes.plot(places, values, "D", mfc="white", mec=_INK, ms=6, ls="none", label="published", zorder=5)
        axes.legend(frameon=False, fontsize=9, loc="lower right")
    if limits is not None:
        axes.set_ylim(*limits)
    axes.set_ylabel(ylabel, color=_INK)
    axes.set_title(title, loc="left", fontsize=11, color=_INK)
    axes.grid(axis="y", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    return _png(figure)


def curves(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    log_y: bool = False,
) -> bytes:
    """Draw lines that also differ in dash, so that a grey print tells them apart.

    Parameters
    ----------
    series : mapping of str to (x, y)
        Two sequences of equal length each; undefined values leave a gap.
    xlabel, ylabel, title : str
        Texts.
    log_y : bool
        Logarithmic y axis.

    Returns
    -------
    bytes
        PNG.

    Raises
    ------
    InputError
        If there is no series, or lengths differ.
    """
    if not series:
        raise InputError("a plot needs at least one series, got none")
    figure, axes = _axes(width=7.0, height=3.8)
    for i, (name, (x, y)) in enumerate(series.items()):
        if len(x) != len(y):
            raise InputError(f"a series needs as many x as y, {name!r} has {len(x)} and {len(y)}")
        marker = "o" if len(x) < 30 else ""
        axes.plot(
            x,
            y,
            label=name,
            color=_line_color(i),
            ls=_LINES[i // 7 % 4 if len(series) > 7 else i % 4],
            marker=marker,
            ms=3.5,
        )
    if log_y:
        axes.set_yscale("log")
    axes.set_xlabel(xlabel, color=_INK)
    axes.set_ylabel(ylabel, color=_INK)
    axes.set_title(title, loc="left", fontsize=11, color=_INK)
    axes.grid(color="#dddddd", linewidth=0.7)
    axes.legend(frameon=False, fontsize=9)
    return _png(figure)


def picture_grid(
    rows: Sequence[Sequence[NDArray[np.uint8]]],
    *,
    column_titles: Sequence[str],
    row_titles: Sequence[str] | None = None,
    zooms: Sequence[Window | None] | None = None,
    cell_px: int = 320,
    n_colors: int | None = 128,
) -> bytes:
    """Set pictures in a grid with titles, as the maps and zooms of Figures 6 and 7 of the BEGL paper.

    Parameters
    ----------
    rows : sequence of sequences of ndarray of shape (H, W) or (H, W, 3), uint8
        Pictures, as many per row as there are column titles.
    column_titles : sequence of str
        Above the first row.
    row_titles : sequence of str, optional
        Left of each row.
    zooms : sequence of Window or None, optional
        Per row, a rectangle **of that row's pictures**; it is framed in the row and shown enlarged, without smoothing,
        in a further row below.
    cell_px : int, >= 32
        Side of a cell in the file.
    n_colors : int or None
        Colours of the PNG's palette, which keeps committed pictures small; None keeps full colour.

    Returns
    -------
    bytes
        PNG.

    Raises
    ------
    InputError
        If the numbers of pictures, titles and zooms disagree, or a zoom lies outside its pictures.
    """
    n_cols = len(column_titles)
    if not rows or any(len(row) != n_cols for row in rows):
        raise InputError(f"each row needs {n_cols} pictures like the titles, got {[len(row) for row in rows]}")
    if (row_titles is not None and len(row_titles) != len(rows)) or (zooms is not None and len(zooms) != len(rows)):
        raise InputError(f"row titles and zooms must be as many as the {len(rows)} rows")
    plan = _grid_plan(rows, row_titles, zooms)
    inch = cell_px / _DPI
    left, top, gap = 0.28 if row_titles is not None else 0.03, 0.26, 0.05
    width = left + n_cols * inch + (n_cols - 1) * gap + 0.03
    height = top + sum(row.ratio for row in plan) * inch + (len(plan) - 1) * gap + 0.03
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    y = height - top
    for j, row in enumerate(plan):
        y -= row.ratio * inch
        for i, picture in enumerate(row.pictures):
            x = left + i * (inch + gap)
            axes = figure.add_axes((x / width, y / height, inch / width, row.ratio * inch / height))
            _picture(axes, picture, row)
            if j == 0:
                axes.set_title(column_titles[i], fontsize=8.5, color=_INK, pad=3)
            if i == 0 and row.title:
                axes.set_ylabel(row.title, fontsize=8.5, color=_INK)
        y -= gap
    return _png(figure, tight=False, n_colors=n_colors)


@dataclass(frozen=True, slots=True)
class _GridRow:
    """One drawn row: pictures, the title at its left, and a frame to draw or the fact that it is an enlargement."""

    pictures: list[NDArray[np.uint8]]
    title: str
    frame: Window | None
    is_enlarged: bool

    @property
    def ratio(self) -> float:
        """Height over width of the tallest picture."""
        return max(float(picture.shape[0] / picture.shape[1]) for picture in self.pictures)


def _grid_plan(
    rows: Sequence[Sequence[NDArray[np.uint8]]],
    row_titles: Sequence[str] | None,
    zooms: Sequence[Window | None] | None,
) -> list[_GridRow]:
    """List the rows to draw: each row with its frame, and below it the enlarged part."""
    plan = []
    for i, row in enumerate(rows):
        zoom = zooms[i] if zooms is not None else None
        plan.append(_GridRow(list(row), row_titles[i] if row_titles is not None else "", zoom, is_enlarged=False))
        if zoom is None:
            continue
        for picture in row:
            if zoom.is_empty or zoom.row_end > picture.shape[0] or zoom.col_end > picture.shape[1]:
                raise InputError(f"the zoom {zoom} lies outside a picture of shape {picture.shape[:2]}")
        plan.append(_GridRow([picture[zoom.slices()] for picture in row], "", None, is_enlarged=True))
    return plan


def _picture(axes: Axes, picture: NDArray[np.uint8], row: _GridRow) -> None:
    smooth = "nearest" if row.is_enlarged else "antialiased"
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation=smooth)
    if row.frame is not None:
        corner = (row.frame.col - 0.5, row.frame.row - 0.5)
        axes.add_patch(Rectangle(corner, row.frame.width, row.frame.height, fill=False, ec="#D55E00", lw=1.4))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(color="#9aa0a6", linewidth=0.6)


def _line_color(i: int) -> str:
    """Colour of a line: the class colours without the yellow, which is too pale on white."""
    colors = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#1d2125")
    return colors[i % len(colors)]


def _axes(*, width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_SOFT)
    axes.tick_params(colors=_INK, labelsize=9)
    return figure, axes


def _png(figure: Figure, *, tight: bool = True, n_colors: int | None = None) -> bytes:
    """Render with the software canvas; no date and no version in the file, so equal figures are equal bytes."""
    canvas = FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    canvas.print_figure(
        buffer, format="png", dpi=_DPI, metadata={"Software": None}, bbox_inches="tight" if tight else None
    )
    if n_colors is None:
        return buffer.getvalue()
    buffer.seek(0)
    image = Image.open(buffer).convert("RGB").quantize(n_colors, dither=Image.Dither.NONE)
    small = io.BytesIO()
    image.save(small, "PNG", optimize=True)
    return small.getvalue()
