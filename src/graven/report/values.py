"""What a report is made of: frozen values that hold plain arrays and strings, filled by whoever ran the method."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graven.errors import InputError
from graven.types import Provenance

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from graven.types import ClassTable, Georeference, Measure, Method, PixelSize, TileGrid, Trace

__all__ = [
    "DamageSheet",
    "GateSummary",
    "MeasureBox",
    "MethodBox",
    "OutputFile",
    "RotationNote",
    "SegmentReport",
    "SizeRow",
    "Source",
]


@dataclass(frozen=True, slots=True)
class Source:
    """The input of a record.

    Attributes
    ----------
    name : str
        File name without its folder.
    sha256 : str
        64 hexadecimal digits of the file's content.
    height, width : int, pixels
        Full size.
    pixel_size : PixelSize or None
        None while no scale is known: the report then prints pixels and says so in red.
    georeference : Georeference or None
        Where the raster lies; a north arrow is drawn for a projected frame only.
    crs_name : str or None
        Name of the coordinate system for people.
    region : str or None
        The polygon to which the work was limited, in words.
    """

    name: str
    sha256: str
    height: int
    width: int
    pixel_size: PixelSize | None = None
    georeference: Georeference | None = None
    crs_name: str | None = None
    region: str | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise InputError(f"a SHA-256 has 64 hexadecimal digits in lower case, got {self.sha256!r}")
        if min(self.height, self.width) < 1:
            raise InputError(f"an input has at least one pixel, got {self.height} x {self.width}")


@dataclass(frozen=True, slots=True)
class MethodBox:
    """By what the record was made.

    Attributes
    ----------
    method : str
        One of the four methods.
    model, model_version, model_sha256 : str
        The bundle.
    threshold : float, 0 to 1
        A pixel is a mark at or above it.
    tile_px, overlap_px : int
        Tiles of the prediction.
    engine, device : str
        What ran the network, on what.
    versions : mapping of str to str
        Library versions; ``graven`` must be among them.
    model_pixel_size_mm : float or None
        Scale at which the network was trained.
    prepare : tuple of str
        Preparation of the picture, one phrase each, in order.
    min_object : Measure or None
        Objects below this area were left out.
    """

    method: Method
    model: str
    model_version: str
    model_sha256: str
    threshold: float
    tile_px: int
    overlap_px: int
    engine: str
    device: str
    versions: Mapping[str, str]
    model_pixel_size_mm: float | None = None
    prepare: tuple[str, ...] = ()
    min_object: Measure | None = None

    def __post_init__(self) -> None:
        if "graven" not in self.versions:
            raise InputError(f"the versions of a method box must name graven, got {sorted(self.versions)}")
        if not 0 <= self.threshold <= 1:
            raise InputError(f"a threshold must lie between 0 and 1, got {self.threshold}")

    @property
    def credit(self) -> str:
        """What follows the name of the input in a sentence about the record."""
        return f" by {self.model} {self.model_version}"


@dataclass(frozen=True, slots=True)
class MeasureBox:
    """By what a record was made that no model predicted now: measured from a mask, or from traces after editing.

    Attributes
    ----------
    method : str
        One of the four methods.
    measured_from : str
        Name of the file.
    measured_sha256 : str
        Its hash.
    creators : tuple of str
        What or who drew the objects, as far as the file says.
    how : str
        How the record came about, in a few sentences.
    edits : str
        What a person has drawn, changed and deleted; empty for a mask.
    versions : mapping of str to str
        Library versions; ``graven`` must be among them.
    min_object : Measure or None
        Objects below this area were left out.
    """

    method: Method
    measured_from: str
    measured_sha256: str
    creators: tuple[str, ...]
    how: str
    edits: str
    versions: Mapping[str, str]
    min_object: Measure | None = None

    @property
    def credit(self) -> str:
        """What follows the name of the input in a sentence about the record."""
        return f", measured from {self.measured_from}"


@dataclass(frozen=True, slots=True)
class GateSummary:
    """What the gate passed over, so that nobody takes unexamined rock for empty rock.

    Attributes
    ----------
    n_tiles, n_skipped : int
        Tiles in all, and tiles that the segmenter never saw.
    threshold : float, 0 to 1
        A tile is passed on at or above it.
    model : str
        Name of the gate.
    grid : TileGrid or None
        With `skipped`, draws where.
    skipped : ndarray of shape (n_rows, n_cols), bool, or None
        Per tile of `grid`.
    activation : ndarray of shape (h, w), float, 0 to 1, or None
        What the gate saw over the whole panel: its coarse probability, or its class activation map.
    """

    n_tiles: int
    n_skipped: int
    threshold: float
    model: str
    grid: TileGrid | None = None
    skipped: NDArray[np.bool_] | None = None
    activation: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.n_skipped <= self.n_tiles or self.n_tiles < 1:
            raise InputError(f"of {self.n_tiles} tiles, {self.n_skipped} cannot have been skipped")
        if (self.grid is None) != (self.skipped is None):
            raise InputError("a gate summary needs both the tile grid and the skipped tiles, or neither")


@dataclass(frozen=True, slots=True)
class RotationNote:
    """What the rotation correction found and did.

    Attributes
    ----------
    angle_deg : float
        Estimated skew.
    strength : float
        Peak over median of the spectrum.
    needed_strength : float
        The least strength at which the correction is applied.
    applied : bool
        Whether prediction ran in the turned frame.
    """

    angle_deg: float
    strength: float
    needed_strength: float
    applied: bool


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One file of the output folder.

    Attributes
    ----------
    name : str
        File name inside the output folder.
    sha256 : str or None
        Hash of its content; None for what is written after the report (the report itself, ``run.json``).
    n_bytes : int or None
        Size.
    """

    name: str
    sha256: str | None = None
    n_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class SizeRow:
    """One row of a table by size.

    Attributes
    ----------
    low, high : float
        Sizes from `low` up to but not including `high`, which may be infinite; in the unit of the table.
    count : int
        Objects of that size.
    total, share : Measure
        What they have together, and of the whole.
    """

    low: float
    high: float
    count: int
    total: Measure
    share: Measure


