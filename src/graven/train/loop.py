"""The training loop, one for all methods, on Lightning Fabric.

The state after *n* updates depends on recipe, data and *n* alone (on a CPU with a fixed number of threads, and unless
the schedule runs by the clock). A run that was interrupted and resumed ends with the same bits as one that was not.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import torch
from lightning.fabric import Fabric
from torch import nn

from graven.errors import Interrupted, MismatchError, TrainingCollapsed, UsageError
from graven.io.fs import write_text_atomic
from graven.train.checkpoint import load_newest, save_checkpoint, save_tensors, tensor_hash
from graven.train.frozen import find_part, hold
from graven.train.journal import Journal, Pace
from graven.train.listen import Event, Say, note_nothing, say_nothing
from graven.train.loader import batches
from graven.train.precision import resolve_precision
from graven.train.recipe import Recipe, recipe_hash, recipe_to_text
from graven.train.sampler import BalancedSampler
from graven.train.schedule import rate_at
from graven.train.state import Ema, Progress, build_optimiser, pack, unpack
from graven.train.stop import Collapse, SignalFlag, check_foreground, check_loss
from graven.train.task import Batch, Standardised, Task
from graven.train.validate import to_device, validate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from graven.train.dataset import CropSource, Sample

__all__ = ["FitResult", "fit"]

SAVE_EVERY_S = 300.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class FitResult:
    """How a run ended.

    Attributes
    ----------
    stopped_by : {"length", "minutes", "patience"}
        Why it ended.
    steps : int
        Updates done.
    best_step : int
        Update after which validation was best.
    best_score : float
        The score there.
    elapsed_s : float, seconds
        Time spent, resumed parts included.
    images_per_s : float
        Training crops per second in this part of the run, validation not counted.
    waiting_share : float, 0 to 1
        Share of that time spent waiting for crops.
    weights_sha256 : str
        Hash of the last weights.
    best_path : Path
        Weights of the best validation.
    """

    stopped_by: Literal["length", "minutes", "patience"]
    steps: int
    best_step: int
    best_score: float
    elapsed_s: float
    images_per_s: float
    waiting_share: float
    weights_sha256: str
    best_path: Path


class _Trained(nn.Module):
    """Network and loss as one module, so that Fabric sees a single forward pass."""

    def __init__(self, model: Standardised, task: Task) -> None:
        super().__init__()
        self.model = model
        self._task = task

    def forward(
        self,
        image: torch.Tensor,
        target: torch.Tensor,
        valid: torch.Tensor,
        beside: tuple[torch.Tensor, torch.Tensor] | None,
    ) -> torch.Tensor:
        return self._task.outputs(self.model, Batch(image, target, valid, (), beside))[0]


def fit(
    recipe: Recipe,
    model: Standardised,
    task: Task,
    train_data: CropSource,
    val_data: Sequence[Sample],
    out: Path,
    *,
    data_sha256: str,
    unlabelled: CropSource | None = None,
    resume: bool = False,
    allow_changed: bool = False,
    accelerator: str = "auto",
    devices: int = 1,
    pictures: bool = True,
    is_trained: bool = False,
    say: Say = say_nothing,
    event: Event = note_nothing,
) -> FitResult:
    """Train a network.

    Parameters
    ----------
    recipe : Recipe
        What to do.
    model : Standardised
        The network behind its standardisation; changed in place, left with the last weights.
    task : Task
        Loss and scores.
    train_data : CropSource
        Cuts the training crops.
    val_data : sequence of Sample
        Held-out tiles of equal size.
    out : Path
        Folder of the run. Besides ``best.safetensors`` and ``checkpoints/`` it holds the recipe, two CSV logs,
        TensorBoard events, ``curves.png`` and the newest ``samples.png``.
    data_sha256 : str
        Hash of the data; a run does not resume on other data.
    unlabelled : CropSource, optional
        Cuts crops without truth, for a task that learns from them.
    resume : bool
        Continue from the newest sound checkpoint in `out`; without one that is an error, never a fresh start.
    allow_changed : bool
        Resume although recipe or data differ.
    accelerator : str
        As Fabric takes it: ``auto``, ``cpu``, ``cuda``.
    devices : int
        Processes, one per device.
    pictures : bool
        Draw ``curves.png`` (at most twice a minute, and at the end) and ``samples.png``, and write TensorBoard events.
    is_trained : bool
        Whether `model` can do something already: it is then validated before the first update, so that the best weights
        are those it came with unless training betters them (``best_step`` 0).
    say : callable
        Told what a person should know, one line each.
    event : callable
        ``event(kind, **facts)`` for machines: ``step``, ``validation``, ``checkpoint``.

    Returns
    -------
    FitResult
        How it ended.

    Raises
    ------
    Interrupted
        After Ctrl-C or SIGTERM; a checkpoint has been written.
    TrainingCollapsed
        If nothing can be learnt from the data, the loss is no number, or predictions have become constant.
    DataError
        If `resume` finds no sound checkpoint.
    MismatchError
        If recipe or data are not those of the checkpoint.
    UsageError
        If `out` already holds a run and `resume` is False, or the batch does not divide among the processes.
    """
    run = _Run(recipe, task, out, pictures=pictures, say=say, event=event)
    run.prepare(model, train_data, accelerator, devices)
    run.start(resume=resume, allow_changed=allow_changed, data_sha256=data_sha256)
    if not resume:
        check_foreground(train_data)
    try:
        with SignalFlag() as flag:
            return run.loop(train_data, val_data, flag, unlabelled, looks_first=is_trained and not resume)
    finally:
        if run.journal is not None:
            run.journal.close()


class _Run:
    """State and files of one call of `fit`."""

    def __init__(
        self,
        recipe: Recipe,
        task: Task,
        out: Path,
        *,
        pictures: bool,
        say: Say,
        event: Event,
    ) -> None:
        self.recipe, self.task, self.out = recipe, task, out
        self.say, self.event = say, event
        self.pictures = pictures
        self.journal: Journal | None = None
        self.checkpoints = out / "checkpoints"
        self.progress = Progress(collapse=Collapse(after=recipe.run.collapse_after))
        self.facts: dict[str, Any] = {}

    def prepare(self, model: Standardised, train_data: CropSource, accelerator: str, devices: int) -> None:
        """Put network and optimiser on their device."""
        recipe = self.recipe
        data = recipe.data
        if data.batch_size % devices:
            raise UsageError(f"data.batch_size {data.batch_size} does not divide among {devices} processes")
        probe = Fabric(accelerator=accelerator, devices=1)
        self.precision = resolve_precision(recipe.run.precision, probe.device)
        self.fabric = Fabric(
            accelerator=accelerator, devices=devices, precision="bf16-mixed" if self.precision == "bf16" else "32-true"
        )
        if devices > 1:
            self.fabric.launch()
        torch.manual_seed(recipe.run.seed)
        self.model = model
        if recipe.run.channels_last:
            model.to(memory_format=torch.channels_last)
        trained = _Trained(model, self.task).train()
        options = recipe.optimiser
        optimiser = build_optimiser(trained, name=options.name, lr=options.lr, weight_decay=options.weight_decay)
        self.trained, self.optimiser = self.fabric.setup(trained, optimiser)
        self.ema = None if options.ema_decay is None else Ema(model, decay=options.ema_decay)
        self.sampler = BalancedSampler(train_data.groups, data.items_per_epoch, data.batch_size, recipe.run.seed)
        self.frozen = find_part(model, recipe.freeze.part) if recipe.freeze.epochs else None
        lengths = [recipe.run.max_steps or math.inf]
        if recipe.run.max_epochs is not None:
            lengths.append(recipe.run.max_epochs * self.sampler.steps_per_epoch)
        self.n_steps = min(lengths)

    def start(self, *, resume: bool, allow_changed: bool, data_sha256: str) -> None:
        """Open the folder of the run, from the beginning or from its newest checkpoint."""
        self.facts = {
            "recipe_sha256": recipe_hash(self.recipe),
            "data_sha256": data_sha256,
            "threads": torch.get_num_threads(),
            "device": self.fabric.device.type,
            "precision": self.precision,
        }
        if resume:
            state = load_newest(self.checkpoints, say=self.say)
            self._compare(state["facts"], allow_changed=allow_changed)
            self.progress = unpack(state, self.model, self.optimiser, self.ema)
            self.progress.collapse.after = self.recipe.run.collapse_after
            if "validated" not in state["progress"]:  # an older checkpoint: validation came before saving
                self.progress.validated = self.progress.step - self.progress.step % self.recipe.run.validate_every_steps
            self.say(f"resumed at step {self.progress.step}")
        elif any(self.checkpoints.glob("step_*.safetensors")):
            raise UsageError(f"{self.out} already holds a run; resume it, or give another folder")
        self.out.mkdir(parents=True, exist_ok=True)
        write_text_atomic(self.out / "recipe.yaml", recipe_to_text(self.recipe))
        if self.fabric.is_global_zero:
            self.journal = Journal(
                self.out,
                title=self.recipe.name,
                score_name=self.task.score_name,
                step=self.progress.step,
                pictures=self.pictures,
                say=self.say,
                event=self.event,
            )

    def _compare(self, stored: dict[str, Any], *, allow_changed: bool) -> None:
        """Refuse another recipe or other data; only mention what changes the last bits."""
        for key, what in (("recipe_sha256", "recipe"), ("data_sha256", "training data")):
            if stored[key] != self.facts[key]:
                message = f"the {what} differ from those of the checkpoint in {self.out}"
                if not allow_changed:
                    raise MismatchError(f"{message}; use the original ones, or allow the change explicitly")
                self.say(f"{message}; resumed all the same, as was asked")
        for key in ("threads", "device", "precision"):
            if stored[key] != self.facts[key]:
                self.say(f"{key}: {stored[key]} before, {self.facts[key]} now; the last bits will differ")

    def loop(
        self,
        train_data: CropSource,
        val_data: Sequence[Sample],
        flag: SignalFlag,
        unlabelled: CropSource | None,
        *,
        looks_first: bool,
    ) -> FitResult:
        """Update until an end is reached."""
        recipe, progress = self.recipe, self.progress
        if looks_first:
            self._look(val_data)
        began = time.monotonic() - progress.elapsed_s
        saved, pace = time.monotonic(), Pace()
        source = batches(
            train_data,
            self.sampler,
            first_step=progress.step,
            n_threads=recipe.data.loader_threads,
            rank=self.fabric.global_rank,
            world_size=self.fabric.world_size,
            mix=recipe.mix,
            beside=unlabelled,
        )
        while (stopped_by := self._reached()) is None:
            t0 = time.monotonic()
            _, epoch, batch = next(source)
            t1 = time.monotonic()
            rate = self._rate(epoch)
            loss, norm = self._update(batch, epoch, rate)
            t2 = time.monotonic()
            progress.step += 1
            progress.elapsed_s = t2 - began
            pace.add(recipe.data.batch_size, busy_s=t2 - t0, waited_s=t1 - t0)
            if self.journal is not None:
                self.journal.step(
                    progress.step,
                    loss=loss,
                    gradient_norm=norm,
                    lr=rate,
                    epoch=epoch,
                    minutes=progress.elapsed_s / 60,
                    pace=pace,
                )
            if progress.step % recipe.run.validate_every_steps == 0:
                self._look(val_data)
            now = time.monotonic()
            progress.elapsed_s, is_late, signal = self._agreed((now - began, now - saved > SAVE_EVERY_S, flag.name))
            if is_late or signal is not None or progress.step % recipe.run.checkpoint_every_steps == 0:
                self._save()
                saved = time.monotonic()
                signal = self._agreed(flag.name)  # it may have come while the checkpoint was written
            if signal is not None:
                raise Interrupted(f"{signal} at step {progress.step}; saved, continue with --resume")
        source.close()
        if progress.validated != progress.step:
            self._look(val_data)
        if self.journal is not None:
            self.journal.draw()
        self._save()
        result = FitResult(
            stopped_by=stopped_by,
            steps=progress.step,
            best_step=progress.best_step,
            best_score=progress.best_score,
            elapsed_s=progress.elapsed_s,
            images_per_s=pace.images_per_s,
            waiting_share=pace.waiting_share,
            weights_sha256=tensor_hash(self.model.state_dict()),
            best_path=self.out / "best.safetensors",
        )
        facts = {**asdict(result), "best_path": result.best_path.name, **self.facts}
        write_text_atomic(self.out / "result.json", json.dumps(facts, indent=1) + "\n")
        return result

    def _agreed(self, mine: _T) -> _T:
        """Take the answer of the first process: clocks and signals differ, and processes that part wait for ever."""
        return mine if self.fabric.world_size == 1 else self.fabric.broadcast(mine)

    def _reached(self) -> Literal["length", "minutes", "patience"] | None:
        """Say which end is reached; a run that is resumed at its end is not trained on."""
        run, progress = self.recipe.run, self.progress
        if run.patience is not None and progress.n_without_gain >= run.patience:
            return "patience"
        if run.max_minutes is not None and progress.elapsed_s >= 60 * run.max_minutes:
            return "minutes"
        return "length" if progress.step >= self.n_steps else None

    def _rate(self, epoch: int) -> float:
        schedule, run = self.recipe.schedule, self.recipe.run
        if schedule.name == "plateau":
            at, total = float(self.progress.n_drops), math.inf
        elif schedule.counts == "minutes":
            at, total = self.progress.elapsed_s / 60, float(run.max_minutes or 0)
        elif schedule.counts == "epochs":
            at, total = float(epoch), float(run.max_epochs or self.n_steps / self.sampler.steps_per_epoch)
        else:
            at, total = float(self.progress.step), float(self.n_steps)
        return rate_at(schedule.name, at, lr=self.recipe.optimiser.lr, total=total, options=schedule.options)

    def _update(self, batch: Batch, epoch: int, rate: float) -> tuple[float, float]:
        """Do one step and give loss and gradient norm."""
        if self.frozen is not None:
            hold(self.frozen, is_held=epoch < self.recipe.freeze.epochs)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        moved = to_device(batch, self.fabric.device, channels_last=self.recipe.run.channels_last)
        loss = self.trained(moved.image, moved.target, moved.valid, moved.beside)
        value = float(loss.detach())
        check_loss(value, step=self.progress.step, epoch=epoch, origins=batch.origins)
        self.optimiser.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        limit = self.recipe.optimiser.clip_norm
        norm = torch.nn.utils.clip_grad_norm_(self.trained.parameters(), math.inf if limit is None else limit)
        if not math.isfinite(float(norm)):
            check_loss(float(norm), step=self.progress.step, epoch=epoch, origins=batch.origins)
        self.optimiser.step()
        if self.ema is not None:
            self.ema.update(self.model)
        return value, float(norm)

    def _look(self, val_data: Sequence[Sample]) -> None:
        """Validate, keep the best weights, draw what there is to see, and notice a collapse."""
        progress, data = self.progress, self.recipe.data
        current = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        if self.ema is not None:
            self.model.load_state_dict(self.ema.tensors)
        look = validate(
            self.model,
            self.task,
            val_data,
            batch_size=data.validation_batch_size,
            fabric=self.fabric,
            channels_last=self.recipe.run.channels_last,
        )
        score = look.scores[self.task.score_name]
        progress.count(score, min_gain=self.recipe.run.min_gain, schedule=self.recipe.schedule)
        progress.validated = progress.step
        if score > progress.best_score:
            progress.best_score, progress.best_step = score, progress.step
            if self.fabric.is_global_zero:
                facts = {"step": progress.step, "scores": look.scores, **self.facts}
                save_tensors(self.out / "best.safetensors", self.model.state_dict(), facts=facts)
        self.model.load_state_dict(current)
        if self.journal is not None:
            left_s = progress.left_s(n_steps=self.n_steps, max_minutes=self.recipe.run.max_minutes)
            self.journal.look(progress.step, look, minutes=progress.elapsed_s / 60, left_s=left_s)
        progress.collapse.see(
            predicted_share=look.scores["predicted_share"],
            true_share=look.scores["true_share"],
            spread=look.spread,
            step=progress.step,
        )

    def _save(self) -> None:
        if not all(bool(tensor.isfinite().all()) for tensor in self.model.state_dict().values()):
            raise TrainingCollapsed(
                f"weights are no longer finite at step {self.progress.step}; the last checkpoint is kept; "
                "lower optimiser.lr or set optimiser.clip_norm"
            )
        if self.fabric.is_global_zero:
            state = pack(self.model, self.optimiser, self.ema, self.progress, self.facts)
            path = save_checkpoint(self.checkpoints, state, step=self.progress.step)
            self.event("checkpoint", step=self.progress.step, path=str(path))
        self.fabric.barrier()
