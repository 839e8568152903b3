"""``graven segment``: from an image to the whole record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import (
    Config,
    Device,
    Engine,
    GateThreshold,
    Json,
    Length,
    Mode,
    Model,
    ObjectMask,
    Out,
    Overwrite,
    Precision,
    Quiet,
    Roi,
    Scale,
    names,
)

__all__ = ["segment"]

PARTS = ("mask", "prob", "traces", "drawing", "measures", "report")


def segment(
    image: Annotated[Path, typer.Argument(help="Orthophoto or photograph: TIFF, PNG or JPEG.")],
    model: Model = "petroglyph",
    out: Out = None,
    scale: Scale = None,
    length: Length = None,
    roi: Roi = None,
    object_mask: ObjectMask = None,
    tile: Annotated[int | None, typer.Option(help="Side of the network input in pixels, overlap included.")] = None,
    overlap: Annotated[int | None, typer.Option(help="Pixels that neighbouring tiles share.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Probability from which a pixel counts as worked.")] = None,
    min_object: Annotated[
        float | None, typer.Option(help="Drop objects below this area in mm² (px² without a scale).")
    ] = None,
    gate: Annotated[bool, typer.Option(help="Skip tiles in which the gate sees no work.")] = True,
    gate_threshold: GateThreshold = None,
    rotation: Annotated[
        bool, typer.Option(help="Correct a skewed image for prediction; outputs stay on its grid.")
    ] = True,
    only: Annotated[str | None, typer.Option(help=f"Any of {','.join(PARTS)}; default all.")] = None,
    title: Annotated[str | None, typer.Option(help="Title of the report; default is the file name.")] = None,
    engine: Engine = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    tta: Annotated[
        str,
        typer.Option(help="Predict each tile mirrored (flips, 4 times as long), scaled (scales, 3) or both (all, 12)."),
    ] = "none",
    mode: Mode = "tile",
    force_scale: Annotated[bool, typer.Option(help="Accept a scale more than four times off the model's.")] = False,
    resume: Annotated[bool, typer.Option(help="Continue an interrupted run in <out>.partial/.")] = False,
    overwrite: Overwrite = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop.")] = False,
    config: Config = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    r"""Trace an image: class and probability rasters, vectors, drawings, measures and a report.

    Tiles of --tile pixels overlap by --overlap and are blended:

    \b
        |<---- tile ---->|
                   |<---- tile ---->|
                   |<-->| overlap
    """
    del config  # has set the defaults already
    from graven.api.segment import segment as run

    console = Console(json_lines=json, quiet=quiet)
    result = run(
        image,
        model=model,
        out=out,
        scale=scale,
        length=length,
        roi=roi,
        object_mask=object_mask,
        tile_px=tile,
        overlap_px=overlap,
        threshold=threshold,
        min_object=min_object,
        gate=gate,
        gate_threshold=gate_threshold,
        rotation=rotation,
        only=names(only, PARTS, "--only"),
        title=title,
        engine=engine,
        precision=precision,
        device=device,
        tta=tta,
        mode=mode,
        force_scale=force_scale,
        resume=resume,
        overwrite=overwrite,
        dry_run=dry_run,
        monitor=console,
    )
    console.result(result.summary(), **result.facts())
