"""What ``graven measure`` has found, before it is written, and the report about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.api.doctor import versions
from graven.api.images import crs_name
from graven.api.segment_record import damage_sheet, photograph
from graven.io.classmasks import trace_classes
from graven.report import MeasureBox, OutputFile, SegmentReport, Source, overview, segment_report
from graven.types import Provenance, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.methods.damage import Damage
    from graven.methods.record import Beside, Scene
    from graven.types import ClassTable, Measure, Method, Raster, Trace, Window

__all__ = ["Found", "beside_image", "edits_in_words", "measured_report"]


@dataclass(frozen=True, slots=True)
class Found:
    """Objects with their measures, and what a reader must know of them.

    Attributes
    ----------
    method : str
        Whose objects they are.
    scene : Scene
        What they belong to.
    classes : ClassTable
        Their classes.
    traces : tuple of Trace
        The objects.
    totals : dict of int to dict of str to Measure
        By class.
    how : str
        How they were measured, in a few sentences.
    damage : Damage or None
        Of a painting.
    beside : Beside or None
        Layers and tables of a painting.
    photo : Raster or None
        The photograph, where one was given.
    read_prob : callable or None
        ``read_prob(window) -> (C, h, w)`` uint8, where one was given.
    read_labels : callable or None
        ``read_labels(window) -> (h, w)`` uint8 class raster; None draws the traces.
    edits : dict of str to dict of str to int or None
        By class, how many objects a person left as they were, changed, drew and deleted.
    settings : dict
        For the account.
    notes : tuple of str
        What a reader must know.
    """

    method: Method
    scene: Scene
    classes: ClassTable
    traces: tuple[Trace, ...]
    totals: dict[int, dict[str, Measure]]
    how: str
    damage: Damage | None = None
    beside: Beside | None = None
    photo: Raster | None = None
    read_prob: Callable[[Window], NDArray[np.uint8]] | None = None
    read_labels: Callable[[Window], NDArray[np.uint8]] | None = None
    edits: dict[str, dict[str, int | None]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def flat_totals(self) -> dict[str, Measure]:
        """Totals by name; of several classes each name begins with the class and a dot."""
        if len(self.classes) == 1:
            return next(iter(self.totals.values()))
        named = self.totals.items()
        return {f"{self.classes[n].name}.{name}": measure for n, own in named for name, measure in own.items()}


def beside_image(image: Raster, scene: Scene) -> str | None:
    """Say what is odd about a photograph that is given beside traces of it, if anything.

    Parameters
    ----------
    image : Raster
        The photograph.
    scene : Scene
        What the traces say of theirs.

    Returns
    -------
    str or None
        A sentence for the notes.
    """
    if len(scene.source) == 64 and image.source_sha256 not in (None, scene.source):
        return f"{image.name} is another file than the one that was traced; make sure that it shows the same, as large"
    return None


def measured_report(
    found: Found,
    *,
    file_name: str,
    sha256: str,
    photo_name: str | None,
    title: str,
    files: Mapping[str, str],
    folder: Path,
) -> str:
    """Write the record as a page.

    Parameters
    ----------
    found : Found
        What was measured.
    file_name, sha256 : str
        Of the mask or GeoPackage.
    photo_name : str or None
        Of the photograph.
    title : str
        Of the record.
    files : mapping of str to str
        What lies beside the report, with its SHA-256.
    folder : Path
        Where it lies.

    Returns
    -------
    str
        HTML, as `graven.report.segment_report`.
    """
    scene = found.scene
    size: dict[str, Any] = {"height": scene.height, "width": scene.width}
    labels = overview(found.read_labels or _drawn(found), how="labels", **size)
    photo = None if found.photo is None else photograph(found.photo)
    prob = None
    if found.read_prob is not None:
        prob = overview(found.read_prob, how="max", **size).max(axis=0).astype(np.float32) / 255
    source_name, source_sha256 = file_name, sha256
    if found.photo is not None and found.photo.source_sha256 is not None:
        source_name, source_sha256 = photo_name or found.photo.name, found.photo.source_sha256
    created = sorted({trace.creator for trace in found.traces if trace.creator})
    step = Step("measure", f"Measured {file_name}.", found.settings, sha256)
    georeference = scene.georeference
    return segment_report(
        SegmentReport(
            title=title,
            date="see run.json",
            source=Source(
                name=source_name,
                sha256=source_sha256,
                pixel_size=scene.pixel_size,
                georeference=georeference,
                crs_name=None if georeference is None else crs_name(georeference.crs_wkt),
                region=_region(scene),
                **size,
            ),
            classes=found.classes,
            photo=photo,
            labels=labels,
            prob=prob,
            traces=found.traces,
            method=MeasureBox(
                method=found.method,
                measured_from=file_name,
                measured_sha256=sha256,
                creators=tuple(created),
                how=found.how,
                edits=edits_in_words(found.edits),
                versions={name: text for name, text in versions().items() if name != "platform"},
            ),
            totals=found.flat_totals,
            provenance=Provenance((step,)),
            files=tuple(OutputFile(name, sha, (folder / name).stat().st_size) for name, sha in files.items()),
            notes=found.notes,
            damage=None if found.damage is None else damage_sheet(found.damage),
        )
    )


def edits_in_words(edits: Mapping[str, Mapping[str, int | None]]) -> str:
    """Say what a person has done to a file of traces.

    Examples
    --------
    >>> edits_in_words({"pecked": {"kept": 4, "changed": 1, "new": 2, "deleted": 0}})
    'pecked: 4 as they were, 1 changed, 2 new, 0 deleted'
    """
    told = []
    for name, counts in edits.items():
        parts = [f"{counts['kept']} as they were", f"{counts['changed']} changed", f"{counts['new']} new"]
        gone = counts["deleted"]
        parts.append("how many were deleted is not known" if gone is None else f"{gone} deleted")
        told.append(f"{name.replace('_', ' ')}: {', '.join(parts)}")
    return "; ".join(told)


def _region(scene: Scene) -> str | None:
    """Say how much of the picture was looked at, where that is not all."""
    whole_px = scene.height * scene.width
    if scene.valid_px in (None, whole_px):
        return None
    return f"{scene.valid_px} of {whole_px} px, where something was known when it was traced"


def _drawn(found: Found) -> Callable[[Window], NDArray[np.uint8]]:
    """Draw the objects that count as a class raster."""
    kept: Sequence[Trace] = [trace for trace in found.traces if trace.status != "rejected"]
    labels = trace_classes(kept, classes=found.classes, height=found.scene.height, width=found.scene.width)
    return lambda window: labels[window.slices()]
