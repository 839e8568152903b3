"""Which image was lit by which light: names of a light file matched with files in a folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from graven.errors import InputError, MismatchError
from graven.io.gate import EXTENSIONS

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Sequence

    from graven.types.lights import Lights

__all__ = ["list_images", "match_images"]

_ENDINGS = frozenset(ending for endings in EXTENSIONS.values() for ending in endings)
_SHOWN = 3


def list_images(
    folder: str | os.PathLike[str], *, leave_out: Collection[str | os.PathLike[str]] = ()
) -> tuple[Path, ...]:
    """List the images of a folder in the order in which a person counts them: ``2.tif`` before ``10.tif``.

    Parameters
    ----------
    folder : path
        Its own files only, hidden ones left out.
    leave_out : collection of path
        Files that are no part of the stack, such as a mask or a dark frame.

    Returns
    -------
    tuple of Path
        TIFF, PNG and JPEG files by their endings.

    Raises
    ------
    InputError
        If there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give the folder that holds the images of the stack")
    others = {Path(path).resolve() for path in leave_out}
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in _ENDINGS
        and not path.name.startswith(".")
        and path.is_file()
        and path.resolve() not in others
    ]
    return tuple(sorted(found, key=_counting_key))


def match_images(
    lights: Lights, images: Sequence[Path], *, file_order: bool = False
) -> tuple[Lights, tuple[Path, ...], tuple[Path, ...]]:
    """Find the image of every light.

    Parameters
    ----------
    lights : Lights
        With names, or without: then images belong to lights in their order.
    images : sequence of Path
        Candidates, as `list_images` gives them.
    file_order : bool
        Give images to lights in their order, whatever the names are.

    Returns
    -------
    lights : Lights
        Named after the images.
    matched : tuple of Path
        The image of each light. Names are compared without regard to case; an image may have another ending than the
        file of lights says (``a.dng`` became ``a.tif``), if only one image has that stem.
    extra : tuple of Path
        Images that no light names.

    Raises
    ------
    MismatchError
        If images are missing, which the message names together with those that are left over, or their number is
        another where their order counts.
    """
    if file_order or not lights.names:
        if len(images) != len(lights):
            raise MismatchError(
                f"{len(lights)} lights are given to images in their order, but there are {len(images)} images"
                f"{_listed(images)}; keep only the images of the stack in the folder"
            )
        return lights.renamed([path.name for path in images]), tuple(images), ()
    by_name: dict[str, list[Path]] = {}
    by_stem: dict[str, list[Path]] = {}
    for path in images:
        by_name.setdefault(path.name.casefold(), []).append(path)
        by_stem.setdefault(path.stem.casefold(), []).append(path)
    matched: list[Path] = []
    missing: list[str] = []
    for name in lights.names:
        own = by_name.get(name.casefold()) or by_stem.get(Path(name).stem.casefold(), [])
        if len(own) == 1 and own[0] not in matched:
            matched.append(own[0])
        else:
            missing.append(name)
    extra = tuple(path for path in images if path not in matched)
    if missing:
        hint = "; --file-order gives images to lights in their order" if len(images) == len(lights) else ""
        raise MismatchError(
            f"no image for {len(missing)} of {len(lights)} lights{_listed(missing)}; left over are {len(extra)} images"
            f"{_listed(extra)}{hint or '; give their folder with --images'}"
        )
    return lights.renamed([path.name for path in matched]), tuple(matched), extra


def _counting_key(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"([0-9]+)", path.name.casefold())
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts if part]


def _listed(entries: Sequence[Path | str]) -> str:
    """Name the first few of many, in parentheses."""
    if not entries:
        return ""
    shown = [entry.name if isinstance(entry, Path) else entry for entry in entries[:_SHOWN]]
    return f" ({', '.join(shown)}{', …' if len(entries) > _SHOWN else ''})"
