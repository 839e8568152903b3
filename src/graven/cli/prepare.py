"""``graven prepare``: a data set as its authors distribute it → patches with leakage-safe splits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Json, Out, Overwrite, Quiet, split_names

__all__ = ["prepare"]


def prepare(
    dataset: Annotated[Path, typer.Argument(help="Folder of the data set.")],
    layout: Annotated[str, typer.Option("--as", help="auto, pitoti, folders, labelme or coco.")] = "auto",
    out: Out = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Labels of LabelMe or COCO that are foreground, comma separated; default is every shape."),
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(
            help="Regular expression that finds the panel or site in the name of an image; it stays together."
        ),
    ] = None,
    patch: Annotated[int, typer.Option(help="Side of a patch in pixels.")] = 512,
    seed: Annotated[int, typer.Option(help="Seed of the split.")] = 0,
    test_share: Annotated[float, typer.Option(help="Share of groups held out for test.")] = 0.1,
    val_share: Annotated[float, typer.Option(help="Share of groups for validation.")] = 0.1,
    leaky: Annotated[
        bool, typer.Option("--i-know-tiles-leak", help="Split patches at random, as the paper did.")
    ] = False,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Cut a labelled data set into patches; all patches of a panel or site stay on one side of the split."""
    from graven.api.prepare import prepare as run

    console = Console(json_lines=json, quiet=quiet)
    result = run(
        dataset,
        layout=layout,
        out=out,
        labels=None if labels is None else split_names(labels),
        group_by=group_by,
        patch_px=patch,
        seed=seed,
        test_share=test_share,
        val_share=val_share,
        leaky=leaky,
        overwrite=overwrite,
        monitor=console,
    )
    console.result(result.summary(), **result.facts())
