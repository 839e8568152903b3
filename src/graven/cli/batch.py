"""``graven batch``: many images, each into a record of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Config, GateThreshold, Json, Mode, Model, Precision, Quiet, Roi, Scale, names
from graven.errors import PartialFailure

__all__ = ["batch"]

PARTS = ("mask", "prob", "traces", "drawing", "measures", "report")


def batch(
    inputs: Annotated[list[Path], typer.Argument(help="Images, folders of images, or lists of images (.txt).")],
    model: Model = "petroglyph",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Output folder: records, manifest, summary.csv and index.html.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes here, by default one per core as memory allows; or jobs of SLURM.")
    ] = None,
    scheduler: Annotated[
        str, typer.Option(help="local, slurm, or the address of a Dask scheduler such as tcp://host:8786.")
    ] = "local",
    cluster_config: Annotated[
        Path | None, typer.Option(help="YAML file with options of the SLURM jobs, such as queue and walltime.")
    ] = None,
    bands: Annotated[
        int, typer.Option(help="Divide the prediction of each image into so many parts for several workers.")
    ] = 1,
    on_error: Annotated[
        str, typer.Option(help="skip lists an image that fails and goes on; fail stops at the first.")
    ] = "skip",
    scale: Scale = None,
    roi: Roi = None,
    tile: Annotated[int | None, typer.Option(help="Side of the network input in pixels, overlap included.")] = None,
    overlap: Annotated[int | None, typer.Option(help="Pixels that neighbouring tiles share.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Probability from which a pixel counts as worked.")] = None,
    min_object: Annotated[
        float | None, typer.Option(help="Drop objects below this area in mm² (px² without a scale).")
    ] = None,
    gate: Annotated[bool, typer.Option(help="Skip tiles in which the gate sees no work.")] = True,
    gate_threshold: GateThreshold = None,
    rotation: Annotated[
        bool, typer.Option(help="Correct a skewed image for prediction; outputs stay on its grid.")
    ] = True,
    only: Annotated[str | None, typer.Option(help=f"Any of {','.join(PARTS)}; default all.")] = None,
    engine: Annotated[str, typer.Option(help="What runs the networks: openvino or onnxruntime.")] = "openvino",
    precision: Precision = "auto",
    tta: Annotated[
        str,
        typer.Option(help="Predict each tile mirrored (flips, 4 times as long), scaled (scales, 3) or both (all, 12)."),
    ] = "none",
    mode: Mode = "tile",
    force_scale: Annotated[bool, typer.Option(help="Accept a scale more than four times off the model's.")] = False,
    resume: Annotated[bool, typer.Option(help="Continue the batch in the output folder.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier batch in this folder.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop.")] = False,
    config: Config = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Trace many images as segment traces one, with all cores of this machine, a Dask cluster or SLURM.

    Each record goes to OUT/<image stem>-record. --length and --title belong to a single image, so they are not here.
    """
    del config  # has set the defaults already
    from graven.api.batch import batch as run

    console = Console(json_lines=json, quiet=quiet)
    result = run(
        inputs,
        model=model,
        out=out,
        workers=workers,
        scheduler=scheduler,
        cluster_config=cluster_config,
        bands=bands,
        on_error=on_error,
        scale=scale,
        roi=roi,
        tile_px=tile,
        overlap_px=overlap,
        threshold=threshold,
        min_object=min_object,
        gate=gate,
        gate_threshold=gate_threshold,
        rotation=rotation,
        only=names(only, PARTS, "--only"),
        engine=engine,
        precision=precision,
        tta=tta,
        mode=mode,
        force_scale=force_scale,
        resume=resume,
        overwrite=overwrite,
        dry_run=dry_run,
        monitor=console,
    )
    console.result(result.summary(), **result.facts())
    if result.n_missed and not result.dry_run:
        raise PartialFailure(f"{result.n_missed} of {len(result.rows)} images were not traced; {result.path} tells why")
