"""Charts drawn as inline SVG, so that they are sharp at any size and need no script."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from graven.errors import InputError
from graven.report.format import format_number

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["histogram", "log_edges"]

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 720, 230, 46, 46, 22


def log_edges(values: Sequence[float]) -> list[float]:
    """Give bin edges 1, 2, 5, 10, 20, 50 … that hold all values.

    Parameters
    ----------
    values : sequence of float, > 0
        Sizes in one unit.

    Returns
    -------
    list of float
        Rising edges; every value lies in ``edges[i] <= value < edges[i + 1]`` for one i.

    Raises
    ------
    InputError
        If there is no value, or one is not positive and finite.

    Examples
    --------
    >>> log_edges([3.0, 40.0])
    [2.0, 5.0, 10.0, 20.0, 50.0]
    """
    if not values or not all(math.isfinite(value) and value > 0 for value in values):
        raise InputError("a histogram of sizes needs at least one value, all positive and finite")
    first, last = math.floor(math.log10(min(values))) - 1, math.floor(math.log10(max(values))) + 1
    steps = [float(f"{lead}e{exponent}") for exponent in range(first, last + 1) for lead in (1, 2, 5)]
    start = max(i for i, edge in enumerate(steps) if edge <= min(values))
    stop = min(i for i, edge in enumerate(steps) if edge > max(values))
    return steps[start : stop + 1]


def histogram(values: Sequence[float], *, unit: str, quantity: str, noun: str = "figures") -> Markup:
    """Draw how many objects there are of which size, on a logarithmic axis.

    Parameters
    ----------
    values : sequence of float, > 0
        Sizes in `unit`.
    unit : str
        Printed at the axis.
    quantity : str
        ``area`` or ``length``.
    noun : str
        What is counted.

    Returns
    -------
    Markup
        Inline SVG with a title and a description for readers who cannot see it.
    """
    edges = log_edges(values)
    counts = [sum(low <= value < high for value in values) for low, high in itertools.pairwise(edges)]
    plot_w, plot_h = _WIDTH - _LEFT - 28, _HEIGHT - _BOTTOM - _TOP
    step, most = plot_w / len(counts), max(counts)
    parts = []
    for i, count in enumerate(counts):
        x, h = _LEFT + i * step, plot_h * count / most
        y = _TOP + plot_h - h
        if count:
            parts.append(f'<rect x="{x + 1:.1f}" y="{y:.1f}" width="{step - 2:.1f}" height="{h:.1f}" fill="#5b6770"/>')
            parts.append(f'<text x="{x + step / 2:.1f}" y="{y - 5:.1f}" text-anchor="middle">{count}</text>')
    base = _TOP + plot_h
    parts.append(f'<path d="M{_LEFT} {base}H{_LEFT + plot_w}" stroke="#111" fill="none"/>')
    for i, edge in enumerate(edges):
        x = _LEFT + i * step
        parts.append(f'<path d="M{x:.1f} {base}v5" stroke="#111"/>')
        if len(edges) <= 16 or i % 3 == 0:
            label = f"{edge:g}" if edge < 1 else format_number(edge, 0)
            parts.append(f'<text x="{x:.1f}" y="{base + 18}" text-anchor="middle">{label}</text>')
    middle = _LEFT + plot_w / 2
    axis = f"{escape(quantity)} in {escape(unit)}, logarithmic"
    parts.append(f'<text x="{middle:.0f}" y="{_HEIGHT - 6}" text-anchor="middle" class="axis">{axis}</text>')
    parts.append(f'<text transform="translate(14 {_TOP + plot_h / 2:.0f}) rotate(-90)" text-anchor="middle" '
                 f'class="axis">{escape(noun)}</text>')  # fmt: skip
    spoken = "; ".join(
        f"{count} from {low:g} to {high:g}" for count, low, high in zip(counts, edges, edges[1:], strict=False) if count
    )
    return Markup(
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="hist-title hist-desc">'
        f'<title id="hist-title">Number of {escape(noun)} by {escape(quantity)}</title>'
        f'<desc id="hist-desc">{spoken}, in {escape(unit)}.</desc>{"".join(parts)}</svg>'
    )
