"""``graven prepare``: a data set as its authors distribute it → patches with leakage-safe splits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Json, Out, Overwrite, Quiet, split_classes, split_names

__all__ = ["prepare"]


def prepare(
    dataset: Annotated[Path, typer.Argument(help="Folder of the data set.")],
    layout: Annotated[str, typer.Option("--as", help="auto, pitoti, folders, labelme, coco or mirrors.")] = "auto",
    out: Out = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Labels of LabelMe or COCO that are foreground, comma separated; default is every shape."),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            help='Several classes in the order of their numbers: "craquelure,paint loss". Of LabelMe and COCO a class '
            'may gather labels: "craquelure=crack+network,paint loss=loss". Where two overlap, the later wins.'
        ),
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(
            help="Regular expression that finds the panel or site in the name of an image; it stays together."
        ),
    ] = None,
    patch: Annotated[int, typer.Option(help="Side of a patch in pixels.")] = 512,
    expand: Annotated[
        int | None,
        typer.Option(
            help="Variants of every training patch, itself included, up to 35: flips, inversion, translation, "
            "sharpening, HSV, noise, single and combined."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the split and of the variants.")] = 0,
    test_share: Annotated[float, typer.Option(help="Share of groups held out for test.")] = 0.1,
    val_share: Annotated[float, typer.Option(help="Share of groups for validation.")] = 0.1,
    leaky: Annotated[
        bool, typer.Option("--i-know-tiles-leak", help="Split patches at random, as the paper did.")
    ] = False,
    unlabelled: Annotated[
        bool, typer.Option("--unlabelled", help="Of mirrors, keep views without a drawing as well.")
    ] = False,
    overwrite: Overwrite = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted --expand.")] = False,
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
        classes=None if classes is None else split_classes(classes),
        group_by=group_by,
        patch_px=patch,
        expand=expand,
        seed=seed,
        test_share=test_share,
        val_share=val_share,
        leaky=leaky,
        unlabelled=unlabelled,
        overwrite=overwrite,
        resume=resume,
        monitor=console,
    )
    console.result(result.summary(), **result.facts())
