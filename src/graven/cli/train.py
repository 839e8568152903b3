"""``graven train``: one recipe, one network, checkpoints that resume."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Json, Out, Quiet

__all__ = ["train"]


def train(
    recipe: Annotated[
        Path, typer.Argument(help="Recipe in YAML; `graven train --list` names those that ship.", show_default=False)
    ],
    data: Annotated[
        Path | None, typer.Option(help="Folder made by graven prepare; default is what the recipe names.")
    ] = None,
    out: Out = None,
    resume: Annotated[
        bool, typer.Option(help="Continue from the newest sound checkpoint in the output folder.")
    ] = False,
    max_minutes: Annotated[float | None, typer.Option(help="Stop after this time, with a checkpoint.")] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a network as a recipe says; stop with Ctrl-C and continue with --resume."""
    from graven.api.train import train as run

    console = Console(json_lines=json, quiet=quiet)
    result = run(recipe, data=data, out=out, resume=resume, max_minutes=max_minutes, monitor=console)
    console.result(result.summary(), **result.facts())
