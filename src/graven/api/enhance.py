"""``graven enhance``: one step of the preparation on its own, or a picture that helps the eye."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.api.monitor import SILENT, Monitor
from graven.errors import DataError, OutputError, UsageError
from graven.io.geotiff import write_image_cog
from graven.io.images import open_raster
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

__all__ = ["METHODS", "Enhanced", "enhance"]

BLOCK_ROWS = 512


@dataclass(frozen=True, slots=True)
class Enhanced:
    """What `enhance` left.

    Attributes
    ----------
    path : Path
        The picture; its name carries the parameters.
    note : str
        What was found or done, one sentence, or empty.
    """

    path: Path
    note: str


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
"""Methods without options; ``dstretch`` has two and stands apart."""


def enhance(
    image: str | Path,
    *,
    method: str,
    out: str | Path | None = None,
    space: str | None = None,
    strength: float | None = None,
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> Enhanced:
    """Enhance an image and keep its frame.

    Parameters
    ----------
    image : str or Path
        The image; it is never altered.
    method : {"rotation", "clahe", "reversal", "dstretch"}
        What to do.
    out : str or Path, optional
        Folder for the result; default is here.
    space : str, optional
        Colour space of ``dstretch``, a key of `graven.prepare.dstretch.SPACES`; default is ``yds``.
    strength : float, optional
        Contrast of ``dstretch``; default is 15.
    overwrite : bool
        Replace an earlier result of the same name.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    Enhanced
        Where the picture is.

    Raises
    ------
    UsageError
        If the method or colour space is unknown, an option belongs to another method, the result exists, or `out` is a
        file.
    OutputError
        If the folder or the picture cannot be written; nothing is left behind.
    DataError
        If the image is refused or does not suit the method.
    """
    if method != "dstretch" and method not in METHODS:
        raise UsageError(f"--with takes {', '.join([*METHODS, 'dstretch'])}, got {method!r}")
    if method != "dstretch" and (space, strength) != (None, None):
        raise UsageError(f"--space and --strength belong to dstretch; leave them out with {method}")
    space, strength = (space or "yds").lower(), 15.0 if strength is None else strength
    if space not in SPACES:
        raise UsageError(f"--space takes {', '.join(SPACES)}, got {space!r}")
    raster = open_raster(image)
    if method == "dstretch":
        colours, note = _three_bands(raster)
        statistics = dstretch_statistics(colours, space=space)
        view, label = dstretch_view(colours, statistics, strength=strength), f"DSTRETCH_{space.upper()}_S{strength:g}"
    else:
        view, label, note = METHODS[method](raster)
    folder = Path(out) if out is not None else Path()
    target = folder / f"{raster.name}_{label}.tif"
    if target.exists() and not overwrite:
        raise UsageError(f"{target} exists; give --overwrite to replace it")
    created = _make_folder(folder)
    with _removed_on_error(created), monitor.progress(f"{method} of {raster.name}") as report:
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
            tags={"GRAVEN_ENHANCED": label, "GRAVEN_SOURCE_SHA256": raster.source_sha256 or ""},
        )
    return Enhanced(target, note)


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
