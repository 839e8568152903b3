"""``graven enhance``: pictures and reliefs that help the eye, and steps of the preparation on their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Json, Overwrite, Quiet, Scale

__all__ = ["enhance"]


def enhance(
    image: Annotated[Path, typer.Argument(help="Image or height map to enhance; it is never altered.")],
    method: Annotated[
        str,
        typer.Option(
            "--with",
            help="For images rotation, clahe, reversal or dstretch; for height maps hillshade, slope, svf (sky-view "
            "factor), openness, openness-negative, local-dominance, slrm or msrm (local relief).",
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for the result; default is here.")] = None,
    space: Annotated[str | None, typer.Option(help="Colour space of dstretch; default yds.")] = None,
    strength: Annotated[
        float | None, typer.Option(help="Contrast of dstretch: standard deviations of the result; default 15.")
    ] = None,
    radius: Annotated[
        float | None, typer.Option(help="How far a relief looks, in millimetres; default 10 or 20 pixels.")
    ] = None,
    directions: Annotated[
        int | None, typer.Option(help="Directions of svf and openness, a multiple of 4; default 16.")
    ] = None,
    elevation: Annotated[
        float | None, typer.Option(help="Height of the lights of hillshade in degrees; default 35.")
    ] = None,
    scale: Scale = None,
    unit: Annotated[str | None, typer.Option(help="Unit of the heights: um, mm, cm or m; default mm.")] = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Enhance an image or a height map and keep its frame; the file name carries the parameters."""
    from graven.api.enhance import enhance as run

    console = Console(json_lines=json, quiet=quiet)
    result = run(
        image,
        method=method,
        out=out,
        space=space,
        strength=strength,
        radius_mm=radius,
        directions=directions,
        elevation_deg=elevation,
        scale=scale,
        unit=unit,
        overwrite=overwrite,
        monitor=console,
    )
    lines = [str(path) for path in (result.path, result.view) if path is not None]
    console.result("\n".join([*lines, result.note]).rstrip(), path=result.path, view=result.view, note=result.note)
