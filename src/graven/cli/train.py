"""``graven train``: one recipe, one network, checkpoints that resume."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Json, Out, Quiet
from graven.errors import UsageError

__all__ = ["train"]


def train(
    recipe: Annotated[
        str | None, typer.Argument(help="Recipe in YAML, or the name of one that ships.", show_default=False)
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder made by graven prepare; default is procedural panels or bronzes.")
    ] = None,
    out: Out = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the newest sound checkpoint in the output folder.")
    ] = False,
    max_minutes: Annotated[float | None, typer.Option(help="Stop after this time, with a checkpoint.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Begin with the weights of a bundle in place of random ones.")
    ] = None,
    first: Annotated[
        str | None, typer.Option(help="Of a recipe that refines: the bundle whose answers it betters.")
    ] = None,
    panels: Annotated[int, typer.Option(help="Number of procedural training panels.")] = 64,
    panel_px: Annotated[int, typer.Option(help="Side of procedural panels.")] = 1024,
    list_recipes: Annotated[bool, typer.Option("--list", help="Name the recipes that ship, and stop.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a network as a recipe says; stop with Ctrl-C and continue with --resume."""
    from graven.api.train import recipes
    from graven.api.train import train as run

    console = Console(json_lines=json, quiet=quiet)
    if list_recipes:
        console.table([*recipes()])
        return
    if recipe is None:
        raise UsageError("graven train needs a recipe: a YAML file, or a name that graven train --list prints")
    result = run(
        recipe,
        data=data,
        out=out,
        resume=resume,
        max_minutes=max_minutes,
        start=start,
        first=first,
        n_panels=panels,
        panel_px=panel_px,
        monitor=console,
    )
    console.result(result.summary(), **result.facts())
