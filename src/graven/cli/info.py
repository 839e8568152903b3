"""``graven info``: what an image is; a TIFF by its header alone, a PNG or JPEG is decoded once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Json

__all__ = ["info"]


def info(
    image: Annotated[Path, typer.Argument(help="Image to look at.")],
    json: Json = False,
) -> None:
    """Say what an image is: size, bands, depth, frame, pixel size and where that comes from."""
    from graven.api.images import info as run

    facts = run(image)
    width = max(len(name) for name in facts)
    Console(json_lines=json).result("\n".join(f"{name:<{width}}  {value}" for name, value in facts.items()), **facts)
