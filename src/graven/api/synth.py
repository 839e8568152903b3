"""``graven synth``: a procedural surface with its exact truth, written in one local frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven._version import __version__
from graven.api.account import Clock, account, output_hashes
from graven.api.monitor import SILENT, Monitor
from graven.api.synth_kinds import bronze_layers, painting_layers, panel_layers
from graven.errors import InputError, UsageError
from graven.io.folders import OutputFolder
from graven.io.geotiff import write_float_cog, write_image_cog, write_mask_cog
from graven.io.gpkg import write_gpkg
from graven.io.lightfiles import write_lp
from graven.methods.record import write_run
from graven.synthetic import make_bronze, make_painting, make_petroglyph
from graven.synthetic.rock import ROCKS
from graven.types import Georeference, Lights, PixelSize, Window, raster_from_array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from graven.api.synth_kinds import Layers, Photographs
    from graven.synthetic.petroglyph import Degradation

__all__ = ["KINDS", "Synthesised", "local_frame", "synth"]

KINDS = ("petroglyph", "engraving", "condition")
PIXEL_SIZE_MM = {"petroglyph": 0.5, "engraving": 0.05, "condition": 0.1}
DEGRADATIONS = ("ordinary", "severe")
MIN_SIZE_PX, MAX_SIZE_PX = 64, {"petroglyph": 16384, "engraving": 6144, "condition": 4096}
BLOCK_ROWS = 512
_BANDS = {"height": ("height",), "albedo": ("red", "green", "blue"), "normals": ("x", "y", "z")}
_UNITS = {"height": "mm", "albedo": "reflectance", "normals": "unit vector"}


@dataclass(frozen=True, slots=True)
class Synthesised:
    """What `synth` left.

    Attributes
    ----------
    path : Path
        Output folder.
    paths : tuple of Path
        Files in it.
    facts : dict
        Kind, seed, generator version, and what is told of the kind.
    """

    path: Path
    paths: tuple[Path, ...]
    facts: dict[str, Any]


def local_frame(name: str, *, height: int, pixel_size_mm: float) -> Georeference:
    """Give the local engineering frame of a generated surface: metres, origin at the lower left corner, y up.

    Parameters
    ----------
    name : str
        Name of the frame.
    height : int, pixels
        Height of the raster.
    pixel_size_mm : float
        Size of a pixel.

    Returns
    -------
    Georeference
        With an engineering CRS in WKT2.
    """
    metres = pixel_size_mm / 1000
    wkt = (
        f'ENGCRS["{name}",EDATUM["{name} origin"],CS[Cartesian,2],'
        'AXIS["x",unspecified,ORDER[1]],AXIS["y",unspecified,ORDER[2]],LENGTHUNIT["metre",1]]'
    )
    return Georeference((metres, 0.0, 0.0, 0.0, -metres, height * metres), wkt, "local", 1000.0)


def synth(
    kind: str,
    *,
    seed: int = 0,
    size_px: int = 1024,
    pixel_size_mm: float | None = None,
    degradation: str = "ordinary",
    rock: str | None = None,
    whole: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> Synthesised:
    """Make a surface and write its image with the truth: mask, height, albedo, and normals, traces or lights.

    Parameters
    ----------
    kind : {"petroglyph", "engraving", "condition"}
        What to make: a rock panel, an engraved bronze mirror, or a painting with craquelure and paint loss.
    seed : int, >= 0
        Same seed and version, same bytes.
    size_px : int, 64 to 16384, or 6144 for a bronze, 4096 for a painting
        Side of the square panel.
    pixel_size_mm : float, optional
        Size of a pixel; default is 0.5 for a rock panel, 0.05 for a bronze and 0.1 for a painting.
    degradation : {"ordinary", "severe"}
        How hard the panel is to read.
    rock : str, optional
        Kind of rock of a petroglyph; default is drawn by the seed.
    whole : bool
        A whole mirror with its handle instead of a part of one.
    out : str or Path, optional
        Output folder; default is ``<kind>_<seed>`` here.
    overwrite : bool
        Replace an earlier output.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    Synthesised
        Files and facts.

    Raises
    ------
    UsageError
        If the kind, degradation or rock is unknown.
    InputError
        If seed or size are out of range.
    """
    if kind not in KINDS:
        raise UsageError(f"synth makes {', '.join(KINDS)}, got {kind!r}")
    if degradation not in DEGRADATIONS:
        raise UsageError(f"--degradation takes {' or '.join(DEGRADATIONS)}, got {degradation!r}")
    if rock is not None and kind != "petroglyph":
        raise UsageError(f"--rock is for petroglyph, got it with {kind}; leave it out")
    if whole and kind != "engraving":
        raise UsageError(f"--whole is for engraving, got it with {kind}; leave it out")
    if rock is not None and rock not in ROCKS:
        raise UsageError(f"--rock takes {', '.join(ROCKS)}, got {rock!r}")
    if seed < 0 or not MIN_SIZE_PX <= size_px <= MAX_SIZE_PX[kind]:
        raise InputError(
            f"the seed must be at least 0 and the size {MIN_SIZE_PX} to {MAX_SIZE_PX[kind]} px, got {seed}, {size_px}"
        )
    size_mm = PIXEL_SIZE_MM[kind] if pixel_size_mm is None else pixel_size_mm
    name = f"{kind}_{seed}"
    target = Path(out) if out is not None else Path(name)
    clock = Clock()
    with OutputFolder(target, overwrite=overwrite) as output:
        monitor.say(f"growing {name}, {size_px} x {size_px} px …")
        layers = _grow(
            kind, seed=seed, size_px=size_px, pixel_size_mm=size_mm, degradation=degradation, rock=rock, whole=whole
        )
        with monitor.progress("writing") as report:
            _write_layers(output.path, name, layers, seed=seed, pixel_size_mm=size_mm, report=report)
        facts: dict[str, Any] = {
            "generator": layers.generator,
            "kind": kind,
            "seed": seed,
            "size_px": size_px,
            "pixel_size_mm": size_mm,
            **layers.facts,
        }
        files = sorted([*output.path.glob(f"{name}_*"), *output.path.glob("lights/*")])
        options = {
            "kind": kind,
            "seed": seed,
            "size_px": size_px,
            "pixel_size_mm": size_mm,
            "degradation": degradation,
            "rock": rock,
            "whole": whole,
            "out": target,
        }
        hashes = output_hashes(output.path)
        write_run(output.path, account("synth", clock=clock, options=options, outputs=hashes, **facts))
        facts = {"command": "synth", "graven": __version__, **facts}
    return Synthesised(target, tuple(target / file.relative_to(output.path) for file in files), facts)


def _grow(
    kind: str, *, seed: int, size_px: int, pixel_size_mm: float, degradation: str, rock: str | None, whole: bool
) -> Layers:
    hard: Degradation = "severe" if degradation == "severe" else "ordinary"
    if kind == "condition":
        return painting_layers(make_painting(seed, size_px=size_px, pixel_size_mm=pixel_size_mm, degradation=hard))
    if kind == "engraving":
        return bronze_layers(
            make_bronze(seed, size_px=size_px, pixel_size_mm=pixel_size_mm, degradation=hard, whole=whole)
        )
    return panel_layers(
        make_petroglyph(seed, size_px=size_px, pixel_size_mm=pixel_size_mm, degradation=hard, rock=rock)
    )


def _write_layers(folder: Path, name: str, layers: Layers, *, seed: int, pixel_size_mm: float, report: Any) -> None:
    height, width = layers.labels.shape
    georeference = local_frame(name, height=height, pixel_size_mm=pixel_size_mm)
    pixel_size = PixelSize(pixel_size_mm, pixel_size_mm, "geotransform")
    frame = {"height": height, "width": width, "georeference": georeference, "pixel_size": pixel_size}
    tags = {"GRAVEN_GENERATOR": layers.generator, "GRAVEN_SEED": str(seed)}
    valid = layers.valid
    read_valid = None if valid.all() else raster_from_array(layers.image, valid=valid).read_valid
    write_image_cog(
        folder / f"{name}_image.tif",
        _blocks(layers.image),
        n_bands=3,
        dtype=np.dtype(np.uint8),
        read_valid=read_valid,
        tags=tags,
        **frame,
    )
    total = 2 + len(layers.floats) + (layers.traces is not None)
    total += 0 if layers.photographs is None else len(layers.photographs.directions)
    report(1, total)
    write_mask_cog(folder / f"{name}_mask.tif", _blocks(layers.labels), classes=layers.classes, tags=tags, **frame)
    report(2, total)
    for done, (layer, values) in enumerate(layers.floats.items(), start=3):
        more = {"NORMAL_CONVENTION": "OpenGL"} if layer == "normals" else {}
        write_float_cog(
            folder / f"{name}_{layer}.tif",
            _blocks(values),
            names=_BANDS[layer],
            units=(_UNITS[layer],) * len(_BANDS[layer]),
            tags={**tags, **more},
            **frame,
        )
        report(done, total)
    if layers.traces is not None:
        write_gpkg(
            folder / f"{name}_traces.gpkg",
            layers.traces,
            classes=layers.classes,
            source=layers.source,
            name=name,
            **frame,
        )
        report(3 + len(layers.floats), total)
    if layers.photographs is not None:
        _write_lights(
            folder / "lights", layers.photographs, tags=tags, report=lambda k: report(total - k, total), **frame
        )


def _write_lights(
    folder: Path, photographs: Photographs, *, tags: dict[str, str], report: Callable[[int], None], **frame: Any
) -> None:
    """Write linear pictures of 16 bits, one for each light, and the directions beside them."""
    folder.mkdir()
    count = len(photographs.directions)
    names = tuple(f"light_{k + 1:02d}.tif" for k in range(count))
    for k, name in enumerate(names):
        picture = photographs.take(k)
        write_image_cog(folder / name, _blocks(picture), n_bands=3, dtype=np.dtype(np.uint16), tags=tags, **frame)
        report(count - 1 - k)
    write_lp(folder / "lights.lp", Lights(names, directions=photographs.directions))


def _blocks(array: NDArray[Any]) -> Iterator[tuple[Window, NDArray[Any]]]:
    height, width = array.shape[-2:]
    for row in range(0, height, BLOCK_ROWS):
        rows = min(BLOCK_ROWS, height - row)
        yield Window(row, 0, rows, width), array[..., row : row + rows, :]
