"""``graven models``: what is installed, what it is, whether it is whole, and its export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Json

__all__ = ["app", "export", "list_models", "show", "verify"]

app = typer.Typer(help="List, show, verify and export model bundles.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_models(json: Json = False) -> None:
    """List the models that come with graven."""
    from graven.api.models import models

    Console(json_lines=json).table(models())


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name or path of a bundle.")], json: Json = False) -> None:
    """Show a model's card and settings."""
    from graven.api.models import show as run

    text, facts = run(name)
    Console(json_lines=json).result(text, **facts)


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="Name or path of a bundle; default is all that ship.")] = None,
    engine: Annotated[
        str, typer.Option(help="What to compare with float32: all that are installed, auto, or a name.")
    ] = "all",
    panels: Annotated[
        int, typer.Option(help="Also score each engine on this many generated validation panels, at most 16.")
    ] = 0,
    json: Json = False,
) -> None:
    """Check hashes, schema and network of a model, and that the engines here answer as it did in float32."""
    from graven.api.models import verify as run

    rows = run(name, engine=engine, n_panels=panels)
    shown = ("model", "check")
    Console(json_lines=json).table(rows if json else [{key: row[key] for key in shown} for row in rows])


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="Name or path of a bundle.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")],
    to: Annotated[str, typer.Option("--to", help="deepness (runs in QGIS).")] = "deepness",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file of that name.")] = False,
) -> None:
    """Write a model in another tool's format; refused, with the reason, where that tool cannot prepare the input."""
    from graven.api.models import export as run

    Console().result(str(run(name, to=to, out=out, overwrite=overwrite)))
