"""What has changed between two records of one painting, in the frame of the earlier photograph.

A change counts where it is larger than what the photographs leave open: how well they lie on each other, how wide a
crack is, and how sure the model was. A line of one date is no change where the other date shows it faintly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from graven.errors import DataError, MismatchError
from graven.measure.change import changed_areas, changed_lines, stretches
from graven.measure.components import find_components, read_runs
from graven.measure.evidence import Sight, areas_differ, detail_agreement, even_light
from graven.measure.polygons import trace_polygons
from graven.methods.tracing import TraceRecord
from graven.prepare.bands import bands_view
from graven.prepare.registration import transform_points
from graven.types import NODATA, ClassDefinition, ClassTable, Measure, Step, Trace, Window, trace_uid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.measure.change import AreaChange, LineChange
    from graven.methods.condition import ConditionRecord
    from graven.prepare.registration import Registration
    from graven.types import PixelSize, Ring

__all__ = ["CHANGE_CLASSES", "Comparison", "compare"]

CHANGE_CLASSES = ClassTable(
    (
        ClassDefinition(1, "craquelure_gained", "#D55E00", "solid", "line", "CG"),
        ClassDefinition(2, "craquelure_lost", "#0072B2", "solid", "line", "CL"),
        ClassDefinition(3, "paint_loss_gained", "#E69F00", "diagonal", "area", "LG"),
        ClassDefinition(4, "paint_loss_lost", "#56B4E9", "cross", "area", "LL"),
    )
)
"""What can change; what is lost was closed, filled or retouched, or the model sees it no more."""

MIN_TOLERANCE_PX = 3.0
MIN_LENGTH_PX = 20.0
WIDTHS_LONG = 4.0
MIN_AREA_PX = 40.0
FAINT = 0.2
FAINT_LONG = 5.0
"""A speck that a line passes within the tolerance shows over about twice the tolerance; so long is no speck."""
LINE_PX = 3
MIN_AGREEMENT = 0.9
EDGE_PX = 32
"""So near to the edge of a photograph the model lacks context, and a line is not told to be new."""
BESIDE_LOSS_PX = 6
"""So near to a loss a line is its edge or its shadow, and not told apart."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two dates side by side.

    Attributes
    ----------
    record : TraceRecord
        What has changed, as a record of the classes `CHANGE_CLASSES`, in the frame of the earlier photograph.
    gained, lost : LineChange
        Of the cracks.
    areas_gained, areas_lost : AreaChange
        Of the losses.
    tolerance_px : float, pixels
        Displacements up to this are no change.
    notes : tuple of str
        What a reader must know.
    """

    record: TraceRecord
    gained: LineChange
    lost: LineChange
    areas_gained: AreaChange
    areas_lost: AreaChange
    tolerance_px: float
    notes: tuple[str, ...]


def compare(
    before: ConditionRecord,
    after: ConditionRecord,
    registration: Registration,
    *,
    min_agreement: float = MIN_AGREEMENT,
) -> Comparison:
    """Tell what has come and gone.

    Parameters
    ----------
    before, after : ConditionRecord
        Of the two photographs, traced with the same model.
    registration : Registration
        From the earlier photograph to the later.
    min_agreement : float, -1 to 1
        How well the fine detail of the photographs must agree (`graven.measure.evidence.detail_agreement`).

    Returns
    -------
    Comparison
        In the frame and the scale of the earlier photograph.

    Raises
    ------
    MismatchError
        If the records were made with different thresholds.
    DataError
        If the light of the two photographs differs too much.

    Notes
    -----
    What the model traces at one date alone counts only where the photographs themselves differ: a line that one shows
    and the other does not, an area whose colour has changed. Holds some forty bytes per pixel of both photographs.
    """
    if before.plan.threshold != after.plan.threshold:
        raise MismatchError(
            f"both dates must be traced with one threshold, got {before.plan.threshold} and {after.plan.threshold}"
        )
    raster, back = before.plan.raster, np.linalg.inv(registration.matrix).astype(np.float64)
    size: PixelSize | None = raster.pixel_size
    old, new = _Date(before), _Date(after, back, (raster.height, raster.width))
    width_px = _typical_width_px(before, size)
    residual = registration.residual_px
    tolerance = max(MIN_TOLERANCE_PX, 2 * registration.residual_p95_px + width_px / 2)
    limits: dict[str, Any] = {"tolerance_px": tolerance, "residual_px": residual, "pixel_size": size}
    shortest = max(MIN_LENGTH_PX, WIDTHS_LONG * width_px, 3 * tolerance)
    smallest = max(MIN_AREA_PX, before.plan.min_area_px, tolerance**2)
    known = old.valid & new.valid
    inner = _away_from_edges(known)
    _check_light(detail_agreement(old.even, new.even, known), min_agreement)
    colours = _balanced(old.colours, new.colours, known)
    sights = [Sight(date.even, bands, max(1.0, width_px)) for date, bands in zip((old, new), colours, strict=True)]
    cracks = {"min_length_px": shortest, **limits}
    gained = changed_lines(
        new.unseen_by(old, inner, tolerance), old.lines, shows=partial(sights[1].alone, other=sights[0]), **cracks
    )
    lost = changed_lines(
        old.unseen_by(new, inner, tolerance), new.lines, shows=partial(sights[0].alone, other=sights[1]), **cracks
    )
    holes = {"valid": known, "min_area_px": smallest, **limits}
    more = changed_areas(new.losses, old.losses, differ=partial(areas_differ, pictures=colours[::-1]), **holes)
    less = changed_areas(old.losses, new.losses, differ=partial(areas_differ, pictures=colours), **holes)
    source = f"{raster.source_sha256 or raster.name}:{after.plan.raster.source_sha256 or after.plan.raster.name}"
    labels = _labels(known, (gained, lost), (more, less))
    traces = (
        *_line_traces(gained, 1, source),
        *_line_traces(lost, 2, source),
        *_area_traces(more, 3, source),
        *_area_traces(less, 4, source),
    )
    notes = _notes(registration, tolerance, gained, more)
    step = Step(
        "measure",
        "Brought the later photograph onto the earlier and compared cracks and losses.",
        {
            "matrix": registration.matrix.ravel().tolist(),
            "residual_px": registration.residual_px,
            "tolerance_px": tolerance,
            "min_length_px": shortest,
            "min_area_px": smallest,
        },
        after.plan.raster.source_sha256,
    )
    record = TraceRecord(
        plan=replace(before.plan, notes=(*before.plan.notes, *notes)),
        prob=before.prob,
        read_mask=lambda window: labels[window.slices()],
        traces=traces,
        totals={
            1: _line_totals(gained),
            2: _line_totals(lost),
            3: _area_totals(more),
            4: _area_totals(less),
        },
        summary=before.summary,
        provenance=before.provenance.then(step),
        valid_sha256=before.valid_sha256,
        activation=None,
    )
    return Comparison(record, gained, lost, more, less, tolerance, notes)


class _Date:
    """One date in the frame of the earlier photograph."""

    def __init__(
        self, record: ConditionRecord, matrix: NDArray[np.float64] | None = None, shape: tuple[int, int] | None = None
    ) -> None:
        raster = record.plan.raster
        labels = record.read_mask(Window(0, 0, raster.height, raster.width))
        prob = record.prob.read(Window(0, 0, raster.height, raster.width))[0]
        colours = bands_view(raster, n_bands=3)[0].read(Window(0, 0, raster.height, raster.width))
        lines = [line for trace in record.traces for line in trace.lines]
        self.valid = labels != NODATA
        if matrix is not None and shape is not None:
            half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
            index = np.linalg.inv(half) @ matrix @ half
            labels = _warped(labels, index, shape, cv2.INTER_NEAREST, NODATA)
            prob = _warped(prob, index, shape, cv2.INTER_LINEAR, 0)
            colours = np.stack([_warped(band, index, shape, cv2.INTER_LINEAR, 0) for band in colours])
            lines = [transform_points(matrix, line) for line in lines]
            self.valid = labels != NODATA
        self.lines, self.losses = lines, labels == 2
        self.even = even_light(cv2.cvtColor(np.moveaxis(colours, 0, -1), cv2.COLOR_RGB2GRAY), self.valid)
        self.colours = even_light(colours, self.valid)
        self._cracks, self._prob = labels == 1, prob

    def unseen_by(self, other: _Date, known: NDArray[np.bool_], tolerance_px: float) -> list[Ring]:
        """Give the parts of lines that lie where both dates are known and that the other does not show faintly.

        Faint is what the other date has below the threshold and apart from its cracks, over some length, and what has
        fallen off there: whether a line runs along a crack, or grew beyond its tip, is not decided here.
        """
        radius, beside = max(1, round(tolerance_px)), 2 * BESIDE_LOSS_PX + 1
        around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        weak = (other._prob >= FAINT * 255) & ~cv2.dilate(other._cracks.astype(np.uint8), around).astype(bool)
        faint = cv2.dilate((weak | other.losses).astype(np.uint8), around).astype(bool)
        edge = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (beside, beside))
        faint |= cv2.dilate((self.losses | other.losses).astype(np.uint8), edge).astype(bool)
        height, width = known.shape
        kept: list[Ring] = []
        for line in self.lines:
            cols, rows = np.floor(line).astype(np.intp).T
            inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
            seen, here = np.zeros((2, len(line)), bool)
            seen[inside] = faint[rows[inside], cols[inside]]
            for first, last in stretches(seen):
                seen[first:last] &= _length(line[first:last]) >= FAINT_LONG * tolerance_px
            here[inside] = known[rows[inside], cols[inside]] & ~seen[inside]
            kept += [line[first:last] for first, last in stretches(here) if last - first >= 2]
        return kept


def _check_light(agreement: float, needed: float) -> None:
    if math.isnan(agreement):
        raise DataError("before and after have too little in common to be compared; check what each shows, and --roi")
    if agreement < needed:
        raise DataError(
            f"before and after were lit too differently (their fine detail agrees by {agreement:.2f}, {needed:.2f} is "
            "needed), so shadows would pass for change; photograph both dates in the same light"
        )


def _away_from_edges(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep what lies away from the edges of both photographs."""
    framed = np.pad(known, 1).astype(np.uint8)
    distance = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    return np.asarray(distance > EDGE_PX, bool)


