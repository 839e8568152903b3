"""Rock panels of any size in bounded memory: mosaics of generated surfaces, with or without figures.

A panel is laid out of square cells, each a surface of `graven.synthetic` turned or mirrored, so that no cell looks like
the one above it or the one to its left. Cells are grown once and kept in a folder; only one row of them is in memory.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graven.api.synth import local_frame
from graven.errors import InputError
from graven.io.fs import atomic_path
from graven.io.gdalenv import load_rasterio, strict_options
from graven.synthetic import make_petroglyph
from graven.synthetic.testsets import GENERATOR_VERSION
from graven.types import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Layout", "grow_cells", "layout", "mosaic", "panel"]

CELL_PX = 1024
PIXEL_SIZE_MM = 0.5
N_FIGURED, N_EMPTY = 12, 3  # three of a kind are the fewest that leave a choice beside two neighbours
TILE_PX = 512
_SEEDS_PER_PANEL = 1000
_LAST_SEED = 999_999  # larger ones are kept for training and tests
_N_ORIENTATIONS = 8


@dataclass(frozen=True, slots=True)
class Layout:
    """Which cell lies where.

    Attributes
    ----------
    cell : ndarray of shape (R, C), int64
        Number of the surface: first those with figures, then those without.
    orientation : ndarray of shape (R, C), int64, 0 to 7
        Quarter turns, from 4 on mirrored.
    """

    cell: NDArray[np.int64]
    orientation: NDArray[np.int64]


def grow_cells(
    folder: Path, *, seed: int = 0, cell_px: int = CELL_PX
) -> list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    """Grow the surfaces of a mosaic, or read those that were grown before.

    Parameters
    ----------
    folder : Path
        Where they are kept; made if it does not exist.
    seed : int, 0 to 998
        Another number, other surfaces.
    cell_px : int, pixels, >= 64
        Side of a surface.

    Returns
    -------
    list of (ndarray of shape (3, S, S), ndarray of shape (S, S))
        Picture and mask: `N_FIGURED` surfaces with figures, then `N_EMPTY` without, all of them valid everywhere.
    """
    first = seed * _SEEDS_PER_PANEL
    if not 0 <= first <= _LAST_SEED - _SEEDS_PER_PANEL:
        raise InputError(f"the seed of a panel must lie between 0 and {_LAST_SEED // _SEEDS_PER_PANEL - 1}, got {seed}")
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"cells-{GENERATOR_VERSION}-{seed}-{cell_px}.npz"
    if not kept.exists():
        figured: list[tuple[NDArray[np.uint8], NDArray[np.bool_]]] = []
        empty: list[tuple[NDArray[np.uint8], NDArray[np.bool_]]] = []
        for number in range(first, first + _SEEDS_PER_PANEL):
            grown = make_petroglyph(number, size_px=cell_px, pixel_size_mm=PIXEL_SIZE_MM)
            wanted, n_wanted = (figured, N_FIGURED) if grown.mask.any() else (empty, N_EMPTY)
            if grown.valid.all() and len(wanted) < n_wanted:
                wanted.append((grown.image, grown.mask))
            if len(figured) == N_FIGURED and len(empty) == N_EMPTY:
                break
        images, masks = (np.stack(layer) for layer in zip(*figured, *empty, strict=True))
        with atomic_path(kept) as temporary:
            np.savez(temporary, images=images, masks=masks)
    with np.load(kept, allow_pickle=False) as stored:
        return list(zip(stored["images"], stored["masks"], strict=True))


def layout(n_rows: int, n_cols: int, *, seed: int = 0, empty_share: float = 0.0) -> Layout:
    """Say which cell lies where.

    Parameters
    ----------
    n_rows, n_cols : int, >= 1
        Cells down and across.
    seed : int, >= 0
        Of the draw.
    empty_share : float, 0 to 1
        Share of cells without figures, rounded to whole cells.

    Returns
    -------
    Layout
        No surface is beside or below itself.
    """
    if not 0 <= empty_share <= 1:
        raise InputError(f"the share of empty cells must lie between 0 and 1, got {empty_share}")
    rng = np.random.default_rng([seed, n_rows, n_cols])
    is_empty = np.zeros(n_rows * n_cols, bool)
    is_empty[rng.permutation(is_empty.size)[: round(empty_share * is_empty.size)]] = True
    is_empty = is_empty.reshape(n_rows, n_cols)
    cell = np.full((n_rows + 1, n_cols + 1), -1)
    for row in range(n_rows):
        for col in range(n_cols):
            kind = range(N_FIGURED, N_FIGURED + N_EMPTY) if is_empty[row, col] else range(N_FIGURED)
            taken = (cell[row, col + 1], cell[row + 1, col])
            cell[row + 1, col + 1] = rng.choice([number for number in kind if number not in taken])
    return Layout(cell[1:, 1:], rng.integers(0, _N_ORIENTATIONS, (n_rows, n_cols)))


def mosaic(
    folder: Path, height: int, width: int, *, seed: int = 0, empty_share: float = 0.0, cell_px: int = CELL_PX
) -> Iterator[tuple[Window, NDArray[np.uint8], NDArray[np.bool_]]]:
    """Yield a panel row of cells by row of cells.

    Parameters
    ----------
    folder : Path
        Where surfaces are kept.
    height, width : int, pixels
        Size of the panel; cells are cut at its lower and right border.
    seed, empty_share, cell_px
        As in `grow_cells` and `layout`.

    Yields
    ------
    window : Window
        Full width.
    image : ndarray of shape (3, h, width), uint8
        The picture.
    mask : ndarray of shape (h, width), bool
        Its truth.
    """
    cells = grow_cells(folder, seed=seed, cell_px=cell_px)
    plan = layout(-(-height // cell_px), -(-width // cell_px), seed=seed, empty_share=empty_share)
    for index, (numbers, orientations) in enumerate(zip(plan.cell, plan.orientation, strict=True)):
        turned = [_turned(*cells[cell], int(way)) for cell, way in zip(numbers, orientations, strict=True)]
        rows = min(cell_px, height - index * cell_px)
        image = np.concatenate([picture[:, :rows] for picture, _ in turned], axis=2)[:, :, :width]
        mask = np.concatenate([truth[:rows] for _, truth in turned], axis=1)[:, :width]
        yield Window(index * cell_px, 0, rows, width), image, mask


def panel(
    path: Path,
    height: int,
    width: int,
    seed: int = 0,
    empty_share: float = 0.0,
    *,
    cells: Path | None = None,
    cell_px: int = CELL_PX,
) -> Path:
    """Write a panel as tiled BigTIFF with a local frame and pixels of half a millimetre.

    Parameters
    ----------
    path : Path
        File to be written; one that exists is replaced.
    height, width : int, pixels
        Size of the panel.
    seed : int, 0 to 998
        Same arguments and generator version, same pixels.
    empty_share : float, 0 to 1
        Share of cells without figures.
    cells : Path, optional
        Folder for the surfaces; default is ``cells`` beside the file.
    cell_px : int, pixels, >= 64
        Side of a surface.

    Returns
    -------
    Path
        The file.
    """
    if height < 1 or width < 1:
        raise InputError(f"a panel needs pixels, got {height} x {width}")
    rasterio = load_rasterio()
    frame = local_frame(path.stem, height=height, pixel_size_mm=PIXEL_SIZE_MM)
    profile = {
        "driver": "GTiff",
        "height": height,
        "width": width,
        "count": 3,
        "dtype": "uint8",
        "tiled": True,
        "blockxsize": TILE_PX,
        "blockysize": TILE_PX,
        "interleave": "pixel",
        "photometric": "RGB",
        "compress": "deflate",
        "zlevel": 1,
        "predictor": 2,
        "BIGTIFF": "YES",
        "transform": rasterio.Affine(*frame.affine),
        "crs": rasterio.crs.CRS.from_wkt(frame.crs_wkt),
    }
    with (
        atomic_path(path) as temporary,
        rasterio.Env(**strict_options()),
        rasterio.open(str(temporary), "w", **profile) as dataset,
    ):
        dataset.update_tags(GRAVEN_GENERATOR=GENERATOR_VERSION, GRAVEN_SEED=str(seed))
        folder = path.parent / "cells" if cells is None else cells
        for window, image, _ in mosaic(folder, height, width, seed=seed, empty_share=empty_share, cell_px=cell_px):
            area = rasterio.windows.Window(0, window.row, width, window.height)
            dataset.write(image, window=area)
    return path


def _turned(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], orientation: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    quarters, mirrored = orientation % 4, orientation >= 4
    picture, truth = np.rot90(image, quarters, axes=(1, 2)), np.rot90(mask, quarters)
    return (picture[..., ::-1], truth[:, ::-1]) if mirrored else (picture, truth)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a large generated rock panel.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--size", type=int, nargs=2, default=(8192, 8192), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--empty-share", type=float, default=0.0)
    options = parser.parse_args()
    written = panel(options.path, *options.size, seed=options.seed, empty_share=options.empty_share)
    print(f"{written}: {written.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
