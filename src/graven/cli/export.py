"""``graven export``: a finished record in another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Json, Out, Overwrite, Quiet

__all__ = ["export"]


def export(
    record: Annotated[Path, typer.Argument(help="Output folder of segment or measure.")],
    to: Annotated[
        str, typer.Option("--to", help="Formats, comma separated: gpkg,geojson,svg,dxf,csv,coco,labelme,palette.")
    ],
    out: Out = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the traces of a record in the formats named."""
    from graven.api.export import FORMATS
    from graven.api.export import export as run
    from graven.cli.options import names

    console = Console(json_lines=json, quiet=quiet)
    paths = run(record, to=names(to, FORMATS, "--to"), out=out, overwrite=overwrite)
    console.result("\n".join(map(str, paths)), paths=paths)
