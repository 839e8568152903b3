"""``graven enhance``: one step of the preparation on its own, or a picture that helps the eye."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.api.enhance_relief import RELIEFS, Relief, ReliefSettings, Stretch, greys, relief_view
from graven.api.images import open_image
from graven.api.monitor import SILENT, Monitor
from graven.errors import DataError, OutputError, UsageError
from graven.io.geotiff import write_float_cog, write_image_cog
from graven.io.images import open_raster
from graven.io.scale import measurable_pixel_size
from graven.prepare.bands import bands_view
from graven.prepare.clahe import clahe_view
from graven.prepare.dstretch import SPACES, dstretch_statistics, dstretch_view
from graven.prepare.reversal import reversal_view
from graven.prepare.rotation import correction_affine, estimate_rotation
from graven.prepare.views import affine_view
from graven.types import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from graven.types import Raster

__all__ = ["CHOICES", "METHODS", "Enhanced", "enhance"]

BLOCK_ROWS = 512


@dataclass(frozen=True, slots=True)
class Enhanced:
    """What `enhance` left.

    Attributes
    ----------
    path : Path
        The picture, or the values of a relief as float32; its name carries the parameters.
    note : str
        What was found or done, one sentence, or empty.
    view : Path or None
        The picture of a relief, 8 bits; None for the other methods, whose result is a picture.
    """

    path: Path
    note: str
    view: Path | None = None


def _rotation(raster: Raster) -> tuple[Raster, str, str]:
    _check_picture(raster)
    estimate = estimate_rotation(raster)
    if not estimate.applied:
        return raster, "ROTATION_A0", f"nothing to correct: {estimate.reason}"
    matrix, height, width = correction_affine(raster.height, raster.width, estimate.skew_deg)
    return affine_view(raster, matrix, height, width), f"ROTATION_A{estimate.skew_deg:.1f}", estimate.reason


def _clahe(raster: Raster) -> tuple[Raster, str, str]:
    colours, note = _three_bands(raster)
    return clahe_view(colours), "CLAHE_L2_C64", note


def _reversal(raster: Raster) -> tuple[Raster, str, str]:
    _check_picture(raster)
    return reversal_view(raster), "REVERSAL", ""


METHODS: dict[str, Callable[[Raster], tuple[Raster, str, str]]] = {
    "rotation": _rotation,
    "clahe": _clahe,
    "reversal": _reversal,
}
"""Methods for pictures without options; ``dstretch`` has two and stands apart."""

CHOICES = (*METHODS, "dstretch", *RELIEFS)
"""All that ``--with`` takes: methods for pictures, then those for height maps."""

_HORIZONS = ("svf", "openness", "openness-negative")
_OWNERS = {
    ("space", "strength"): ("dstretch",),
    ("radius",): (*_HORIZONS, "local-dominance", "slrm", "msrm"),
    ("directions",): _HORIZONS,
    ("elevation",): ("hillshade",),
    ("scale", "unit"): tuple(RELIEFS),
}
"""Options, and the methods that take them."""


def enhance(
    image: str | Path,
    *,
    method: str,
    out: str | Path | None = None,
    space: str | None = None,
    strength: float | None = None,
    radius_mm: float | None = None,
    directions: int | None = None,
    elevation_deg: float | None = None,
    scale: str | None = None,
    unit: str | None = None,
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> Enhanced:
    """Enhance an image or show the relief of a height map, and keep its frame.

    Parameters
    ----------
    image : str or Path
        The image; it is never altered.
    method : str
        What to do, one of `CHOICES`: ``rotation``, ``clahe``, ``reversal`` and ``dstretch`` make a picture of a
        picture; ``hillshade``, ``slope``, ``svf``, ``openness``, ``openness-negative``, ``local-dominance``, ``slrm``
        and ``msrm`` take a height map (one band of floats) and leave float32 values and a picture of them.
    out : str or Path, optional
        Folder for the result; default is here.
    space : str, optional
        Colour space of ``dstretch``, a key of `graven.prepare.dstretch.SPACES`; default is ``yds``.
    strength : float, optional
        Contrast of ``dstretch``; default is 15.
    radius_mm : float, millimetres, optional
        How far a relief looks, at least one pixel. Default is 10 pixels for horizons and 20 for local dominance and
        local relief.
    directions : int, optional
        Directions of ``svf`` and openness, a multiple of 4; default is 16.
    elevation_deg : float, degrees, optional
        Height of the lights of ``hillshade``; default is 35.
    scale : str, optional
        Pixel size of a height map that does not say it, as ``0.05mm/px``.
    unit : str, optional
        Unit of its heights, ``um``, ``mm``, ``cm`` or ``m``; default is ``mm``.
    overwrite : bool
        Replace an earlier result of the same name.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    Enhanced
        Where the result is.

    Raises
    ------
    UsageError
        If the method, colour space or unit is unknown, an option belongs to another method or is out of range, the
        result exists, or `out` is a file.
    OutputError
        If the folder or the picture cannot be written; nothing is left behind.
    DataError
        If the image is refused or does not suit the method, or a height map has no scale.
    """
    if method not in CHOICES:
        raise UsageError(f"--with takes {', '.join(CHOICES)}, got {method!r}")
    given = {
        "space": space,
        "strength": strength,
        "radius": radius_mm,
        "directions": directions,
        "elevation": elevation_deg,
        "scale": scale,
        "unit": unit,
    }
    _check_owners(method, {option for option, value in given.items() if value is not None})
    folder = Path(out) if out is not None else Path()
    if method in RELIEFS:
        raster = open_image(image, scale=scale)
        raster = raster.with_pixel_size(measurable_pixel_size(raster))
        values, relief = relief_view(raster, method, ReliefSettings(radius_mm, directions, elevation_deg, unit))
        target, picture = (folder / f"{raster.name}_{relief.label}{ending}.tif" for ending in ("", "_8bit"))
        with _new_files(target, picture, overwrite=overwrite):
            black, white = _write_values(target, values, relief, monitor)
            _write_greys(picture, target, relief, (black, white), monitor)
        return Enhanced(target, f"the picture shows {black:.4g} as black and {white:.4g} as white", picture)
    raster = open_raster(image)
    if method == "dstretch":
        view, label, note = _dstretch(raster, space=space, strength=strength)
    else:
        view, label, note = METHODS[method](raster)
    target = folder / f"{raster.name}_{label}.tif"
    with _new_files(target, overwrite=overwrite), monitor.progress(f"{method} of {raster.name}") as report:
        _write_picture(target, view, label, report)
    return Enhanced(target, note)


def _dstretch(raster: Raster, *, space: str | None, strength: float | None) -> tuple[Raster, str, str]:
    space, strength = (space or "yds").lower(), 15.0 if strength is None else strength
    if space not in SPACES:
        raise UsageError(f"--space takes {', '.join(SPACES)}, got {space!r}")
    colours, note = _three_bands(raster)
    view = dstretch_view(colours, dstretch_statistics(colours, space=space), strength=strength)
    return view, f"DSTRETCH_{space.upper()}_S{strength:g}", note


def _check_owners(method: str, given: set[str]) -> None:
    """Refuse options of other methods."""
    for options, owners in _OWNERS.items():
        if method not in owners and given.intersection(options):
            flags = " and ".join(f"--{option}" for option in options)
            verb, them = ("belong", "them") if len(options) > 1 else ("belongs", "it")
            raise UsageError(f"{flags} {verb} to {', '.join(owners)}; leave {them} out with {method}")


def _write_picture(target: Path, view: Raster, label: str, report: Callable[[int, int], None]) -> None:
    write_image_cog(
        target,
        _rows(view, report),
        height=view.height,
        width=view.width,
        n_bands=view.n_bands,
        dtype=view.dtype,
        read_valid=None if _is_whole(view) else view.read_valid,
        georeference=view.georeference,
        pixel_size=view.pixel_size,
        tags={"GRAVEN_ENHANCED": label, "GRAVEN_SOURCE_SHA256": view.source_sha256 or ""},
    )


def _write_values(target: Path, values: Raster, relief: Relief, monitor: Monitor) -> tuple[float, float]:
    """Write a relief as it is, and find the values that its picture is to show as black and white."""
    stretch = Stretch(relief, height=values.height, width=values.width)

    def watched(report: Callable[[int, int], None]) -> Iterator[tuple[Window, NDArray[Any]]]:
        for window, rows in _rows(values, report):
            stretch.look(window.row, rows)
            yield window, rows

    with monitor.progress(f"{relief.label} of {values.name}") as report:
        write_float_cog(
            target,
            watched(report),
            height=values.height,
            width=values.width,
            names=relief.bands,
            units=(relief.unit,) * len(relief.bands),
            georeference=values.georeference,
            pixel_size=values.pixel_size,
            tags={"GRAVEN_ENHANCED": relief.label, "GRAVEN_SOURCE_SHA256": values.source_sha256 or ""},
        )
    return stretch.limits()


def _write_greys(picture: Path, written: Path, relief: Relief, limits: tuple[float, float], monitor: Monitor) -> None:
    """Write the picture of a relief from the values that were just written."""
    values = open_raster(written, hash_source=False)
    black, white = limits

    def read_pixels(window: Window) -> NDArray[np.uint8]:
        return greys(values.read_pixels(window), black=black, white=white)

    label = f"{relief.label} black={black:.6g} white={white:.6g}"
    with monitor.progress(f"picture of {relief.label}") as report:
        _write_picture(picture, replace(values, dtype=np.dtype(np.uint8), read_pixels=read_pixels), label, report)


@contextmanager
def _new_files(*targets: Path, overwrite: bool) -> Iterator[None]:
    """Make the folder of the results; where they do not come about, take away what is new."""
    there = [target for target in targets if target.exists()]
    if there and not overwrite:
        raise UsageError(f"{there[0]} exists; give --overwrite to replace it")
    created = _make_folder(targets[0].parent)
    with _removed_on_error(created):
        try:
            yield
        except BaseException:
            for target in set(targets).difference(there):
                target.unlink(missing_ok=True)
            raise


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder with its parents and give those that were not there, innermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(f"-o must name a folder, {folder} is or lies under a file; choose another name") from error
    except OSError as error:
        raise OutputError(f"the folder {folder} cannot be made ({error.strerror}); choose another place") from error
    return missing


@contextmanager
def _removed_on_error(folders: list[Path]) -> Iterator[None]:
    """Take away folders that were made for a result which did not come about."""
    try:
        yield
    except BaseException:
        for folder in folders:
            with suppress(OSError):  # not empty: it is no longer ours alone
                folder.rmdir()
        raise


def _is_whole(raster: Raster) -> bool:
    """Whether every pixel is valid, so that no alpha is needed."""
    return all(
        raster.read_valid(Window(row, 0, min(BLOCK_ROWS, raster.height - row), raster.width)).all()
        for row in range(0, raster.height, BLOCK_ROWS)
    )


def _check_picture(raster: Raster) -> None:
    """Refuse what cannot be written as a picture with all its bands."""
    if raster.n_bands not in (1, 3) or raster.dtype not in (np.uint8, np.uint16):
        raise DataError(
            f"{raster.name} has {raster.n_bands} bands of {raster.dtype}; a picture has 1 or 3 of 8 or 16 bits, "
            "export it so"
        )


def _three_bands(raster: Raster) -> tuple[Raster, str]:
    """Give three bands of 8 bits, and say what was done for it."""
    if raster.n_bands < 3 and raster.n_bands != 1:
        raise DataError(f"{raster.name} has {raster.n_bands} bands; colours need 3, grey needs 1")
    view, note = bands_view(raster, n_bands=3)
    return view, note or ""


def _rows(view: Raster, report: Callable[[int, int], None]) -> Iterator[tuple[Window, NDArray[Any]]]:
    for row in range(0, view.height, BLOCK_ROWS):
        window = Window(row, 0, min(BLOCK_ROWS, view.height - row), view.width)
        yield window, view.read(window)
        report(window.row_end, view.height)
