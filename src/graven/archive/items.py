"""From what a person names to the list of images, and the name that each result will have."""

from __future__ import annotations

import glob
import os
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from graven.errors import InputError, UsageError
from graven.io.gate import EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["LIST_EXTENSION", "Found", "Item", "find_items"]

LIST_EXTENSION = ".txt"
"""A file of this kind lists images, one per line."""

_IMAGES = frozenset(extension for group in EXTENSIONS.values() for extension in group)


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a batch.

    Attributes
    ----------
    name : str
        Unlike that of every other item, also where a disk ignores case.
    path : Path
        The image, absolute.
    """

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Found:
    """What the inputs hold.

    Attributes
    ----------
    items : tuple of Item
        In the order of the inputs; the images of a folder by name.
    left_out : tuple of Path
        Files of the folders that are no images, by their extension; hidden files are not told.
    """

    items: tuple[Item, ...]
    left_out: tuple[Path, ...]


def find_items(inputs: Sequence[str | Path]) -> Found:
    """List the images that the inputs name.

    Parameters
    ----------
    inputs : sequence of str or Path
        Images, patterns such as ``panels/*.tif``, folders (the images in them, not in folders below), and lists:
        ``.txt`` files with one image per line, relative to the list; empty lines and lines with ``#`` are skipped.

    Returns
    -------
    Found
        Every image once, however often it is named.

    Raises
    ------
    InputError
        If an input or a file of a list is not there.
    UsageError
        If an input is none of these, there is no image at all, or two images cannot be told apart by a name.

    Notes
    -----
    An item has the stem of its image as name. Where stems are equal, the name of the folder is added, or the extension,
    or both: ``north/panel.tif`` and ``south/panel.tif`` become ``panel-north`` and ``panel-south``.
    """
    paths: dict[Path, None] = {}
    left_out: list[Path] = []
    for given in inputs:
        for path in _expanded(given):
            images, others = _images_of(path)
            paths.update(dict.fromkeys(_absolute(image) for image in images))
            left_out += others
    if not paths:
        raise UsageError(
            f"there is no image in {', '.join(str(given) for given in inputs) or 'nothing'}; a batch takes files that "
            f"end in {', '.join(sorted(_IMAGES))}"
        )
    return Found(_named(list(paths)), tuple(left_out))


def _expanded(given: str | Path) -> list[Path]:
    """Expand a pattern that the shell has left as it was."""
    path = Path(given)
    if path.exists():
        return [path]
    matches = sorted(glob.glob(os.fspath(given)))  # noqa: PTH207 - a pattern may begin at the root or with a drive
    if not matches:
        raise InputError(f"{given}: there is no such file or folder; check the name")
    return [Path(match) for match in matches]


def _images_of(path: Path) -> tuple[list[Path], list[Path]]:
    """Give the images that one input stands for, and the files that are none."""
    if path.is_dir():
        files = sorted(entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith("."))
        images = [file for file in files if _is_image(file)]
        return images, [file for file in files if not _is_image(file)]
    if path.suffix.lower() == LIST_EXTENSION:
        return _read_list(path), []
    if _is_image(path):
        return [path], []
    raise UsageError(
        f"{path} is neither a folder nor an image ({', '.join(sorted(_IMAGES))}) nor a list ({LIST_EXTENSION}); "
        "leave it out"
    )


def _read_list(path: Path) -> list[Path]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: a list must be text in UTF-8 that can be read ({error})") from error
    images = [path.parent / line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    for image in images:
        if not image.is_file():
            raise InputError(f"{path} lists {image}, and there is no such file; correct the list")
        if not _is_image(image):
            raise UsageError(f"{path} lists {image}, which is no image by its extension; correct the list")
    return images


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _IMAGES


def _absolute(path: Path) -> Path:
    """Give the path from the root with its own last name: a link bears the name that its owner gave it."""
    return path.parent.resolve() / path.name


def _named(paths: list[Path]) -> tuple[Item, ...]:
    """Name all images, with as little more than the stem as tells them apart."""
    names = {path: path.stem for path in paths}
    for group in _clashes(names):
        for longer in _LONGER:
            tried = names | {path: longer(path) for path in group}
            if not any(set(group) & set(clash) for clash in _clashes(tried)):
                names = tried
                break
        else:
            raise UsageError(
                f"{' and '.join(str(path) for path in group[:2])} would have results of one name; rename one of them, "
                "or give them a batch each"
            )
    return tuple(Item(name, path) for path, name in names.items())


_LONGER: tuple[Callable[[Path], str], ...] = (
    lambda path: f"{path.stem}-{path.parent.name}",
    lambda path: f"{path.stem}-{path.suffix[1:]}",
    lambda path: f"{path.stem}-{path.parent.name}-{path.suffix[1:]}",
)


def _clashes(names: dict[Path, str]) -> Iterable[list[Path]]:
    """Give the groups of images whose names a disk may take for one."""
    groups = defaultdict(list)
    for path, name in names.items():
        groups[unicodedata.normalize("NFC", name).casefold()].append(path)
    return [group for group in groups.values() if len(group) > 1]
