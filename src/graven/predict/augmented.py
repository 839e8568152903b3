"""Test-time augmentation: a tile is seen several times, mirrored or at other scales, and the answers are averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from graven.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.types import Engine

__all__ = ["AUGMENTATIONS", "AugmentedEngine", "augmented"]

View = tuple[tuple[int, ...], float]
"""Axes of (C, H, W) that are mirrored, and the scale."""

MIRRORS: tuple[tuple[int, ...], ...] = ((), (2,), (1,), (1, 2))
SCALES = (1.0, 0.75, 1.25)
STEP_PX = 32

AUGMENTATIONS: dict[str, tuple[View, ...]] = {
    "none": (((), 1.0),),
    "flips": tuple((mirror, 1.0) for mirror in MIRRORS),
    "scales": tuple(((), scale) for scale in SCALES),
    "all": tuple((mirror, scale) for scale in SCALES for mirror in MIRRORS),
}
"""Names of ``--tta``, and the views that are averaged."""


def augmented(engine: Engine, kind: str) -> Engine:
    """Give an engine that averages over the views of a kind; the engine itself for ``"none"``.

    Parameters
    ----------
    engine : Engine
        Answers (N, K, H, W).
    kind : {"none", "flips", "scales", "all"}
        A key of `AUGMENTATIONS`: 1, 4, 3 or 12 views.

    Returns
    -------
    Engine
        With the same calls at once.

    Raises
    ------
    UsageError
        If there is no such kind.
    """
    if kind not in AUGMENTATIONS:
        raise UsageError(f"--tta takes {', '.join(AUGMENTATIONS)}, got {kind!r}")
    return engine if kind == "none" else AugmentedEngine(engine, kind)


class AugmentedEngine:
    """An engine that asks another one about several views of a tile and averages the answers.

    Parameters
    ----------
    engine : Engine
        Answers (N, K, H, W) for sides that are multiples of 32.
    kind : str
        A key of `AUGMENTATIONS`.

    Notes
    -----
    A tile is brought to another scale, rounded to a multiple of 32 pixels, by area averaging (smaller) or bilinearly
    (larger), and its answer comes back bilinearly. The views are added in a fixed order, so the same tile always gets
    the same answer.
    """

    def __init__(self, engine: Engine, kind: str) -> None:
        self.name, self.version, self.precision = engine.name, engine.version, engine.precision
        self.device, self.n_parallel, self.reason = engine.device, engine.n_parallel, engine.reason
        self._engine, self._views = engine, AUGMENTATIONS[kind]

    def __call__(self, batch: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict a batch; see `graven.types.Engine`."""
        answers = [self._seen_as(batch, *view) for view in self._views]
        mean: NDArray[np.float32] = np.mean(answers, axis=0, dtype=np.float32)
        return mean

    def _seen_as(
        self, batch: NDArray[np.uint8] | NDArray[np.float32], mirror: tuple[int, ...], scale: float
    ) -> NDArray[Any]:
        axes, (height, width) = tuple(axis + 1 for axis in mirror), batch.shape[2:]
        rows, cols = (max(STEP_PX, round(side * scale / STEP_PX) * STEP_PX) for side in (height, width))
        pixels = np.ascontiguousarray(np.flip(_resize(batch, rows, cols), axes))
        return _resize(np.flip(self._engine(pixels), axes), height, width)


def _resize(batch: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Resize every plane of (N, C, H, W)."""
    if batch.shape[2:] == (height, width):
        return batch
    how = cv2.INTER_AREA if height * width < batch.shape[2] * batch.shape[3] else cv2.INTER_LINEAR
    out = np.empty((*batch.shape[:2], height, width), batch.dtype)
    for place in np.ndindex(*batch.shape[:2]):
        out[place] = cv2.resize(np.ascontiguousarray(batch[place]), (width, height), interpolation=how)
    return out
