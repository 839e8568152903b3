"""``graven measure``: figures, cracks and losses of a mask that already exists, or of traces that were edited."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Json, Length, Out, Overwrite, Quiet, Scale

__all__ = ["measure"]


def measure(
    mask: Annotated[
        Path,
        typer.Argument(help="Class raster (0 background, 1 … classes, 255 unknown), or *_traces.gpkg after editing."),
    ],
    method: Annotated[
        str | None, typer.Option(help="Classes of a raster that does not name them: petroglyph or condition.")
    ] = None,
    prob: Annotated[Path | None, typer.Option(help="Its probability raster; without it no threshold spread.")] = None,
    image: Annotated[
        Path | None, typer.Option(help="The photograph: crack widths are measured in it, the report shows it.")
    ] = None,
    out: Out = None,
    scale: Scale = None,
    length: Length = None,
    min_object: Annotated[
        float, typer.Option(help="Leave out objects below this area in mm² (px² without a scale).")
    ] = 0.0,
    title: Annotated[str | None, typer.Option(help="Title of the report.")] = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure every object of a mask, or again what a person has edited, and write vectors, tables and a report."""
    from graven.api.measure import measure as run

    console = Console(json_lines=json, quiet=quiet)
    result = run(
        mask,
        method=method,
        prob=prob,
        image=image,
        out=out,
        scale=scale,
        length=length,
        min_object=min_object,
        title=title,
        overwrite=overwrite,
        monitor=console,
    )
    console.result(result.summary(), **result.facts())
