"""The loop: it learns, resumes bit for bit, stops on signals, and explains a collapse."""

from __future__ import annotations

import csv
import dataclasses
import json
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from graven.errors import DataError, Interrupted, MismatchError, TrainingCollapsed, UsageError
from graven.train import loop
from graven.train.checkpoint import load_checkpoint, load_tensors, save_checkpoint, tensor_hash
from graven.train.dataset import CropSource, Sample, validation_tiles
from graven.train.loop import FitResult, fit
from graven.train.panels import Panel
from graven.train.recipe import Named, Recipe, Schedule, recipe_from_text
from graven.train.run import build_task, panels_hash
from graven.train.task import Standardised

END = 14


@pytest.fixture(autouse=True)
def _deterministic() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


def with_run(recipe: Recipe, **run: Any) -> Recipe:
    return dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, **run))


def build_net() -> nn.Module:
    """Two convolutions with batch norm and dropout, so that every kind of state matters."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return nn.Sequential(
            nn.Conv2d(3, 8, 5, padding=2),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Dropout2d(0.2),
            nn.Conv2d(8, 1, 5, padding=2),
        )


class Bench:
    """A run on small panels that can be repeated with changes."""

    def __init__(self, train_panels: tuple[Panel, ...], val_panels: tuple[Panel, ...]) -> None:
        self.train_panels, self.val_panels = train_panels, val_panels

    def source(self, recipe: Recipe) -> CropSource:
        return CropSource(
            self.train_panels,
            crop_px=recipe.data.crop_px,
            augment=recipe.augment,
            seed=recipe.run.seed,
            positive_share=recipe.data.positive_share,
        )

    def run(self, recipe: Recipe, out: Path, net: nn.Module | None = None, **options: Any) -> FitResult:
        model = Standardised(net or build_net(), mean=[100.0] * 3, std=[30.0] * 3)
        options = {"data_sha256": "d", "accelerator": "cpu", "pictures": False, **options}
        tiles: list[Sample] = validation_tiles(self.val_panels, tile_px=recipe.data.validation_tile_px)
        return fit(recipe, model, build_task(recipe), self.source(recipe), tiles, out, **options)


@pytest.fixture
def bench(train_panels: tuple[Panel, ...], val_panels: tuple[Panel, ...]) -> Bench:
    return Bench(train_panels, val_panels)


class StopAt:
    """Send ourselves a signal at a certain event."""

    def __init__(self, kind: str, step: int, number: signal.Signals) -> None:
        self.kind, self.step, self.number = kind, step, number

    def __call__(self, kind: str, **facts: Any) -> None:
        if (kind, facts["step"]) == (self.kind, self.step):
            signal.raise_signal(self.number)


def final_hash(out: Path) -> str:
    """Hash of all tensors of the last checkpoint: weights, running mean, optimiser, generators."""
    return str(load_tensors(out / "checkpoints" / f"step_{END:08d}.safetensors")[1]["tensors_sha256"])


def test_it_learns_and_leaves_what_it_promises(bench: Bench, recipe: Recipe, tmp_path: Path) -> None:
    result = bench.run(with_run(recipe, max_steps=40, validate_every_steps=20), tmp_path, pictures=True)
    assert (result.stopped_by, result.steps) == ("length", 40)
    assert result.best_score > 0.8
    assert {path.name for path in tmp_path.iterdir()} == {
        "best.safetensors",
        "checkpoints",
        "curves.png",
        "recipe.yaml",
        "result.json",
        "samples.png",
        "tensorboard",
        "train.csv",
        "validation.csv",
    }
    with (tmp_path / "validation.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["20", "40"]
    assert max(float(row["miou"]) for row in rows) == pytest.approx(result.best_score, abs=1e-8)
    facts = load_tensors(result.best_path)[1]
    assert (facts["step"], facts["scores"]["miou"]) == (result.best_step, result.best_score)
    assert recipe_from_text((tmp_path / "recipe.yaml").read_text()).network == recipe.network


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_resumes_to_the_same_bits(
    bench: Bench, recipe: Recipe, tmp_path: Path, number: signal.Signals
) -> None:
    whole = bench.run(recipe, tmp_path / "whole")
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=f"{number.name} at step 7; saved, continue with --resume"):
        bench.run(recipe, tmp_path / "parts", event=StopAt("validation", 7, number))
    assert signal.getsignal(number) is before
    torch.manual_seed(999)
    resumed = bench.run(recipe, tmp_path / "parts", resume=True)
    assert resumed.weights_sha256 == whole.weights_sha256
    assert final_hash(tmp_path / "parts") == final_hash(tmp_path / "whole")
    assert (resumed.best_step, resumed.best_score) == (whole.best_step, whole.best_score)
    best = [tensor_hash(load_tensors(tmp_path / part / "best.safetensors")[0]) for part in ("whole", "parts")]
    assert best[0] == best[1]


@pytest.mark.parametrize("older", [False, True])
def test_a_run_stopped_at_its_last_update_still_gets_its_last_validation(
    bench: Bench, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, older: bool
) -> None:
    recipe = with_run(recipe, validate_every_steps=5)
    whole = bench.run(recipe, tmp_path / "whole")
    real = loop._Run._update

    def update(self: Any, *args: Any) -> Any:
        if self.progress.step == END - 1:
            signal.raise_signal(signal.SIGINT)
        return real(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(loop._Run, "_update", update)
        with pytest.raises(Interrupted, match=f"at step {END}"):
            bench.run(recipe, tmp_path / "parts")
    if older:  # checkpoints of before did not tell when the last validation was
        path = tmp_path / "parts" / "checkpoints" / f"step_{END:08d}.safetensors"
        state = load_checkpoint(path)
        del state["progress"]["validated"]
        path.unlink()
        save_checkpoint(path.parent, state, step=END)
    resumed = bench.run(recipe, tmp_path / "parts", resume=True)
    assert (resumed.best_step, resumed.best_score) == (whole.best_step, whole.best_score)
    steps = [
        [row.split(",")[0] for row in (tmp_path / part / "validation.csv").read_text().splitlines()]
        for part in ("whole", "parts")
    ]
    assert steps[0] == steps[1] == ["step", "5", "10", "14"]


def test_the_number_of_loader_threads_changes_nothing(bench: Bench, recipe: Recipe, tmp_path: Path) -> None:
    hashes = set()
    for threads in (1, 3):
        changed = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, loader_threads=threads))
        hashes.add(bench.run(changed, tmp_path / str(threads)).weights_sha256)
    assert len(hashes) == 1


@pytest.mark.parametrize("item", ["nothing", "model", "ema", "optimiser", "generators", "step"])
def test_every_part_of_the_state_matters(bench: Bench, recipe: Recipe, tmp_path: Path, item: str) -> None:
    """Negative controls: a checkpoint that lost one part must not lead to the same end."""
    bench.run(recipe, tmp_path / "whole")
    with pytest.raises(Interrupted):
        bench.run(recipe, tmp_path / "parts", event=StopAt("checkpoint", 8, signal.SIGTERM))
    folder = tmp_path / "parts" / "checkpoints"
    state = load_checkpoint(folder / "step_00000008.safetensors")
    if item == "model":
        state["model"] = {"mean": torch.full((1, 3, 1, 1), 100.0), "std": torch.full((1, 3, 1, 1), 30.0)} | {
            f"net.{name}": tensor for name, tensor in build_net().state_dict().items()
        }
    elif item == "ema":
        state["ema"] = {"n": 0, "tensors": state["model"]}
    elif item == "optimiser":
        state["optimiser"]["state"] = {}
    elif item == "generators":
        state["generators"] = {"cpu": torch.Generator().manual_seed(1).get_state()}
    elif item == "step":
        state["progress"]["step"] = 7
    save_checkpoint(folder, state, step=8)
    bench.run(recipe, tmp_path / "parts", resume=True)
    assert (final_hash(tmp_path / "parts") == final_hash(tmp_path / "whole")) == (item == "nothing")


def test_resuming_without_a_checkpoint_is_an_error(bench: Bench, recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no checkpoint to resume from"):
        bench.run(recipe, tmp_path, resume=True)
    assert list(tmp_path.iterdir()) == []


def test_a_finished_run_is_not_overwritten(bench: Bench, recipe: Recipe, tmp_path: Path) -> None:
    bench.run(with_run(recipe, max_steps=2), tmp_path)
    with pytest.raises(UsageError, match="already holds a run; resume it"):
        bench.run(recipe, tmp_path)


def test_other_data_or_another_recipe_are_refused_unless_allowed(bench: Bench, recipe: Recipe, tmp_path: Path) -> None:
    bench.run(with_run(recipe, max_steps=4), tmp_path)
    with pytest.raises(MismatchError, match="the recipe differ"):
        bench.run(recipe, tmp_path, resume=True)
    with pytest.raises(MismatchError, match="the training data differ"):
        bench.run(with_run(recipe, max_steps=4), tmp_path, resume=True, data_sha256="other")
    said: list[str] = []
    result = bench.run(with_run(recipe, max_steps=6), tmp_path, resume=True, allow_changed=True, say=said.append)
    assert result.steps == 6
    assert any("resumed all the same" in line for line in said)


def test_a_damaged_newest_checkpoint_is_passed_over(bench: Bench, recipe: Recipe, tmp_path: Path) -> None:
    whole = bench.run(recipe, tmp_path / "whole")
    with pytest.raises(Interrupted):
        bench.run(recipe, tmp_path / "parts", event=StopAt("checkpoint", 8, signal.SIGTERM))
    newest = tmp_path / "parts" / "checkpoints" / "step_00000008.safetensors"
    content = bytearray(newest.read_bytes())
    content[-100] ^= 1
    newest.write_bytes(content)
    said: list[str] = []
    resumed = bench.run(recipe, tmp_path / "parts", resume=True, say=said.append)
    assert "step_00000008.safetensors is damaged" in said[0]
    assert "resumed at step 4" in said[1]
    assert resumed.weights_sha256 == whole.weights_sha256


def test_patience_ends_a_run_without_gain(bench: Bench, recipe: Recipe, tmp_path: Path) -> None:
    still = dataclasses.replace(
        recipe, optimiser=dataclasses.replace(recipe.optimiser, lr=1e-12, weight_decay=0.0, ema_decay=None)
    )
    net = nn.Conv2d(3, 1, 3, padding=1)
    result = bench.run(with_run(still, max_steps=40, validate_every_steps=2, patience=3), tmp_path, net)
    assert (result.stopped_by, result.steps, result.best_step) == ("patience", 8, 2)


@pytest.mark.parametrize("stopped", [False, True])
def test_a_run_whose_patience_is_spent_is_not_trained_on(
    bench: Bench, recipe: Recipe, tmp_path: Path, stopped: bool
) -> None:
    """Resumed after its end, or stopped by a signal at the very update that ends it."""
    spent = with_run(recipe, max_steps=40, validate_every_steps=2, patience=3)
    spent = dataclasses.replace(
        spent, optimiser=dataclasses.replace(spent.optimiser, lr=1e-12, weight_decay=0.0, ema_decay=None)
    )
    whole = bench.run(spent, tmp_path / "whole")
    if stopped:
        with pytest.raises(Interrupted):
            bench.run(spent, tmp_path / "parts", event=StopAt("validation", whole.steps, signal.SIGTERM))
    else:
        bench.run(spent, tmp_path / "parts")
    resumed = bench.run(spent, tmp_path / "parts", resume=True)
    assert whole.stopped_by == "patience"
    assert (resumed.stopped_by, resumed.steps) == (whole.stopped_by, whole.steps)
    assert resumed.weights_sha256 == whole.weights_sha256


def test_the_clock_ends_a_run(bench: Bench, recipe: Recipe, tmp_path: Path) -> None:
    timed = with_run(recipe, max_steps=None, max_minutes=0.02)
    timed = dataclasses.replace(timed, schedule=Schedule("cosine", counts="minutes"))
    result = bench.run(timed, tmp_path)
    assert result.stopped_by == "minutes"
    assert result.elapsed_s >= 1.2
    with (tmp_path / "train.csv").open(encoding="utf-8") as file:
        rates = [float(row["lr"]) for row in csv.DictReader(file)]
    assert all(later < earlier for earlier, later in pairwise(rates))


class Poisoned(nn.Module):
    """A network that answers NaN from its seventh training batch on."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 3, padding=1)
        self.n = 0

    def forward(self, x: Tensor) -> Tensor:
        self.n += self.training
        logits: Tensor = self.conv(x)
        return logits * float("nan") if self.n > 6 else logits