def _balanced(
    old: NDArray[np.float32], new: NDArray[np.float32], known: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give both dates the same balance of colours."""
    gains = [float(np.median(a[known]) / max(1e-3, float(np.median(b[known])))) for a, b in zip(old, new, strict=True)]
    return old, new * np.array(gains, np.float32)[:, None, None]


def _warped(
    pixels: NDArray[np.uint8], index: NDArray[np.float64], shape: tuple[int, int], flags: int, outside: int
) -> NDArray[np.uint8]:
    moved = cv2.warpPerspective(
        pixels, index, shape[::-1], flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=outside
    )
    return np.asarray(moved, np.uint8)


def _length(line: Ring) -> float:
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def _typical_width_px(record: ConditionRecord, size: PixelSize | None) -> float:
    measure = record.totals[1].get("width_mean")
    if measure is None or not math.isfinite(measure.value):
        return 0.0
    return measure.value if size is None else measure.value / size.mean_mm


def _labels(known: NDArray[np.bool_], lines: Sequence[LineChange], areas: Sequence[AreaChange]) -> NDArray[np.uint8]:
    """Paint what has changed; lines are drawn three pixels wide."""
    labels = np.where(known, np.uint8(0), np.uint8(NODATA))
    for number, change in zip((3, 4), areas, strict=True):
        labels[change.mask] = number
    for number, found in zip((1, 2), lines, strict=True):
        points = [np.round((piece - 0.5) * 16).astype(np.int32)[:, None] for piece in found.pieces]
        cv2.polylines(labels, points, isClosed=False, color=number, thickness=LINE_PX, lineType=cv2.LINE_8, shift=4)
    labels[~known] = NODATA
    return labels


def _line_traces(change: LineChange, class_id: int, source: str) -> list[Trace]:
    return [
        Trace(trace_uid(source, class_id, [piece]), number, class_id, (), (piece,), math.nan, {"length": length})
        for number, (piece, length) in enumerate(zip(change.pieces, change.lengths, strict=True), start=1)
    ]


def _area_traces(change: AreaChange, class_id: int, source: str) -> list[Trace]:
    height, width = change.mask.shape
    runs = read_runs(lambda window: change.mask[window.slices()], height=height, width=width)
    components = find_components(runs, connectivity=4)
    return [
        Trace(
            trace_uid(source, class_id, [ring for part in parts for ring in part]),
            number,
            class_id,
            parts,
            (),
            math.nan,
            {"area": area},
        )
        for number, (parts, area) in enumerate(zip(trace_polygons(components), change.areas, strict=True), start=1)
    ]


def _line_totals(change: LineChange) -> dict[str, Measure]:
    return {
        "n_traces": Measure(float(len(change.pieces)), ""),
        "length": change.length,
        "below_limit": change.below_limit,
        "detection_limit": change.limit,
    }


def _area_totals(change: AreaChange) -> dict[str, Measure]:
    return {
        "n_traces": Measure(float(len(change.areas)), ""),
        "area": change.area,
        "below_limit": change.below_limit,
        "detection_limit": change.limit,
    }


def _notes(registration: Registration, tolerance: float, lines: LineChange, areas: AreaChange) -> tuple[str, ...]:
    fit = (
        f"The later photograph lies on the earlier within {registration.residual_px:.2f} px (root mean square; 95 % of "
        f"{registration.n_patches} places within {registration.residual_p95_px:.2f} px) and shows "
        f"{100 * registration.overlap_share:.0f} % of it."
    )
    limits = (
        f"Displacements up to {tolerance:.1f} px, lines shorter than {lines.limit.value:.3g} {lines.limit.unit} and "
        f"areas below {areas.limit.value:.3g} {areas.limit.unit} are below the detection limit; they are added up "
        "apart and are no change."
    )
    return fit, limits
