"""One labelled image of a data set, whatever format its labels came in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["LabelledImage"]

ReadMask = Callable[[tuple[int, int]], NDArray[np.bool_]]


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
        ``read_target((height, width)) -> (H, W) bool``; raises MismatchError when the truth has another size.
    read_valid : callable or None
        Likewise for the valid mask; None where everything is valid.
    """

    name: str
    group: str
    image_path: Path
    read_target: ReadMask
    read_valid: ReadMask | None = None
