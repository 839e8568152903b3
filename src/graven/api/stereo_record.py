"""What ``graven stereo`` leaves: rasters, the lights, and the page."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graven._version import __version__
from graven.api.account import account, output_hashes
from graven.io.fs import write_text_atomic
from graven.io.geotiff import write_float_cog
from graven.io.lightfiles import write_lights_csv, write_lp
from graven.methods.record import write_run
from graven.report.format import UNIT_SPACE, format_count, format_number, format_share
from graven.report.overview import overview, overview_factor
from graven.report.stereo import StereoReport, stereo_report
from graven.report.units import format_pixel_size
from graven.report.values import OutputFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.api.account import Clock
    from graven.io.floatrows import Planes
    from graven.io.lightstack import LightStack
    from graven.methods.stereo import StereoSettings, StereoSurface
    from graven.types import Lights, Window

__all__ = ["Record", "write_account", "write_page", "write_surface"]

_PAGE_SIDE_PX = 900
_METHODS = {
    "robust": "least squares, reweighted against highlights and shadows",
    "lambert": "plain least squares",
    "near": "reweighted least squares with near lamps, normals and heights in turns",
}
_INTEGRATIONS = {
    "dct": "cosine transform",
    "fc": "Fourier transform (Frankot and Chellappa)",
    "masked": "least squares inside the object",
}


@dataclass(frozen=True, slots=True)
class Record:
    """A surface and where it comes from.

    Attributes
    ----------
    name, title : str
        Stem of the files, and title of the page.
    stack : LightStack
        Images as they were used.
    lights : Lights
        As they were used.
    settings : StereoSettings
        How.
    surface : StereoSurface
        What was found.
    notes : tuple of str
        What a reader must know.
    """

    name: str
    title: str
    stack: LightStack
    lights: Lights
    settings: StereoSettings
    surface: StereoSurface
    notes: tuple[str, ...]

    @property
    def sources(self) -> list[tuple[str, str | None]]:
        """Names and hashes of the images that were read, dark frame and flats after the rest."""
        beside = [raster for raster in (self.stack.dark, *self.stack.flats) if raster is not None]
        names = [*self.lights.names, *(raster.name for raster in beside)]
        rasters = (*self.stack.images, *beside)
        return [(name, raster.source_sha256) for name, raster in zip(names, rasters, strict=True)]

    @property
    def run_id(self) -> str:
        """Hash of images, lights and settings: the same run has the same id."""
        facts = {
            "images": [sha256 for _, sha256 in self.sources],
            "lights": self.lights.towards.tolist(),
            "distances": [None if value == np.inf else value for value in self.lights.distances_mm.tolist()],
            "strengths": self.lights.strengths.tolist(),
            "settings": asdict(self.settings),
            "transfer": [self.stack.transfer, self.stack.black],
            "solved": self.surface.n_asked,
            "pixel_size": None if self.stack.pixel_size is None else asdict(self.stack.pixel_size),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def unit(self) -> str:
        """Unit of heights."""
        return "px" if self.stack.pixel_size is None else "mm"

    @property
    def integration(self) -> str:
        """How slopes became height, as resolved."""
        if self.settings.integration != "auto":
            return self.settings.integration
        return "dct" if self.surface.n_pixels == self.stack.height * self.stack.width else "masked"


def write_surface(folder: Path, record: Record) -> dict[str, float]:
    """Write rasters and lights.

    Parameters
    ----------
    folder : Path
        Existing folder.
    record : Record
        What was found.

    Returns
    -------
    dict of str to float
        Figures of the surface and its quality; a median is that over the object.

    Raises
    ------
    DiskFull, OutputError
        If a file cannot be written.
    """
    surface = record.surface
    source = hashlib.sha256("".join(sha256 or "" for _, sha256 in record.sources).encode()).hexdigest()
    tags = {"GRAVEN_RUN_ID": record.run_id, "GRAVEN_SOURCE_SHA256": source, "GRAVEN_AXES": "x right, y up, z to viewer"}
    layers: dict[str, tuple[Planes, tuple[str, ...], str, dict[str, str]]] = {
        "normals": (surface.normals, ("x", "y", "z"), "unit vector", {"NORMAL_CONVENTION": "OpenGL"}),
        "albedo": (surface.albedo, ("albedo",), "reflectance", {}),
        "height": (surface.height, ("height",), record.unit, {"GRAVEN_HEIGHT": "positive towards the viewer"}),
        "residual": (surface.residual, ("residual",), "share of brightness", {}),
    }
    for name, (planes, bands, unit, more) in layers.items():
        write_float_cog(
            folder / f"{record.name}_{name}.tif",
            planes.blocks(),
            height=record.stack.height,
            width=record.stack.width,
            names=bands,
            units=(unit,) * len(bands),
            georeference=record.stack.georeference,
            pixel_size=record.stack.pixel_size,
            tags={**tags, **more},
        )
    write_lights_csv(folder / "lights.csv", record.lights)
    if record.lights.positions_mm is None:
        write_lp(folder / "lights.lp", record.lights)
    low, high = _percentiles(surface.height, (0.5, 99.5))
    figures = {
        "solved_share": surface.n_pixels / max(1, surface.n_asked),
        "residual_median": _percentiles(surface.residual, (50,))[0],
        "misfit_median_deg": _percentiles(surface.misfit_deg, (50,))[0],
        "height_range": high - low,
    }
    if surface.relit is not None:
        figures["relit_residual_median"] = _percentiles(surface.relit, (50,))[0]
    return figures


def write_page(folder: Path, record: Record, figures: dict[str, float]) -> None:
    """Write the page that shows and judges the surface.

    Parameters
    ----------
    folder : Path
        Output folder with the other files.
    record : Record
        What was found.
    figures : dict of str to float
        From `write_surface`.

    Raises
    ------
    DiskFull, OutputError
        If it cannot be written.
    """
    surface, stack = record.surface, record.stack
    files = tuple(
        OutputFile(name, sha256, (folder / name).stat().st_size) for name, sha256 in output_hashes(folder).items()
    )
    normals = _small(surface.normals)
    with np.errstate(invalid="ignore"):
        normals /= np.linalg.norm(normals, axis=0)
    report = StereoReport(
        title=record.title,
        version=__version__,
        lead=f"Normals, albedo and height from {len(record.lights)} images of {format_count(stack.width)} × "
        f"{format_count(stack.height)} pixels, each under one light.",
        lights=record.lights,
        height=stack.height,
        width=stack.width,
        pixel_size=stack.pixel_size,
        georeference=stack.georeference,
        factor=overview_factor(stack.height, stack.width, long_side_px=_PAGE_SIDE_PX),
        normals=normals,
        albedo=_small(surface.albedo)[0],
        relief=_small(surface.height)[0],
        residual=_small(surface.residual)[0],
        misfit_deg=_small(surface.misfit_deg)[0],
        photographed=None if record.settings.method == "near" else _photographed(record),
        figures=_printed(record, figures),
        method=_method(record),
        notes=record.notes,
        files=files,
    )
    write_text_atomic(folder / f"{record.name}_report.html", stereo_report(report))


def write_account(
    folder: Path,
    record: Record,
    figures: dict[str, float],
    *,
    clock: Clock,
    options: Mapping[str, Any],
    sources: Sequence[Mapping[str, str]],
) -> None:
    """Write ``run.json``.

    Parameters
    ----------
    folder : Path
        Output folder with the other files.
    record : Record
        What was found.
    figures : dict of str to float
        From `write_surface`.
    clock : Clock
        Of the run.
    options : mapping
        As they were asked for.
    sources : sequence of mappings
        Name and hash of files other than images: lights, masks.

    Raises
    ------
    DiskFull, OutputError
        If it cannot be written.
    """
    stack = record.stack
    told = account(
        "stereo",
        clock=clock,
        options=options,
        inputs=[*sources, *({"name": name, "sha256": sha256} for name, sha256 in record.sources)],
        settings={**asdict(record.settings), "transfer": stack.transfer, "black": stack.black},
        outputs=output_hashes(folder),
        run_id=record.run_id,
        pixel_size=None if stack.pixel_size is None else asdict(stack.pixel_size),
        figures=figures,
        notes=list(record.notes),
    )
    write_run(folder, told)


def _small(planes: Planes) -> NDArray[Any]:
    _, height, width = planes.shape
    return overview(planes.read, height=height, width=width, how="mean", long_side_px=_PAGE_SIDE_PX)


def _photographed(record: Record) -> tuple[int, NDArray[np.float32]]:
    """Give the image whose light comes most nearly from the upper left, 45 degrees above."""
    index = int((record.lights.towards @ np.array([-0.5, 0.5, np.sqrt(0.5)])).argmax())
    single = record.stack.only(index)

    def read(window: Window) -> NDArray[np.float32]:
        return np.asarray(single.read(window, keep_clipped=True)[0][0])

    size = {"height": single.height, "width": single.width}
    return index, np.asarray(overview(read, how="mean", long_side_px=_PAGE_SIDE_PX, **size), np.float32)


def _percentiles(planes: Planes, shares: tuple[float, ...]) -> tuple[float, ...]:
    """Give percentiles of what is known of one plane; 0 where nothing is."""
    values = planes.read()[0]
    known = values[np.isfinite(values)]
    return tuple(float(value) for value in np.percentile(known, shares)) if known.size else (0.0,) * len(shares)


def _printed(record: Record, figures: dict[str, float]) -> tuple[tuple[str, str], ...]:
    size = record.stack.pixel_size
    elevations = record.lights.elevations_deg
    angle = f"{format_number(elevations.min(), 0)}° to {format_number(elevations.max(), 0)}°"
    relit = figures.get("relit_residual_median")
    return (
        ("Size", f"{format_count(record.stack.width)} × {format_count(record.stack.height)}{UNIT_SPACE}px"),
        ("Scale", "unknown" if size is None else format_pixel_size(size)),
        ("Lights", f"{len(record.lights)}, {angle} above the object"),
        ("Solved", f"{format_count(record.surface.n_pixels)}{UNIT_SPACE}px, {format_share(figures['solved_share'])}"),
        ("Range of height", f"{figures['height_range']:.3g}{UNIT_SPACE}{record.unit} (99 % of the surface)"),
        ("Residual", f"{format_share(figures['residual_median'])} of the brightness (median, as weighted)"),
        *(
            []
            if relit is None
            else [("Images explained to", f"{format_share(relit)} (median, shadows and highlights too)")]
        ),
        ("Normals against height", f"{figures['misfit_median_deg']:.2g}° (median)"),
    )


def _method(record: Record) -> tuple[tuple[str, str], ...]:
    settings, stack = record.settings, record.stack
    kind = "" if settings.method == "lambert" else f"; surface: {settings.surface}"
    flats = "none" if not stack.flats else "one for all" if len(stack.flats) == 1 else "one for each light"
    return (
        ("Normals", _METHODS[settings.method] + kind),
        ("Height", f"{_INTEGRATIONS[record.integration]}; the best plane taken away"),
        (
            "Stored values",
            "in proportion to light" if stack.transfer == "linear" else "with the sRGB curve, made linear",
        ),
        ("Grey", "mean of the colours, each linear; clipped values left out"),
        ("Dark frame", "none" if stack.dark is None else stack.dark.name),
        ("Flat", flats),
        ("Run", record.run_id),
        ("Software", f"graven {__version__}"),
    )
