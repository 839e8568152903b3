from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile

from graven.io.gpkg import read_gpkg
from graven.io.lightfiles import read_lp
from graven.io.lightstack import open_light_stack


def test_synth_writes_a_bronze_with_its_lines_and_lights(graven: Callable, tmp_path: Path) -> None:
    size = 192
    result = graven("synth", "engraving", "--seed", "3", "--size", str(size), "-o", "made")
    assert result.code == 0, result.err
    made = tmp_path / "made"
    for layer, bands in (("image", 3), ("mask", 1), ("height", 1), ("albedo", 3), ("normals", 3)):
        with rasterio.open(made / f"engraving_3_{layer}.tif") as dataset:
            assert dataset.shape == (size, size)
            assert dataset.count in (bands, bands + 1)
            assert dataset.transform.a == pytest.approx(0.00005)  # metres
    mask = tifffile.imread(made / "engraving_3_mask.tif")
    assert set(np.unique(mask)) <= {0, 1}
    told = json.loads((made / "run.json").read_text(encoding="utf-8"))
    traces = read_gpkg(made / "engraving_3_traces.gpkg")
    assert traces
    assert sum(trace.measures["length"].value for trace in traces) == pytest.approx(told["line_length_mm"], abs=0.01)
    for trace in traces:
        assert 0.149 < trace.measures["width_mean"].value < 0.61
        (line,) = trace.lines
        assert (line >= 0).all()
        assert (line <= size).all()
    assert any(path.startswith("lights/") for path in told["outputs"])
    again = graven("synth", "engraving", "--seed", "3", "--size", str(size), "-o", "twin")
    assert again.code == 0
    for path in [*made.glob("engraving_3_*"), *made.glob("lights/*")]:
        assert path.read_bytes() == (tmp_path / "twin" / path.relative_to(made)).read_bytes()


def test_the_lights_are_a_stack_that_stereo_reads(graven: Callable, tmp_path: Path) -> None:
    result = graven("synth", "engraving", "--seed", "5", "--size", "128", "-o", "made")
    assert result.code == 0, result.err
    lights = read_lp(tmp_path / "made" / "lights" / "lights.lp")
    stack = open_light_stack([tmp_path / "made" / "lights" / name for name in lights.names])
    assert stack.transfer == "linear"
    assert len(stack.images) == len(lights) == 16
    assert lights.directions is not None
    assert np.linalg.cond(lights.directions) < 3


def test_a_whole_mirror_is_made_on_demand(graven: Callable, tmp_path: Path) -> None:
    result = graven("synth", "engraving", "--whole", "--size", "256", "--pixel-size", "0.1", "-o", "made")
    assert result.code == 0, result.err
    with rasterio.open(tmp_path / "made" / "engraving_0_height.tif") as dataset:
        assert np.isnan(dataset.nodata)
        height = dataset.read(1)
    assert np.isnan(height[0]).all()
    assert 0.4 < np.isfinite(height).mean() < 0.8


def test_only_bronzes_are_whole(graven: Callable) -> None:
    result = graven("synth", "condition", "--whole")
    assert result.code == 1
    assert "--whole is for engraving" in result.err