def test_a_loss_that_is_no_number_names_its_crops_and_keeps_the_last_checkpoint(
    bench: Bench, recipe: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(TrainingCollapsed, match=r"loss became nan at step 6 \(epoch 1\) on the crops \w\[") as caught:
        bench.run(recipe, tmp_path, Poisoned())
    crops = [bench.source(recipe).crop(epoch=1, index=index, panel=panel) for index, panel in _items(recipe, 1, 1)]
    assert all(crop.origin in str(caught.value) for crop in crops)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step_00000004.safetensors"]
    state = load_checkpoint(tmp_path / "checkpoints" / "step_00000004.safetensors")
    assert all(bool(tensor.isfinite().all()) for tensor in state["model"].values())


def _items(recipe: Recipe, epoch: int, position: int) -> list[tuple[int, int]]:
    from graven.train.sampler import BalancedSampler

    data = recipe.data
    sampler = BalancedSampler(("a", "b", "c"), data.items_per_epoch, data.batch_size, recipe.run.seed)
    return sampler.epoch_batches(epoch)[position]


class Fixed(nn.Module):
    """A network that always answers the same logit, with one weight that does nothing else."""

    def __init__(self, logit: float, slope: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.logit, self.slope = logit, slope

    def forward(self, x: Tensor) -> Tensor:
        return self.logit + self.slope * x[:, :1] + 0 * self.weight


@pytest.mark.parametrize(
    ("logit", "slope", "reason"),
    [
        (0.3, 0.0, "answers the same everywhere"),
        (-5.0, 1.0, "nothing is predicted although"),
        (5.0, 1.0, "everything is predicted as foreground"),
    ],
)
def test_a_collapse_is_explained(
    bench: Bench, recipe: Recipe, tmp_path: Path, logit: float, slope: float, reason: str
) -> None:
    with pytest.raises(TrainingCollapsed, match=f"step 4 after 2 validations in a row: .*{reason}"):
        bench.run(with_run(recipe, validate_every_steps=2, collapse_after=2), tmp_path, Fixed(logit, slope))


def test_data_without_foreground_are_refused_before_the_first_step(
    recipe: Recipe, train_panels: tuple[Panel, ...], val_panels: tuple[Panel, ...], tmp_path: Path
) -> None:
    empty = tuple(dataclasses.replace(panel, target=np.zeros_like(panel.target)) for panel in train_panels)
    with pytest.raises(TrainingCollapsed, match="none of the 3 training panels holds a foreground pixel"):
        Bench(empty, val_panels).run(recipe, tmp_path)
    full = tuple(dataclasses.replace(panel, target=np.ones_like(panel.target)) for panel in train_panels)
    with pytest.raises(TrainingCollapsed, match="may be inverted"):
        Bench(full, val_panels).run(recipe, tmp_path / "full")


def test_a_gate_learns_from_tiles(bench: Bench, recipe: Recipe, tmp_path: Path) -> None:
    gate = dataclasses.replace(recipe, task="gate", loss=Named("tile_bce", {"min_share": 0.01}))
    net = nn.Sequential(nn.Conv2d(3, 8, 5, stride=4), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 1))
    result = bench.run(with_run(gate, max_steps=60, validate_every_steps=60), tmp_path, net)
    assert np.isfinite(result.best_score)
    assert json.loads((tmp_path / "result.json").read_text())["steps"] == 60
    assert not (tmp_path / "samples.png").exists()


def test_a_batch_that_does_not_divide_is_refused(bench: Bench, recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not divide among 3 processes"):
        bench.run(recipe, tmp_path, devices=3)


def test_panels_hash_sees_every_pixel(train_panels: tuple[Panel, ...]) -> None:
    changed = train_panels[0].image.copy()
    changed[2, 5, 7] ^= 1
    other = (dataclasses.replace(train_panels[0], image=changed), *train_panels[1:])
    assert panels_hash(train_panels) == panels_hash(tuple(train_panels))
    assert panels_hash(train_panels) != panels_hash(other)
