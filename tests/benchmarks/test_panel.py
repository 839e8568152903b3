"""The mosaic panel: what it promises of its cells, its file, and what is in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.panel import N_FIGURED, grow_cells, layout, mosaic, panel

from graven.errors import InputError
from graven.io.images import open_raster

CELL_PX = 96


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("cells")
    grow_cells(folder, cell_px=CELL_PX)
    return folder


@pytest.mark.parametrize("empty_share", [0.0, 0.3, 0.9, 1.0])
def test_no_surface_is_its_own_neighbour_and_the_share_is_kept(empty_share: float) -> None:
    plan = layout(24, 32, seed=4, empty_share=empty_share)
    assert (plan.cell[1:] != plan.cell[:-1]).all()
    assert (plan.cell[:, 1:] != plan.cell[:, :-1]).all()
    assert (plan.cell >= N_FIGURED).sum() == round(empty_share * 24 * 32)
    assert set(plan.orientation.ravel()) == set(range(8))


def test_cells_with_figures_come_before_those_without_and_are_kept(cells: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in cells.iterdir()}
    grown = grow_cells(cells, cell_px=CELL_PX)
    assert [bool(mask.any()) for _, mask in grown] == [True] * N_FIGURED + [False] * (len(grown) - N_FIGURED)
    assert all(image.shape == (3, CELL_PX, CELL_PX) for image, _ in grown)
    assert {path.name: path.stat().st_mtime_ns for path in cells.iterdir()} == before


def test_the_file_holds_the_mosaic_in_a_local_frame(cells: Path, tmp_path: Path) -> None:
    height, width = 3 * CELL_PX - 30, 4 * CELL_PX + 7
    written = panel(tmp_path / "p.tif", height, width, seed=0, empty_share=0.5, cells=cells, cell_px=CELL_PX)
    rows = list(mosaic(cells, height, width, empty_share=0.5, cell_px=CELL_PX))
    assert [window.height for window, _, _ in rows] == [CELL_PX, CELL_PX, CELL_PX - 30]
    raster = open_raster(written)
    np.testing.assert_array_equal(raster.read(), np.concatenate([image for _, image, _ in rows], axis=1))
    assert raster.georeference is not None
    assert raster.georeference.frame == "local"
    assert raster.pixel_size is not None
    assert raster.pixel_size.mean_mm == pytest.approx(0.5)
    assert int.from_bytes(written.read_bytes()[2:4], "little") == 43  # BigTIFF
    masks = np.concatenate([mask for _, _, mask in rows])
    plan = layout(3, 5, empty_share=0.5)
    for row, col in np.ndindex(3, 4):
        cell = masks[row * CELL_PX : (row + 1) * CELL_PX, col * CELL_PX : (col + 1) * CELL_PX]
        assert not cell.any() or plan.cell[row, col] < N_FIGURED


def test_the_same_arguments_give_the_same_bytes(cells: Path, tmp_path: Path) -> None:
    first, again, other = (
        panel(tmp_path / name, 200, 300, empty_share=share, cells=cells, cell_px=CELL_PX).read_bytes()
        for name, share in (("a/p.tif", 0.0), ("b/p.tif", 0.0), ("c/p.tif", 0.9))
        if (tmp_path / name).parent.mkdir() is None
    )
    assert first == again != other


@pytest.mark.parametrize(("options", "words"), [({"seed": 999}, "between 0 and 998"), ({"empty_share": 1.5}, "share")])
def test_what_cannot_be_made_is_refused(cells: Path, tmp_path: Path, options: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        panel(tmp_path / "p.tif", 100, 100, cells=cells, cell_px=CELL_PX, **options)
    assert list(tmp_path.iterdir()) == []
