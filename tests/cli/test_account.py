"""``run.json`` of every verb that leaves a folder: one layout, inputs and outputs with their hashes, no path."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import graven as package
from graven.api.account import output_hashes

FIRST = ["command", "options", "graven", "versions", "started", "finished", "seconds", "inputs", "settings"]
RECIPE = """
name: bars
method: petroglyph
network: {name: unet, options: {widths: [4, 8]}}
loss: bce
data: {crop_px: 32, batch_size: 2, items_per_epoch: 4, validation_tile_px: 32}
optimiser: {name: adam, lr: 0.005}
run: {max_steps: 2, validate_every_steps: 2, checkpoint_every_steps: 2, precision: fp32, seed: 2}
"""


def _pairs(folder: Path) -> None:
    """Four photographs, two crops each, with a bright bar."""
    rng = np.random.default_rng(2)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for name in (f"{photo}_{crop}.png" for photo in "abcd" for crop in range(2)):
        bar = np.zeros((64, 64), bool)
        bar[:, 20:34] = True
        noise = rng.normal(60, 10, (64, 64, 3))
        Image.fromarray((noise + 90 * bar[..., None]).clip(0, 255).astype(np.uint8)).save(folder / "images" / name)
        Image.fromarray(np.where(bar, 255, 0).astype(np.uint8)).save(folder / "masks" / name)


Case = tuple[list[list[object]], list[str]]


def _case(verb: str, *, panel: Path, model: Path) -> Case:
    """Give the command lines that lead to ``out``, and the names of what went into the last."""
    segment = ["segment", panel, "-m", model]
    mask, prob = "record/panel_mask.tif", "record/panel_prob.tif"
    prepare = ["prepare", "pairs", "--patch", "64"]
    train = ["train", "recipe.yaml", "--data", "patches"]
    reproduce = ["reproduce", "begl", "--data", "pairs", "--protocol", "tiny", "--seeds", "1", "--losses", "bce"]
    files = [f"{part}/{photo}_{crop}.png" for photo in "abcd" for crop in range(2) for part in ("images", "masks")]
    cases: dict[str, Case] = {
        "segment": ([segment], ["panel.tif", "bright", "bright-gate"]),
        "measure": (
            [[*segment, "-o", "record"], ["measure", mask, "--prob", prob]],
            ["panel_mask.tif", "panel_prob.tif"],
        ),
        "evaluate": (
            [[*segment, "-o", "record"], ["evaluate", "record", mask, "--protocol", "pitoti"]],
            ["panel_mask.tif", "panel_mask.tif"],
        ),
        "export": (
            [[*segment, "-o", "record"], ["export", "record", "--to", "svg,coco"]],
            ["panel_traces.gpkg", "run.json"],
        ),
        "prepare": ([[*prepare, "--group-by", "[a-d]"]], files),
        "synth": ([["synth", "petroglyph", "--seed", "3", "--size", "64"]], []),
        "demo": ([["demo"]], []),
        "train": ([[*prepare, "-o", "patches"], train], ["recipe", "panels/train", "panels/val"]),
        "reproduce": ([[*reproduce, "--group-by", "[a-d]"]], ["pairs"]),
    }
    return cases[verb]


@pytest.mark.parametrize(
    "verb",
    [
        *("segment", "measure", "evaluate", "export", "prepare", "synth", "train", "reproduce"),
        pytest.param("demo", marks=pytest.mark.slow),
    ],
)
def test_every_verb_gives_the_same_account(
    graven: Callable, panel: Path, model: Path, tmp_path: Path, verb: str
) -> None:
    if verb in ("train", "reproduce"):
        pytest.importorskip("lightning")
    _pairs(tmp_path / "pairs")
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    (*before, last), inputs = _case(verb, panel=panel, model=model)
    for line in [*before, [*last, "-o", "out"]]:
        done = graven(*line)
        assert done.code == 0, done.err

    out = tmp_path / "out"
    told = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert list(told)[: len(FIRST)] == FIRST
    assert list(told)[-1] == "outputs"
    assert (told["command"], told["graven"]) == (verb, package.__version__)
    assert (told["versions"]["graven"], told["versions"]["numpy"]) == (package.__version__, np.__version__)
    assert datetime.fromisoformat(told["started"]) <= datetime.fromisoformat(told["finished"])
    assert told["seconds"]["total"] > 0
    assert told["options"]["out"] == "out"
    assert told["settings"]
    assert [entry["name"] for entry in told["inputs"]] == inputs
    for entry in told["inputs"]:
        assert len(bytes.fromhex(entry["sha256"])) == 32
    assert told["outputs"] == output_hashes(out, leave_out=("panels",))
    assert told["outputs"]
    assert str(tmp_path) not in json.dumps(told)


def test_hashes_are_those_of_the_files(graven: Callable, tmp_path: Path) -> None:
    _pairs(tmp_path / "pairs")
    assert graven("prepare", "pairs", "--patch", "64", "-o", "out").code == 0
    told = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    for folder, found in (
        ("pairs", {entry["name"]: entry["sha256"] for entry in told["inputs"]}),
        ("out", told["outputs"]),
    ):
        files = {path for path in (tmp_path / folder).rglob("*") if path.is_file() and path.name != "run.json"}
        names = {path.relative_to(tmp_path / folder).as_posix(): path for path in files}
        assert found == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in names.items()}
