"""``graven compare``: what has changed between two photographs of one painting."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Device, Engine, Json, Length, Model, Out, Overwrite, Precision, Quiet, Scale

__all__ = ["compare"]


def compare(
    before: Annotated[Path, typer.Argument(help="The earlier photograph.")],
    after: Annotated[Path, typer.Argument(help="The later photograph; of any size, viewpoint and light.")],
    model: Model = "condition",
    out: Out = None,
    scale: Scale = None,
    length: Length = None,
    threshold: Annotated[float | None, typer.Option(help="Probability of damage, the same for both dates.")] = None,
    max_residual: Annotated[
        float, typer.Option(help="Refuse photographs that lie further beside each other, in pixels.")
    ] = 2.0,
    title: Annotated[str | None, typer.Option(help="Title of the report; default is the file name.")] = None,
    engine: Engine = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Bring the later photograph onto the earlier, and measure cracks and losses that have come and gone."""
    from graven.api.compare import compare as run

    console = Console(json_lines=json, quiet=quiet)
    result = run(
        before,
        after,
        model=model,
        out=out,
        scale=scale,
        length=length,
        threshold=threshold,
        max_residual_px=max_residual,
        title=title,
        engine=engine,
        precision=precision,
        device=device,
        overwrite=overwrite,
        monitor=console,
    )
    console.result(result.summary(), **result.facts())
