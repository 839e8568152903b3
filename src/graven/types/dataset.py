"""One labelled image of a data set, whatever format its labels came in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LabelledImage", "ReadMask", "ReadTarget", "unique_name"]

ReadMask = Callable[[tuple[int, int]], NDArray[np.bool_]]
ReadTarget = Callable[[tuple[int, int]], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """An image with its truth, not yet read.

    Attributes
    ----------
    name : str
        Unique within the data set.
    group : str
        Panel, site or photograph: all patches of a group stay on one side of a split.
    image_path : Path
        The image.
    read_target : callable
        ``read_target((height, width)) -> (H, W)``, bool for one class, uint8 with class numbers for several, 0 for the
        background; raises MismatchError when the truth has another size.
    read_valid : callable or None
        Likewise for the valid mask; None where everything is valid.
    label_paths : tuple of Path
        The files that both are read from.
    """

    name: str
    group: str
    image_path: Path
    read_target: ReadTarget
    read_valid: ReadMask | None = None
    label_paths: tuple[Path, ...] = ()


def unique_name(path: Path, folder: Path) -> str:
    """Name an image by where it lies in its data set.

    Parameters
    ----------
    path : Path
        The image without its suffix.
    folder : Path
        Folder of the data set.

    Returns
    -------
    str
        The relative path, its parts joined by ``__``; the bare name of what lies outside the folder.

    Examples
    --------
    >>> from pathlib import Path
    >>> unique_name(Path("set/rock 4/a"), Path("set"))
    'rock 4__a'
    """
    return "__".join(path.relative_to(folder).parts) if path.is_relative_to(folder) else path.name
