"""``graven refine``: a first tracing corrected with strokes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import (
    Config,
    Device,
    Engine,
    Json,
    Length,
    Model,
    ObjectMask,
    Out,
    Overwrite,
    Quiet,
    Roi,
    Scale,
)

__all__ = ["refine"]


def refine(
    image: Annotated[Path, typer.Argument(help="Height map of an engraving, or what the model asks for.")],
    strokes: Annotated[
        Path | None,
        typer.Option("--strokes", help="GeoJSON of lines with polarity (add or erase) and width_mm or width_px."),
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(help="Journal of earlier work on this image with this model, to go on with.")
    ] = None,
    model: Model = "engraving",
    out: Out = None,
    scale: Scale = None,
    length: Length = None,
    roi: Roi = None,
    object_mask: ObjectMask = None,
    threshold: Annotated[float | None, typer.Option(help="Probability from which a pixel counts as worked.")] = None,
    min_object: Annotated[
        float | None, typer.Option(help="Drop objects below this area in mm² (px² without a scale).")
    ] = None,
    stroke_width: Annotated[
        float | None, typer.Option(help="Width in pixels of strokes that do not say theirs.")
    ] = None,
    author: Annotated[str, typer.Option(help="Who drew the strokes; kept with them.")] = "",
    adjust: Annotated[
        bool, typer.Option("--adjust", help="Also correct the whole panel by its strokes, and leave a map of doubt.")
    ] = False,
    title: Annotated[str | None, typer.Option(help="Title of the report; default is the file name.")] = None,
    engine: Engine = "auto",
    device: Device = "auto",
    overwrite: Overwrite = False,
    config: Config = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Correct a tracing with strokes: they hold as drawn, and a second network concludes from them what is near."""
    del config  # has set the defaults already
    from graven.api.refine import refine as run

    console = Console(json_lines=json, quiet=quiet)
    result = run(
        image,
        strokes=strokes,
        journal=journal,
        model=model,
        out=out,
        scale=scale,
        length=length,
        roi=roi,
        object_mask=object_mask,
        threshold=threshold,
        min_object=min_object,
        stroke_width_px=stroke_width,
        author=author,
        adjust=adjust,
        title=title,
        engine=engine,
        device=device,
        overwrite=overwrite,
        monitor=console,
    )
    console.result(result.summary(), **result.facts())
