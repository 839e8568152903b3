"""``graven reproduce``: a paper's tables and figures on the data at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Json, Out, Quiet, split_names

__all__ = ["reproduce"]


def reproduce(
    study: Annotated[str, typer.Argument(help="begl, craquelure or refinement.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="begl: folder of image and mask pairs; default is procedural panels. craquelure: folder of crack sets."
            " refinement: folder of the DIBCO pages or of prepared mirrors; default is procedural bronzes."
        ),
    ] = None,
    out: Out = None,
    protocol: Annotated[str, typer.Option(help="small (narrow, two cores) or full (as published).")] = "small",
    seeds: Annotated[int, typer.Option(help="Number of seeds.")] = 3,
    epochs: Annotated[int | None, typer.Option(help="Epochs of every run; default is the protocol's.")] = None,
    losses: Annotated[
        str | None, typer.Option(help="begl: some of be,focal,dice,bce,begl; one alone is a pilot run.")
    ] = None,
    variants: Annotated[str | None, typer.Option(help="begl: further rows that are not the paper's.")] = None,
    group_by: Annotated[
        str | None, typer.Option(help="begl: regular expression that finds the photograph in a file name of --data.")
    ] = None,
    parts: Annotated[
        str | None,
        typer.Option(
            help="craquelure: some of losses,lambda,networks,cracks; default is all that have data. refinement: some "
            "of inputs,widths,strokes,objects,operations,keeping (the default) and modalities."
        ),
    ] = None,
    sets: Annotated[
        str | None, typer.Option(help="craquelure: some of crackforest,deepcrack_crops,masonry224,uav75.")
    ] = None,
    paper_split: Annotated[
        bool, typer.Option("--paper-split", help="craquelure: repeat the leak of the paper; every table says so.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep finished runs of the output folder, continue the others.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train what a paper compares under one protocol and write tables and figures beside the published values."""
    from graven.api.reproduce import reproduce as run

    console = Console(json_lines=json, quiet=quiet)
    result = run(
        study,
        data=data,
        out=out,
        protocol=protocol,
        n_seeds=seeds,
        epochs=epochs,
        losses=None if losses is None else split_names(losses),
        variants=() if variants is None else split_names(variants),
        group_by=group_by,
        parts=None if parts is None else split_names(parts),
        sets=None if sets is None else split_names(sets),
        paper_split=paper_split,
        resume=resume,
        monitor=console,
    )
    console.result(result.summary(), **result.facts())
