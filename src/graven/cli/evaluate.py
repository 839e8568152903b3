"""``graven evaluate``: predictions against truth, every metric of the method."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Json, Overwrite, Quiet, split_names

__all__ = ["evaluate"]


def evaluate(
    preds: Annotated[
        Path, typer.Argument(help="Mask, or folder of masks (names as segment writes them, or equal stems).")
    ],
    target: Annotated[Path, typer.Argument(help="True mask, or folder of true masks.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the tables (JSON and CSV) and the page.")
    ] = None,
    tolerance: Annotated[float, typer.Option(help="Tolerance of boundary F and F1, in pixels.")] = 2.0,
    protocol: Annotated[str | None, typer.Option(help="pitoti: also set the table of the 3D-Pitoti benchmark.")] = None,
    group_by: Annotated[
        str | None,
        typer.Option(
            help="Regular expression that finds the site or fold in a name, for rows of the benchmark's table."
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="Names of several classes, in the order of their numbers; masks of graven name theirs."),
    ] = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare masks with truth: per image, mean over images, and pooled counts."""
    from graven.api.evaluate import evaluate as run

    console = Console(json_lines=json, quiet=quiet)
    result = run(
        preds,
        target,
        out=out,
        tolerance_px=tolerance,
        protocol=protocol,
        group_by=group_by,
        classes=split_names(classes or ""),
        overwrite=overwrite,
        monitor=console,
    )
    console.table(result.rows())
    if result.benchmark:
        console.table(result.benchmark, event="benchmark_row")
