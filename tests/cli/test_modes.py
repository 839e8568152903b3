"""``graven segment --mode``: tiles, or the whole image as one input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A dark crack of 40 px and a bright loss, as large as they must be to survive shrinking."""
    pixels = np.full((480, 640, 3), 130, np.uint8)
    pixels[60:100, 40:600] = 10
    pixels[200:400, 300:500] = 240
    path = tmp_path / "beam.png"
    cv2.imwrite(str(path), pixels)
    return path


@pytest.mark.parametrize("mode", ["stretch", "letterbox"])
def test_a_whole_image_goes_through_the_network_once(
    graven: Callable, photo: Path, damage_model: Path, tmp_path: Path, mode: str
) -> None:
    common = ("-m", damage_model, "--tile", 128, "--overlap", 32, "--json")
    assert graven("segment", photo, *common, "-o", "tiles").code == 0
    result = graven("segment", photo, *common, "--mode", mode, "-o", "whole")
    assert result.code == 0, result.err
    facts = result.lines()[-1]
    assert facts["n_tiles"] == 1
    assert any(f"{mode}: the whole image as one input of 128 x 128 px" in note for note in facts["notes"])
    masks = [tifffile.imread(tmp_path / folder / "beam_mask.tif") for folder in ("tiles", "whole")]
    assert masks[0].shape == masks[1].shape == (480, 640)
    for number in (1, 2):
        both, any_ = ((masks[0] == number) & (masks[1] == number)).sum(), (masks[0] == number) | (masks[1] == number)
        assert both / any_.sum() > 0.85
    told = json.loads((tmp_path / "whole" / "run.json").read_text(encoding="utf-8"))
    assert told["settings"]["mode"] == mode


def test_thin_lines_are_lost_when_the_image_is_shrunk(graven: Callable, damage_model: Path, tmp_path: Path) -> None:
    pixels = np.full((1024, 1024, 3), 130, np.uint8)
    cv2.line(pixels, (50, 300), (980, 700), (10, 10, 10), 2)
    cv2.imwrite(str(tmp_path / "thin.png"), pixels)
    found = {}
    for mode in ("tile", "stretch"):
        result = graven("segment", "thin.png", "-m", damage_model, "--tile", 128, "--mode", mode, "-o", mode, "--json")
        assert result.code == 0, result.err
        found[mode] = result.lines()[-1]["n_traces"]
    assert found["tile"] >= 1
    assert found["stretch"] == 0


def test_an_unknown_mode_is_refused(graven: Callable, photo: Path, damage_model: Path, tmp_path: Path) -> None:
    for verb in ("segment", "batch"):
        result = graven(verb, photo, "-m", damage_model, "--mode", "crop", "-o", "out")
        assert (result.code, result.err.count("\n")) == (1, 1), result.err
        assert "tile, stretch, letterbox" in result.err
    assert not (tmp_path / "out").exists()


def test_the_summary_calls_things_by_their_name(graven: Callable, photo: Path, damage_model: Path) -> None:
    result = graven("segment", photo, "-m", damage_model, "-o", "out")
    assert "2 cracks and losses; 0 of" in result.out
