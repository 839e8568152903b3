"""Options that several verbs share, with one wording and one meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from graven.errors import UsageError

__all__ = [
    "Config",
    "Device",
    "Engine",
    "GateThreshold",
    "Json",
    "Length",
    "Mode",
    "Model",
    "ObjectMask",
    "Out",
    "Overwrite",
    "Precision",
    "Quiet",
    "Roi",
    "Scale",
    "names",
    "split_classes",
    "split_names",
]


def _load_config(context: typer.Context, path: Path | None) -> Path | None:
    """Take defaults from a YAML file; the command line wins."""
    if path is None or context.resilient_parsing:
        return path
    import yaml

    try:
        settings: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise UsageError(f"--config needs a readable YAML file, got {path}: {reason}") from error
    if not isinstance(settings, dict):
        raise UsageError(
            f"--config needs a YAML mapping of option names to values, got {type(settings).__name__} in {path}"
        )
    known = {parameter.name for parameter in context.command.params if parameter.name}
    given = {str(key).replace("-", "_"): value for key, value in settings.items()}
    unknown = sorted(set(given) - known)
    if unknown:
        raise UsageError(
            f"{path} names {', '.join(unknown)}, which {context.info_name} does not know; it knows {sorted(known)}"
        )
    context.default_map = {**(context.default_map or {}), **given}
    return path


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="YAML file with option names as keys; the command line wins.",
        is_eager=True,
        callback=_load_config,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON lines instead of text.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but results and errors.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Output folder; it appears whole or not at all.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an output folder that graven wrote earlier.")]
Model = Annotated[str, typer.Option("--model", "-m", help="Name of a bundled model, or the path of a bundle.")]
ObjectMask = Annotated[
    str | None, typer.Option("--object-mask", help="Mask file of the object, or auto to find it; the rest is unknown.")
]
Scale = Annotated[str | None, typer.Option("--scale", help="Size of a pixel, for example 0.05mm/px.")]
Length = Annotated[
    str | None, typer.Option("--length", help='Scale by a known length between two pixels: "x1,y1:x2,y2=1200mm".')
]
Engine = Annotated[str, typer.Option("--engine", help="What runs the networks: auto, openvino, onnxruntime or torch.")]
GateThreshold = Annotated[
    float | None, typer.Option(help="What the gate must reach for a tile to be predicted; higher is faster.")
]
Mode = Annotated[
    str,
    typer.Option(help="Cut tiles (tile), or shrink the whole image to one (stretch, letterbox): loses thin lines."),
]
Precision = Annotated[
    str, typer.Option("--precision", help="Numbers of the engine: auto, float32, bfloat16 or float16.")
]
Device = Annotated[str, typer.Option("--device", help="Where the engine computes: auto, cpu, cuda or mps.")]
Roi = Annotated[
    str | None, typer.Option("--roi", help="Limit the work to a polygon: WKT, or a GeoJSON or GeoPackage file.")
]


def split_names(text: str) -> tuple[str, ...]:
    """Split a comma-separated option."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def split_classes(text: str) -> dict[str, tuple[str, ...]]:
    """Split ``name=label+label,name`` into names with their labels."""
    found: dict[str, tuple[str, ...]] = {}
    for part in split_names(text):
        name, equals, labels = part.partition("=")
        chosen = tuple(label.strip() for label in labels.split("+") if label.strip())
        if name.strip() in found or (equals and not chosen):
            raise UsageError(f"--classes names every class once, as name or name=label+label, got {text!r}")
        found[name.strip()] = chosen
    return found


def names(text: str | None, choices: tuple[str, ...], option: str) -> tuple[str, ...]:
    """Split a comma-separated option and check every name.

    Parameters
    ----------
    text : str or None
        As typed; None means all choices.
    choices : tuple of str
        What may be named.
    option : str
        For the message.

    Returns
    -------
    tuple of str
        In the order of `choices`.

    Raises
    ------
    UsageError
        If a name is not a choice.
    """
    if text is None:
        return choices
    asked = split_names(text)
    wrong = [name for name in asked if name not in choices]
    if wrong or not asked:
        raise UsageError(f"{option} takes any of {','.join(choices)}, got {text!r}")
    return tuple(name for name in choices if name in asked)
