"""``graven finetune``: a model learns from your own labelled photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Json, Model, Out, Quiet, Scale, split_classes, split_names

__all__ = ["finetune"]


def finetune(
    photographs: Annotated[
        Path, typer.Argument(help="Folder of labelled photographs, for example with a LabelMe file beside each.")
    ],
    model: Model = "condition",
    layout: Annotated[str, typer.Option("--as", help="auto, pitoti, folders, labelme or coco.")] = "auto",
    labels: Annotated[
        str | None,
        typer.Option(help="For a model of one class: labels that are foreground, comma separated; default is all."),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            help='Labels that go into each class of the model: "craquelure=crack+network,paint_loss=loss". Default is '
            "the label of the same name."
        ),
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(help="Regular expression that finds the object in the name of a photograph; it stays together."),
    ] = None,
    scale: Scale = None,
    recipe: Annotated[
        str | None, typer.Option(help="Recipe in YAML, or the name of one that ships; default is METHOD-finetune.")
    ] = None,
    out: Out = None,
    max_minutes: Annotated[float | None, typer.Option(help="Stop training after this time.")] = None,
    seed: Annotated[int, typer.Option(help="Of the split of the photographs.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run in <out>.partial/.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Let a model learn from about 20 labelled photographs, and keep it only if it became better.

    A fifth of the photographs takes no part and judges old and new model; OUT/comparison.html shows both, OUT/bundle
    is the new model.
    """
    from graven.api.finetune import finetune as run

    console = Console(json_lines=json, quiet=quiet)
    result = run(
        photographs,
        model=model,
        layout=layout,
        labels=None if labels is None else split_names(labels),
        classes=None if classes is None else split_classes(classes),
        group_by=group_by,
        scale=scale,
        recipe=recipe,
        out=out,
        max_minutes=max_minutes,
        seed=seed,
        resume=resume,
        monitor=console,
    )
    console.result(result.summary(), **result.facts())
