"""``graven synth``: a procedural surface with its exact truth, written in one local frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven._version import __version__
from graven.api.account import Clock, account, output_hashes
from graven.api.monitor import SILENT, Monitor
from graven.errors import InputError, UsageError
from graven.io.folders import OutputFolder
from graven.io.geotiff import write_float_cog, write_image_cog, write_mask_cog
from graven.methods.record import write_run
from graven.synthetic import make_petroglyph, petroglyph_layers
from graven.synthetic.rock import ROCKS
from graven.synthetic.testsets import GENERATOR_VERSION
from graven.types import NODATA, PETROGLYPH_CLASSES, Georeference, PixelSize, Window, raster_from_array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from graven.synthetic import PetroglyphPanel

__all__ = ["KINDS", "Synthesised", "local_frame", "synth"]

KINDS = ("petroglyph",)
DEGRADATIONS = ("ordinary", "severe")
MIN_SIZE_PX, MAX_SIZE_PX = 64, 16384
BLOCK_ROWS = 512


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
        Kind, seed, generator version, rock and figures.
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
    pixel_size_mm: float = 0.5,
    degradation: str = "ordinary",
    rock: str | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> Synthesised:
    """Make a surface and write image, mask, height, albedo and normals.

    Parameters
    ----------
    kind : {"petroglyph"}
        What to make.
    seed : int, >= 0
        Same seed and version, same bytes.
    size_px : int, 64 to 16384
        Side of the square panel.
    pixel_size_mm : float, > 0
        Size of a pixel.
    degradation : {"ordinary", "severe"}
        How hard the panel is to read.
    rock : str, optional
        Kind of rock; default is drawn by the seed.
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
    if rock is not None and rock not in ROCKS:
        raise UsageError(f"--rock takes {', '.join(ROCKS)}, got {rock!r}")
    if seed < 0 or not MIN_SIZE_PX <= size_px <= MAX_SIZE_PX:
        raise InputError(
            f"the seed must be at least 0 and the size {MIN_SIZE_PX} to {MAX_SIZE_PX} px, got {seed}, {size_px}"
        )
    name = f"{kind}_{seed}"
    target = Path(out) if out is not None else Path(name)
    clock = Clock()
    with OutputFolder(target, overwrite=overwrite) as output:
        monitor.say(f"growing {name}, {size_px} x {size_px} px …")
        panel = make_petroglyph(
            seed,
            size_px=size_px,
            pixel_size_mm=pixel_size_mm,
            degradation="severe" if degradation == "severe" else "ordinary",
            rock=rock,
        )
        with monitor.progress("writing") as report:
            _write_layers(output.path, name, panel, report=report)
        facts: dict[str, Any] = {
            "generator": GENERATOR_VERSION,
            "kind": kind,
            "seed": seed,
            "size_px": size_px,
            "pixel_size_mm": pixel_size_mm,
            "rock": panel.rock,
            "degradation": panel.degradation,
            "figures": [figure.name for figure in panel.figures],
            "pecked_share": round(float(panel.mask.sum() / max(1, panel.valid.sum())), 6),
        }
        files = sorted(output.path.glob(f"{name}_*"))
        options = {
            "kind": kind,
            "seed": seed,
            "size_px": size_px,
            "pixel_size_mm": pixel_size_mm,
            "degradation": degradation,
            "rock": rock,
            "out": target,
        }
        hashes = output_hashes(output.path)
        write_run(output.path, account("synth", clock=clock, options=options, outputs=hashes, **facts))
        facts = {"command": "synth", "graven": __version__, **facts}
    return Synthesised(target, tuple(target / file.name for file in files), facts)


def _write_layers(folder: Path, name: str, panel: PetroglyphPanel, *, report: Any) -> None:
    layers = petroglyph_layers(panel)
    height, width = panel.mask.shape
    size = panel.surface.pixel_size_mm
    frame = {
        "height": height,
        "width": width,
        "georeference": local_frame(name, height=height, pixel_size_mm=size),
        "pixel_size": PixelSize(size, size, "geotransform"),
    }
    tags = {"GRAVEN_GENERATOR": GENERATOR_VERSION, "GRAVEN_SEED": str(panel.seed)}
    classes = np.where(panel.valid, panel.mask.astype(np.uint8), np.uint8(NODATA))
    read_valid = None if panel.valid.all() else raster_from_array(panel.image, valid=panel.valid).read_valid
    write_image_cog(
        folder / f"{name}_image.tif",
        _blocks(layers["image"]),
        n_bands=3,
        dtype=np.dtype(np.uint8),
        read_valid=read_valid,
        tags=tags,
        **frame,
    )
    report(1, 5)
    write_mask_cog(folder / f"{name}_mask.tif", _blocks(classes), classes=PETROGLYPH_CLASSES, tags=tags, **frame)
    report(2, 5)
    floats = {"height": ("height",), "albedo": ("red", "green", "blue"), "normals": ("x", "y", "z")}
    units = {"height": "mm", "albedo": "reflectance", "normals": "unit vector"}
    for done, (layer, bands) in enumerate(floats.items(), start=3):
        more = {"NORMAL_CONVENTION": "OpenGL"} if layer == "normals" else {}
        write_float_cog(
            folder / f"{name}_{layer}.tif",
            _blocks(layers[layer]),
            names=bands,
            units=(units[layer],) * len(bands),
            tags={**tags, **more},
            **frame,
        )
        report(done, 5)


def _blocks(array: NDArray[Any]) -> Iterator[tuple[Window, NDArray[Any]]]:
    height, width = array.shape[-2:]
    for row in range(0, height, BLOCK_ROWS):
        rows = min(BLOCK_ROWS, height - row)
        yield Window(row, 0, rows, width), array[..., row : row + rows, :]
