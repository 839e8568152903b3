"""``graven stereo``: images under single lights to normals, albedo and height."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graven.cli.console import Console
from graven.cli.options import Config, Json, Length, Out, Overwrite, Quiet, Scale

__all__ = ["stereo"]


def stereo(
    lights: Annotated[
        Path, typer.Argument(help="Lights (.lp, .dome, .csv), or with --sphere a folder of images that show spheres.")
    ],
    images: Annotated[Path | None, typer.Option(help="Folder of the images; default is beside the lights.")] = None,
    out: Out = None,
    method: Annotated[str, typer.Option(help="robust, lambert (plain least squares) or near.")] = "robust",
    surface: Annotated[str, typer.Option(help="What robust expects: metal (highlights) or matt (shadows).")] = "metal",
    integrate: Annotated[str, typer.Option(help="How slopes become height: auto, dct, masked or fc.")] = "auto",
    object_mask: Annotated[str | None, typer.Option(help="Mask file of the object, or auto.")] = None,
    scale: Scale = None,
    length: Length = None,
    sphere: Annotated[
        list[str] | None,
        typer.Option(help="Mirror sphere as x,y,radius in pixels, auto, or a mask file; may be repeated."),
    ] = None,
    dark: Annotated[Path | None, typer.Option(help="Image without light, subtracted from all.")] = None,
    flat: Annotated[
        Path | None, typer.Option(help="Image of an even white surface, or a folder with one for each light.")
    ] = None,
    black_level: Annotated[str, typer.Option(help="Stored value that stands for no light, or auto.")] = "auto",
    linear: Annotated[bool, typer.Option("--linear", help="Values are in proportion to light.")] = False,
    srgb: Annotated[bool, typer.Option("--srgb", help="Values have the sRGB curve.")] = False,
    cos_power: Annotated[float, typer.Option(help="How near lamps fade to their sides: power of the cosine.")] = 0.0,
    file_order: Annotated[
        bool, typer.Option("--file-order", help="Give images to lights in the order of their names.")
    ] = False,
    title: Annotated[str | None, typer.Option(help="Title of the page; default is the name of the lights.")] = None,
    config: Config = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compute normals, albedo and height from images under single lights, with a page that shows and judges them."""
    from graven.api.stereo import stereo as run
    from graven.errors import UsageError

    del config
    if linear and srgb:
        raise UsageError("give --linear or --srgb, not both: each states what the stored values are")
    console = Console(json_lines=json, quiet=quiet)
    result = run(
        lights,
        images=images,
        out=out,
        method=method,
        surface=surface,
        integrate=integrate,
        object_mask=object_mask,
        scale=scale,
        length=length,
        spheres=tuple(sphere or ()),
        dark=dark,
        flat=flat,
        black_level=black_level,
        transfer="linear" if linear else "srgb" if srgb else "auto",
        cos_power=cos_power,
        file_order=file_order,
        title=title,
        overwrite=overwrite,
        monitor=console,
    )
    console.result(result.summary(), **result.facts())
