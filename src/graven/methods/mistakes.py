"""Where a tracing and the truth differ most, as the stroke that a person would draw there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graven.errors import MismatchError
from graven.measure.centerlines import trace_centerlines
from graven.measure.components import find_components, read_runs
from graven.metrics.tolerance import within
from graven.types import Stroke

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from graven.measure.centerlines import Centerline
    from graven.types.strokes import Polarity

__all__ = ["longest_mistake"]

_BORDER_PX = 1.0


def longest_mistake(
    found: NDArray[np.bool_], truth: NDArray[np.bool_], *, uid: str, tolerance_px: float = 2.0
) -> Stroke | None:
    """Find the longest line that is missing or too much, and draw over it.

    Parameters
    ----------
    found, truth : ndarray of shape (H, W), bool
        A tracing and what should be there.
    uid : str
        Name of the stroke.
    tolerance_px : float, pixels, >= 0
        Nothing counts as missing or too much that lies so near to the other mask.

    Returns
    -------
    Stroke or None
        Along the centre-line, as wide as what is missing, or a little wider than what is too much; None where no line
        is wrong any more.

    Raises
    ------
    MismatchError
        If shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.zeros((20, 40), bool)
    >>> truth[8:12, 5:35] = True
    >>> stroke = longest_mistake(np.zeros_like(truth), truth, uid="a")
    >>> stroke.polarity, stroke.width_px
    ('add', 4.0)
    """
    if found.shape != truth.shape:
        raise MismatchError(f"found has shape {found.shape}, truth {truth.shape}; bring both to one grid")
    lines: list[tuple[Centerline, Polarity]] = []
    lines += [(line, "add") for line in _lines(truth & ~within(found, tolerance_px=tolerance_px))]
    lines += [(line, "erase") for line in _lines(found & ~within(truth, tolerance_px=tolerance_px))]
    if not lines:
        return None
    line, polarity = max(lines, key=lambda pair: pair[0].length)
    width = line.width_mean if polarity == "add" else line.width_p95 + 2 * _BORDER_PX
    return Stroke(points=line.points, width_px=width, polarity=polarity, uid=uid)


def _lines(mask: NDArray[np.bool_]) -> list[Centerline]:
    height, width = mask.shape
    runs = read_runs(lambda window: mask[window.slices()], height=height, width=width)
    return [line for lines in trace_centerlines(find_components(runs)) for line in lines]