@dataclass(frozen=True, slots=True)
class DamageSheet:
    """What a record of a damaged painting prints beside its objects and totals.

    Attributes
    ----------
    widths, lengths : tuple of SizeRow
        Cracks by mean width and by length; bounds in millimetres where a scale is known, else in pixels.
    losses : tuple of SizeRow
        Losses by area; bounds in mm² or px².
    rose : ndarray of shape (N,), float64
        Length of crack by direction, in bins that share 180 degrees evenly, counter-clockwise from the right.
    pattern : str
        Kind of craquelure, a key of `graven.report.damage.PATTERNS`.
    style : mapping of str to Measure
        The figures behind it.
    """

    widths: tuple[SizeRow, ...]
    lengths: tuple[SizeRow, ...]
    losses: tuple[SizeRow, ...]
    rose: NDArray[np.float64]
    pattern: str
    style: Mapping[str, Measure]


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """Everything `graven.report.segment_report` prints.

    Attributes
    ----------
    title : str
        Of the record, for example the panel's name.
    date : str
        As it shall be printed.
    source : Source
        The input.
    classes : ClassTable
        Classes of the run.
    photo : ndarray of shape (h, w, 3), uint8, or None
        The whole panel at picture size (`graven.report.overview`, ``how="mean"``); None where no photograph is at hand.
    labels : ndarray of shape (h, w), uint8
        Classes at the same size (``how="labels"``).
    prob : ndarray of shape (h, w), float32, 0 to 1, or None
        Probability of a mark, the largest over the classes (``how="max"``); any number where the labels are nodata.
        None where no model speaks.
    traces : tuple of Trace
        The objects.
    method : MethodBox or MeasureBox
        By what it was made.
    totals : mapping of str to Measure
        Over the whole panel, by name: ``n_traces``, ``area``, ``valid_area``, ``pecked_share``, ``length``; other names
        are printed as they are, one that ends with ``share`` in per cent, one that begins with ``n_`` as a count. Of
        several classes each name begins with the class and a dot.
    uncertainty : ndarray of shape (h, w), float32, 0 to 1, or None
        Doubt per pixel; None derives it from `prob`.
    gate, rotation : GateSummary, RotationNote or None
        None where the step was not part of the run.
    provenance : Provenance
        Steps, oldest first.
    files : tuple of OutputFile
        What lies beside the report.
    notes : tuple of str
        Warnings and remarks of the run, printed near the top.
    author : str or None
        Who is responsible for the record.
    confirmed_by : tuple of str
        Persons who confirmed objects.
    drawing_scale : float or None
        Denominator of the drawing, ``10`` for 1:10; None chooses the largest usual scale that fits the page.
    damage : DamageSheet or None
        Of a painting; its totals are those of the classes ``craquelure`` and ``paint_loss``.
    """

    title: str
    date: str
    source: Source
    classes: ClassTable
    photo: NDArray[np.uint8] | None
    labels: NDArray[np.uint8]
    prob: NDArray[np.float32] | None
    traces: tuple[Trace, ...]
    method: MethodBox | MeasureBox
    totals: Mapping[str, Measure] = field(default_factory=dict)
    uncertainty: NDArray[np.float32] | None = None
    gate: GateSummary | None = None
    rotation: RotationNote | None = None
    provenance: Provenance = field(default_factory=Provenance)
    files: tuple[OutputFile, ...] = ()
    notes: tuple[str, ...] = ()
    author: str | None = None
    confirmed_by: tuple[str, ...] = ()
    drawing_scale: float | None = None
    damage: DamageSheet | None = None

    def __post_init__(self) -> None:
        shape = self.labels.shape
        arrays: dict[str, NDArray[Any] | None] = {"prob": self.prob, "uncertainty": self.uncertainty}
        if self.photo is not None and self.photo.shape != (*shape, 3):
            raise InputError(f"photo must be of shape {(*shape, 3)} like the labels, got {self.photo.shape}")
        for name, array in arrays.items():
            if array is not None and array.shape != shape:
                raise InputError(f"{name} must be of shape {shape} like the labels, got {array.shape}")
        if self.source.pixel_size is None:
            _refuse_millimetres(self.totals, self.traces, self.method.min_object)


def _refuse_millimetres(totals: Mapping[str, Measure], traces: tuple[Trace, ...], least: Measure | None) -> None:
    """Refuse a record that prints millimetres although no scale is known."""
    named = dict(totals) | ({} if least is None else {"least object": least})
    for trace in traces:
        named |= {f"{name} of object {trace.number}": measure for name, measure in trace.measures.items()}
    wrong = [name for name, measure in named.items() if measure.unit.startswith("mm")]
    if wrong:
        raise InputError(f"no scale is known, yet {len(wrong)} measures are in millimetres, the first is {wrong[0]!r}")
