"""What others do with the same network: a naive accumulator, MONAI, tiler, and eager PyTorch in float32.

All hold the whole image in memory, read it from the same GeoTIFF, and write the same kind of GeoTIFF. Where a library
lets one choose, it was given what makes it faster: batches as large as the predictor answers at once, no progress bar,
no counting of visits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from benchmarks.geotiff import read_whole, write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.adapter import Predictor

__all__ = ["linear_weights", "monai", "naive", "tiler"]


def linear_weights(tile_px: int, overlap_px: int) -> NDArray[np.float32]:
    """Give the weights of a tile, rising linearly over the overlap: what graven blends with."""
    index = np.arange(tile_px)
    ramp = np.minimum(np.minimum(index + 1, tile_px - index), overlap_px + 1)
    return np.outer(ramp, ramp).astype(np.float32)


def naive(source: Path, out: Path, predictor: Predictor, *, tile_px: int, overlap_px: int) -> int:
    """Add up tiles times weights, and weights, over the whole image in float32, then divide; give the tiles."""
    image = read_whole(source)
    _, height, width = image.shape
    stride = tile_px - overlap_px
    starts = [
        (row, col)
        for row in range(0, max(1, height - overlap_px), stride)
        for col in range(0, max(1, width - overlap_px), stride)
    ]
    below, right = starts[-1][0] + tile_px - height, starts[-1][1] + tile_px - width
    padded = np.pad(image, ((0, 0), (0, max(0, below)), (0, max(0, right))), mode="reflect")
    del image
    weights = linear_weights(tile_px, overlap_px)
    sums = np.zeros(padded.shape[1:], np.float32)
    total = np.zeros(padded.shape[1:], np.float32)
    for first in range(0, len(starts), predictor.at_once):
        chosen = starts[first : first + predictor.at_once]
        places = [np.s_[row : row + tile_px, col : col + tile_px] for row, col in chosen]
        answers = predictor(np.stack([padded[:, rows, cols] for rows, cols in places]))
        for place, probs in zip(places, answers, strict=True):
            sums[place] += probs[0] * weights
            total[place] += weights
    np.divide(sums, total, out=sums)
    write_whole(out, sums[:height, :width])
    return len(starts)


def monai(
    source: Path,
    out: Path,
    predictor: Predictor,
    *,
    tile_px: int,
    overlap_px: int,
    mode: Literal["constant", "gaussian", "linear"],
) -> int:
    """Run MONAI's sliding window; ``linear`` hands it the weights of graven, which MONAI itself does not offer."""
    import torch
    from monai.inferers.utils import sliding_window_inference

    n_tiles = 0

    def predict(batch: torch.Tensor) -> torch.Tensor:
        nonlocal n_tiles
        n_tiles += len(batch)
        return torch.from_numpy(predictor(batch.numpy()))

    image = torch.from_numpy(read_whole(source)).float()[None]
    with torch.inference_mode():
        probs = sliding_window_inference(
            image,
            (tile_px, tile_px),
            predictor.at_once,
            predict,
            overlap=overlap_px / tile_px,
            mode="constant" if mode == "linear" else mode,
            roi_weight_map=torch.from_numpy(linear_weights(tile_px, overlap_px)) if mode == "linear" else None,
        )
    del image
    write_whole(out, probs[0, 0].numpy())
    return n_tiles


def tiler(source: Path, out: Path, predictor: Predictor, *, tile_px: int, overlap_px: int) -> int:
    """Run tiler's Tiler and Merger with the weights of graven."""
    from tiler import Merger, Tiler

    image = read_whole(source)
    n_bands, height, width = image.shape
    shared = {"overlap": overlap_px, "channel_dimension": 0, "mode": "reflect"}
    tiles = Tiler(data_shape=image.shape, tile_shape=(n_bands, tile_px, tile_px), **shared)
    answers = Tiler(data_shape=(1, height, width), tile_shape=(1, tile_px, tile_px), **shared)
    merger = Merger(answers, window=linear_weights(tile_px, overlap_px)[None], save_visits=False)
    size = predictor.at_once
    for number, batch in tiles(image, batch_size=size):
        merger.add_batch(number, size, predictor(batch))
    del image
    write_whole(out, merger.merge()[0])
    return len(tiles)
