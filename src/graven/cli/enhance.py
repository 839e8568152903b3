"""``graven enhance``: pictures that help the eye, and steps of the preparation on their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Json, Overwrite, Quiet

__all__ = ["enhance"]


def enhance(
    image: Annotated[Path, typer.Argument(help="Image to enhance; it is never altered.")],
    method: Annotated[str, typer.Option("--with", help="rotation, clahe, reversal or dstretch.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for the result; default is here.")] = None,
    space: Annotated[str | None, typer.Option(help="Colour space of dstretch; default yds.")] = None,
    strength: Annotated[
        float | None, typer.Option(help="Contrast of dstretch: standard deviations of the result; default 15.")
    ] = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Enhance an image and keep its frame; the file name carries the parameters."""
    from graven.api.enhance import enhance as run

    console = Console(json_lines=json, quiet=quiet)
    result = run(image, method=method, out=out, space=space, strength=strength, overwrite=overwrite, monitor=console)
    console.result(
        f"{result.path}\n{result.note}" if result.note else str(result.path), path=result.path, note=result.note
    )
