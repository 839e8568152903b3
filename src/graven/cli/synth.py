"""``graven synth``: a procedural surface with its exact truth."""

from __future__ import annotations

from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Json, Out, Overwrite, Quiet

__all__ = ["synth"]


def synth(
    kind: Annotated[str, typer.Argument(help="petroglyph, engraving or condition.")],
    seed: Annotated[int, typer.Option(help="Same seed and version, same bytes.")] = 0,
    size: Annotated[int, typer.Option(help="Side in pixels.")] = 1024,
    pixel_size: Annotated[
        float | None, typer.Option(help="Size of a pixel in mm; default is 0.5, 0.05 or 0.1, by kind.")
    ] = None,
    degradation: Annotated[str, typer.Option(help="ordinary or severe.")] = "ordinary",
    rock: Annotated[
        str | None, typer.Option(help="Kind of rock of a petroglyph; default is drawn by the seed.")
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="A whole mirror with its handle, for engraving.")] = False,
    out: Out = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a surface, render it, and write image, mask, height, albedo, normals, traces and lights as the kind has."""
    from graven.api.synth import synth as run

    console = Console(json_lines=json, quiet=quiet)
    result = run(
        kind,
        seed=seed,
        size_px=size,
        pixel_size_mm=pixel_size,
        degradation=degradation,
        rock=rock,
        whole=whole,
        out=out,
        overwrite=overwrite,
        monitor=console,
    )
    console.result("\n".join(map(str, result.paths)), paths=result.paths, **result.facts)
