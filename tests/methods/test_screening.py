"""The gate decides before anything is read at full size, and what it saw lies where it looked, in any frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graven.errors import DataError, Interrupted, MismatchError
from graven.methods.screening import (
    Screening,
    coarse_factor,
    coarse_states,
    coarse_view,
    is_coarse,
    screen_coarse,
    screen_tiles,
)
from graven.prepare.frame import working_frame
from graven.prepare.rotation import RotationEstimate
from graven.types import (
    PETROGLYPH_CLASSES,
    ModelSpec,
    Normalisation,
    PixelSize,
    Raster,
    TileGrid,
    raster_from_array,
)
from graven.types.affine import invert

FACTOR = 4


def _gate(**changes: Any) -> ModelSpec:
    settings: dict[str, Any] = {
        "name": "gate",
        "version": "1",
        "method": "petroglyph",
        "role": "gate",
        "network": "by hand",
        "network_options": {},
        "classes": PETROGLYPH_CLASSES,
        "bands": ("red", "green", "blue"),
        "pixel_size_mm": 2.0,
        "tile_px": 64,
        "overlap_px": 16,
        "normalisation": Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        "prepare": (),
        "threshold": 0.5,
        "min_object_mm2": 0.0,
        "companions": {},
        "sha256": "",
    }
    return ModelSpec(**{**settings, **changes})


class ByHand:
    """The attributes that every engine has."""

    name, version, precision, device, n_parallel, reason = "by hand", "1", "float32", "cpu", 2, "by hand"


class Coarse(ByHand):
    """Answers red / 255 per pixel."""

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return batch[:, :1].astype(np.float32) / 255


class PerTile(ByHand):
    """Answers the largest red / 255 of a tile, and shows the means of its quarters."""

    def __init__(self) -> None:
        self.n_seen = 0

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        self.n_seen += len(batch)
        return batch[:, :1].max(axis=(2, 3)).astype(np.float32) / 255

    def explain(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, _, height, width = batch.shape
        cells = batch[:, :1].reshape(n, 1, 2, height // 2, 2, width // 2).mean(axis=(3, 5)) / 255
        return self(batch), cells.astype(np.float32)


def _panel(*spots: tuple[int, int], height: int = 400, width: int = 560, mm: float = 0.5) -> Raster:
    pixels = np.zeros((3, height, width), np.uint8)
    for row, col in spots:
        pixels[:, row : row + 8, col : col + 8] = 255
    return raster_from_array(pixels, pixel_size=PixelSize(mm, mm, "user"))


def _screen(raster: Raster, work: Path, *, gate: ModelSpec | None = None, resume: bool = False) -> Screening:
    frame = working_frame(raster, pixel_size_mm=0.5)
    grid = TileGrid(frame.raster.height, frame.raster.width, tile_px=128, overlap_px=32)
    return screen_coarse(raster, frame, grid, gate or _gate(), Coarse(), work, factor=FACTOR, key="k", resume=resume)


def test_a_tile_is_wanted_where_any_of_its_pixels_is_seen(tmp_path: Path) -> None:
    found = _screen(_panel((200, 300)), tmp_path)
    # tiles start at 0, 96, 192, 288, 384 px: rows 96 to 224 and 192 to 320 hold the spot, columns likewise
    assert found.states == ("gggggg", "ggppgg", "ggppgg", "gggggg")[: len(found.states)]


def test_the_last_tile_row_and_column_are_decided_as_well(tmp_path: Path) -> None:
    found = _screen(_panel((392, 552)), tmp_path)
    assert found.states[-1][-1] == "p"
    assert "".join(found.states).count("p") == 1


def test_tiles_without_a_valid_pixel_are_named() -> None:
    valid = np.ones((8, 8), bool)
    valid[:, 4:] = False
    seen = raster_from_array(np.full((8, 8), 255, np.uint8), valid=valid)
    assert coarse_states(seen, TileGrid(16, 16, 8, 0), factor=2, threshold=0.5) == ("pi", "pi")


@pytest.mark.parametrize("threshold", [0.4, 0.4001])
def test_the_threshold_is_inclusive_in_steps_of_a_byte(threshold: float) -> None:
    seen = raster_from_array(np.array([[102]], np.uint8))
    assert coarse_states(seen, TileGrid(4, 4, 4, 0), factor=4, threshold=threshold) == (
        ("p",) if threshold == 0.4 else ("g",)
    )


@pytest.mark.parametrize("skew_deg", [0.0, -30.0, 12.0])
@pytest.mark.parametrize("mm", [0.5, 0.25, 1.0, 2.0])
def test_what_the_gate_sees_lies_in_the_working_frame_and_comes_back_to_the_input(
    tmp_path: Path, mm: float, skew_deg: float
) -> None:
    original = _panel((160, 390), mm=mm)
    rotation = RotationEstimate(skew_deg, 2.0, applied=skew_deg != 0, reason="by hand")
    frame = working_frame(original, rotation=rotation, pixel_size_mm=0.5)
    a, b, c, d, e, f = invert(frame.matrix)
    x, y = (a * 394 + b * 164 + c) / FACTOR, (d * 394 + e * 164 + f) / FACTOR
    view = coarse_view(original, frame, _gate(), FACTOR)
    seen = np.where(view.read_valid(view.bounds), view.read()[0], 0).astype(float)  # beyond the panel are mirrors
    rows, cols = np.indices(seen.shape) + 0.5
    assert (seen * cols).sum() / seen.sum() == pytest.approx(x, abs=0.6)
    assert (seen * rows).sum() / seen.sum() == pytest.approx(y, abs=0.6)
    grid = TileGrid(frame.raster.height, frame.raster.width, tile_px=128, overlap_px=32)
    found = screen_coarse(
        original, frame, grid, _gate(), Coarse(), tmp_path, factor=FACTOR, key="k", resume=False
    ).on_input(frame, original)
    rows, cols = np.indices(found.shape) + 0.5
    assert (found * rows).sum() / found.sum() / found.shape[0] == pytest.approx(164 / 400, abs=1 / found.shape[0])
    assert (found * cols).sum() / found.sum() / found.shape[1] == pytest.approx(394 / 560, abs=1 / found.shape[1])


def test_the_picture_is_small_and_loses_no_spot(tmp_path: Path) -> None:
    raster = _panel((1000, 3000), height=2400, width=4000)
    frame = working_frame(raster, pixel_size_mm=0.5)
    picture = _screen(raster, tmp_path).on_input(frame, raster)
    assert max(picture.shape) <= 512
    assert picture.max() > 0.9


def test_the_gate_s_pass_is_continued_and_not_repeated(tmp_path: Path) -> None:
    first = _screen(_panel((200, 300)), tmp_path)
    again = _screen(_panel((200, 300)), tmp_path, resume=True)
    assert again.states == first.states
    with pytest.raises(DataError, match="unfinished work"):
        _screen(_panel((200, 300)), tmp_path)


def _screen_tiles(raster: Raster, engine: Any, work: Path, *, resume: bool = False) -> Screening:
    frame = working_frame(raster)
    grid = TileGrid(raster.height, raster.width, tile_px=128, overlap_px=0)
    return screen_tiles(frame, grid, _gate(), engine, work, key="k", resume=resume)


def test_a_tile_gate_is_asked_about_every_tile_and_its_maps_are_joined(tmp_path: Path) -> None:
    engine = PerTile()
    found = _screen_tiles(_panel((10, 200), height=256, width=384), engine, tmp_path)
    assert found.states == ("gpg", "ggg")
    assert engine.n_seen == 6 + 1  # and the tile with which the size of the map is asked
    assert (found.seen.height, found.seen.width, found.cell_px) == (4, 6, 64.0)
    seen = found.seen.read()[0]
    assert np.flatnonzero(seen).tolist() == [3]


def test_a_tile_gate_continues_where_it_was_stopped(tmp_path: Path) -> None:
    class Stops(PerTile):
        def __call__(self, batch: np.ndarray) -> np.ndarray:
            if self.n_seen == 5:
                raise KeyboardInterrupt
            return super().__call__(batch)

    raster = _panel((10, 200), (200, 10), height=384, width=384)
    with pytest.raises(Interrupted, match="1 of 3 tile rows"):
        _screen_tiles(raster, Stops(), tmp_path)
    engine = PerTile()
    assert _screen_tiles(raster, engine, tmp_path, resume=True).states == ("gpg", "pgg", "ggg")
    assert engine.n_seen == 6 + 1  # and the tile with which the size of the map is asked


def test_a_tile_gate_that_answers_nonsense_is_refused(tmp_path: Path) -> None:
    class Wrong(ByHand):
        def __call__(self, batch: np.ndarray) -> np.ndarray:
            return np.full((len(batch), 1), np.nan, np.float32)

    with pytest.raises(DataError, match="a gate must answer a tile with finite"):
        _screen_tiles(_panel(height=128, width=128), Wrong(), tmp_path)


def test_the_form_of_a_gate_is_told_by_its_answer() -> None:
    assert is_coarse(Coarse(), _gate())
    assert not is_coarse(PerTile(), _gate())


def test_scales_that_do_not_belong_together_are_refused() -> None:
    assert coarse_factor(_gate(pixel_size_mm=0.5), _gate()) == 4
    with pytest.raises(MismatchError, match="whole multiple"):
        coarse_factor(_gate(pixel_size_mm=0.6), _gate())
