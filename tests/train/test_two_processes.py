"""Two processes end at the same update, although their clocks differ."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from graven.train.panels import Panel, write_store
from graven.train.recipe import Recipe, recipe_to_text

SCRIPT = """
import os, sys, time
from pathlib import Path
from graven.train import loop
from graven.train.panels import read_store
from graven.train.recipe import read_recipe
from graven.train.run import train

if os.environ.get("LOCAL_RANK") == "1":  # a clock that stands still: this process alone would never see the end
    loop.time = type("Clock", (), {"monotonic": staticmethod(lambda: 0.0)})
folder = Path(sys.argv[1])
train(
    read_recipe(folder / "recipe.yaml"), read_store(folder / "train").open(), read_store(folder / "val").open(),
    folder / "run", mean=[100.0] * 3, std=[30.0] * 3, data_sha256="d", accelerator="cpu", devices=2, pictures=False,
)
"""


@pytest.mark.slow
def test_the_clock_of_the_first_process_ends_the_run(
    train_panels: tuple[Panel, ...], val_panels: tuple[Panel, ...], recipe: Recipe, tmp_path: Path
) -> None:
    for side, panels in (("train", train_panels), ("val", val_panels)):
        items = [
            (panel.name, panel.group, lambda panel=panel: (panel.image, panel.target > 0, None)) for panel in panels
        ]
        write_store(tmp_path / side, items, origin={})
    timed = dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, max_steps=100_000, max_minutes=0.03))
    (tmp_path / "recipe.yaml").write_text(recipe_to_text(timed), encoding="utf-8")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))["stopped_by"] == "minutes"
