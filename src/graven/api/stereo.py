"""``graven stereo``: images of one object under single lights to normals, albedo and height."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from graven.api.account import Clock, source_of
from graven.api.images import stated_pixel_size
from graven.api.monitor import SILENT, Monitor
from graven.api.stereo_inputs import calibrate_lights, find_inputs, find_object_mask, flat_images
from graven.api.stereo_record import Record, write_account, write_page, write_surface
from graven.errors import ScaleError, UsageError
from graven.io.folders import OutputFolder
from graven.io.lightstack import open_light_stack
from graven.methods.stereo import KINDS, METHODS, StereoSettings, find_surface, settle_black_level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graven.api.stereo_inputs import Inputs
    from graven.io.lightstack import LightStack, Transfer
    from graven.types import Lights, PixelSize

__all__ = ["Stereo", "stereo"]

WORK = ".work"
_INTEGRATIONS = ("auto", "dct", "masked", "fc")
_TRANSFERS = ("auto", "linear", "srgb")


@dataclass(frozen=True, slots=True)
class Stereo:
    """What `stereo` left.

    Attributes
    ----------
    path : Path
        Output folder.
    height : Path
        The height map in it.
    figures : dict of str to float
        Of the surface and its quality: ``solved_share``, ``residual_median``, ``relit_residual_median``,
        ``misfit_median_deg``, ``height_range``.
    notes : tuple of str
        What a reader must know.
    """

    path: Path
    height: Path
    figures: dict[str, float]
    notes: tuple[str, ...]

    def summary(self) -> str:
        """Say it in a few lines."""
        told = (
            f"{self.height}: {100 * self.figures['solved_share']:.1f} % solved, median residual "
            f"{100 * self.figures['residual_median']:.2g} %"
        )
        return "\n".join([told, *(f"note: {note}" for note in self.notes)])

    def facts(self) -> dict[str, Any]:
        """Give the same as a dictionary."""
        return {
            "path": str(self.path),
            "height": str(self.height),
            "figures": self.figures,
            "notes": list(self.notes),
        }


def stereo(
    lights: str | Path,
    *,
    images: str | Path | None = None,
    out: str | Path | None = None,
    method: str = "robust",
    surface: str = "metal",
    integrate: str = "auto",
    object_mask: str | Path | None = None,
    scale: str | None = None,
    length: str | None = None,
    spheres: Sequence[str] = (),
    dark: str | Path | None = None,
    flat: str | Path | None = None,
    black_level: str = "auto",
    transfer: str = "auto",
    cos_power: float = 0.0,
    file_order: bool = False,
    title: str | None = None,
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> Stereo:
    """Compute normals, albedo and height from images under single lights.

    Parameters
    ----------
    lights : str or Path
        File of lights (``.lp``, ``.dome``, ``.csv``), or with `spheres` a folder of images that show mirror spheres.
    images : str or Path, optional
        Folder of the images; default is beside the lights.
    out : str or Path, optional
        Output folder; default is ``<name of the lights>-stereo`` here.
    method : {"robust", "lambert", "near"}
        Reweighted least squares, plain least squares, or reweighted with the positions of near lamps.
    surface : {"metal", "matt"}
        What reweighting expects: highlights, or shadows.
    integrate : {"auto", "dct", "masked", "fc"}
        How slopes become height; ``auto`` is ``dct`` for a full frame and ``masked`` for an object with an outline.
    object_mask : str or Path, optional
        Mask file of the object, or ``auto`` to find it; by default all of the frame is the object.
    scale, length : str, optional
        Scale, as in `graven.open`. Without one, heights are in pixels.
    spheres : sequence of str
        Mirror spheres that directions are read off: ``x,y,radius`` in pixels, ``auto``, or a mask file.
    dark : str or Path, optional
        Image without light.
    flat : str or Path, optional
        Image of an even white surface, or a folder with one for each light.
    black_level : str
        Stored value that stands for no light, or ``auto``.
    transfer : {"auto", "linear", "srgb"}
        How stored values stand to light; ``auto`` takes 8 bits for sRGB and everything else for linear.
    cos_power : float, >= 0
        How near lamps fade to their sides, as a power of the cosine.
    file_order : bool
        Give images to lights in the order of their names.
    title : str, optional
        Title of the page; default is the name of the lights.
    overwrite : bool
        Replace an earlier output of graven.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    Stereo
        Folder with ``<name>_normals.tif``, ``_albedo.tif``, ``_height.tif``, ``_residual.tif``, ``lights.csv``, a page
        and ``run.json``.

    Raises
    ------
    UsageError, InputError
        If options contradict each other or the files.
    DataError, MismatchError, ScaleError
        If a file is not what it must be; nothing is left behind.
    ResourceError
        If disk or memory do not suffice.
    """
    clock = Clock()
    settings = _settings(method, surface, integrate, cos_power)
    _check_choice("--linear or --srgb (transfer)", transfer, _TRANSFERS)
    stated = stated_pixel_size(scale=scale, length=length)
    mask_file = None if object_mask is None else str(object_mask)
    masks = [Path(text) for text in (mask_file, *spheres) if text not in (None, "auto")]
    found = find_inputs(
        Path(lights),
        images=None if images is None else Path(images),
        file_order=file_order,
        has_spheres=bool(spheres),
        others=[*masks, *(Path(path) for path in (dark, flat) if path is not None)],
    )
    target = Path(out) if out is not None else Path(f"{found.name}-stereo")
    with OutputFolder(target, overwrite=overwrite) as output:
        work = output.path / WORK
        kind = cast("Transfer", transfer)
        (work / "object").mkdir(parents=True)
        stack = open_light_stack(
            found.images,
            transfer=kind,
            dark=None if dark is None else Path(dark),
            flats=flat_images(None if flat is None else Path(flat), len(found.images)),
            pixel_size=stated,
            scratch=work / "object",
        )
        notes = [*found.notes, *stack.notes]
        known, told = _lights(found, stack, spheres, kind, work)
        notes += told
        if settings.method == "near":
            _check_near(known, stack, stack.pixel_size)
        clock.lap("read")
        mask = find_object_mask(mask_file, stack)
        stack, note = settle_black_level(stack, known, black_level, mask=mask)
        notes.append(note)
        monitor.say(note)
        working = known.strengthened(1 / known.towards[:, 2]) if len(stack.flats) > 1 else known
        with monitor.progress(f"{method} on {len(known)} images of {stack.width} x {stack.height} px") as report:
            solved = find_surface(
                stack,
                working,
                settings,
                mask=mask,
                pixel_pitch=_pitch(stack.pixel_size),
                scratch=work,
                progress=report,
            )
        clock.lap("solve")
        record = Record(found.name, title or found.name, stack, working, settings, solved, (*notes, *solved.notes))
        figures = write_surface(output.path, record)
        write_page(output.path, record, figures)
        clock.lap("write")
        shutil.rmtree(work)
        asked: dict[str, Any] = {
            "lights": Path(lights),
            "images": None if images is None else Path(images),
            "out": target,
            "method": method,
            "surface": surface,
            "integrate": integrate,
            "object_mask": mask_file if mask_file in (None, "auto") else Path(mask_file),
            "scale": scale,
            "length": length,
            "spheres": [text if "," in text or text == "auto" else Path(text) for text in spheres],
            "dark": None if dark is None else Path(dark),
            "flat": None if flat is None else Path(flat),
            "black_level": black_level,
            "transfer": transfer,
            "cos_power": cos_power,
            "file_order": file_order,
            "title": title,
        }
        sources = [source_of(path) for path in (Path(lights), *masks) if path.is_file()]
        write_account(output.path, record, figures, clock=clock, options=asked, sources=sources)
    return Stereo(target, target / f"{found.name}_height.tif", figures, record.notes)


def _settings(method: str, surface: str, integrate: str, cos_power: float) -> StereoSettings:
    _check_choice("--method", method, METHODS)
    _check_choice("--surface", surface, KINDS)
    _check_choice("--integrate", integrate, _INTEGRATIONS)
    if not 0 <= cos_power < np.inf:
        raise UsageError(f"the power of the cosine must be at least 0, got {cos_power}")
    if cos_power and method != "near":
        raise UsageError(f"the power of the cosine belongs to --method near, got it with {method}")
    return StereoSettings(cast("Any", method), cast("Any", surface), cast("Any", integrate), cos_power)


def _check_choice(option: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise UsageError(f"{option} takes {', '.join(choices)}, got {value!r}")


def _lights(
    found: Inputs, stack: LightStack, spheres: Sequence[str], transfer: Transfer, work: Path
) -> tuple[Lights, tuple[str, ...]]:
    """Give the lights of the file, or read them off spheres in these images or in others."""
    if found.lights is not None:
        return found.lights, ()
    names = [path.name for path in found.images]
    if found.sphere_images == found.images:
        return calibrate_lights(stack, spheres, names)
    scratch = work / "spheres"
    scratch.mkdir()
    shown = open_light_stack(found.sphere_images, transfer=transfer, scratch=scratch)
    return calibrate_lights(shown, spheres, names)


def _check_near(lights: Lights, stack: LightStack, pixel_size: PixelSize | None) -> None:
    if lights.positions_mm is None:
        raise UsageError("--method near needs positions of the lamps in mm (a .dome or .csv with x_mm, y_mm, z_mm)")
    if pixel_size is None:
        raise ScaleError("--method near needs the size of a pixel; state it with --scale, such as 0.05mm/px")
    if len(stack.flats) > 1:
        raise UsageError("--method near computes how each lamp spreads, which a flat for each light has taken away")


def _pitch(pixel_size: PixelSize | None) -> float:
    if pixel_size is None:
        return 1.0
    if abs(pixel_size.x_mm / pixel_size.y_mm - 1) > 1e-3:
        raise ScaleError(
            f"a surface needs square pixels, got {pixel_size.x_mm:g} x {pixel_size.y_mm:g} mm; resample the images"
        )
    return pixel_size.mean_mm
