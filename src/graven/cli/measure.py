"""``graven measure``: figures, areas and lengths of a mask that already exists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Json, Length, Out, Overwrite, Quiet, Scale

__all__ = ["measure"]


def measure(
    mask: Annotated[Path, typer.Argument(help="Class raster: 0 background, 1 … classes, 255 unknown.")],
    prob: Annotated[Path | None, typer.Option(help="Its probability raster; without it no threshold spread.")] = None,
    out: Out = None,
    scale: Scale = None,
    length: Length = None,
    min_object: Annotated[
        float, typer.Option(help="Leave out objects below this area in mm² (px² without a scale).")
    ] = 0.0,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure every object of a mask and write vectors, drawings and a table."""
    from graven.api.measure import measure as run

    console = Console(json_lines=json, quiet=quiet)
    result = run(
        mask,
        prob=prob,
        out=out,
        scale=scale,
        length=length,
        min_object=min_object,
        overwrite=overwrite,
        monitor=console,
    )
    console.result(result.summary(), **result.facts())
