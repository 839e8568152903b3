"""All that changes while a run goes on, taken apart for a checkpoint and put back bit for bit.

Order and augmentation of the crops are functions of seed, epoch and index, so the step stands for them; the generators
of torch are kept because dropout draws from them. Nothing else in graven draws from a global generator.
"""

from __future__ import annotations

import math
import platform
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from graven.errors import MismatchError
from graven.train.stop import Collapse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graven.train.recipe import Schedule
    from graven.train.task import Standardised

__all__ = ["Ema", "Progress", "build_optimiser", "pack", "unpack"]


@dataclass
class Progress:
    """Where a run stands.

    Attributes
    ----------
    step : int
        Updates done.
    elapsed_s : float, seconds
        Time spent, earlier parts of a resumed run included.
    best_score : float
        Best validation score so far; minus infinity before the first.
    best_step : int
        When it was reached.
    n_without_gain : int
        Validations since one that was better by ``run.min_gain`` at least.
    gained_score : float
        The score of that one.
    plateau_score : float
        The same for a schedule that follows a plateau, which has a gain of its own.
    n_waiting, n_drops : int
        Of that schedule: validations without a gain since the last one or the last drop of the rate, and drops.
    validated : int
        Update after which the last validation ran; 0 before the first, and in checkpoints that do not tell.
    collapse : Collapse
        The watch over constant predictions.
    """

    collapse: Collapse
    step: int = 0
    elapsed_s: float = 0.0
    best_score: float = field(default=float("-inf"))
    best_step: int = 0
    n_without_gain: int = 0
    gained_score: float = field(default=float("-inf"))
    plateau_score: float = field(default=float("-inf"))
    n_waiting: int = 0
    n_drops: int = 0
    validated: int = 0

    def count(self, score: float, *, min_gain: float, schedule: Schedule) -> None:
        """Count a validation as a gain or not, for the end of the run and for a schedule that follows a plateau.

        The two are counted apart: small gains may be too small to go on for, and still no reason to lower the rate.

        Parameters
        ----------
        score : float
            Larger is better.
        min_gain : float, >= 0
            By how much it must be better than the last gain for the run to go on.
        schedule : Schedule
            With the patience after which the rate drops, and the ``min_gain`` that counts for it.
        """
        self.n_without_gain += 1
        if score > self.gained_score + min_gain:
            self.gained_score, self.n_without_gain = score, 0
        self.n_waiting += 1
        if score > self.plateau_score + schedule.options.get("min_gain", 0.0):
            self.plateau_score, self.n_waiting = score, 0
        if self.n_waiting > schedule.patience:
            self.n_waiting = 0
            self.n_drops += 1

    def left_s(self, *, n_steps: float, max_minutes: float | None) -> float:
        """Tell how long the run can still take at its present pace.

        Parameters
        ----------
        n_steps : float
            Updates at the most; infinite where nothing limits them.
        max_minutes : float, minutes, or None
            Time at the most.

        Returns
        -------
        float, seconds, >= 0
            To the nearer limit; infinite before the first update if only updates are limited.
        """
        by_time = math.inf if max_minutes is None else 60 * max_minutes - self.elapsed_s
        by_steps = (n_steps - self.step) * self.elapsed_s / self.step if self.step else math.inf
        return max(0.0, min(by_time, by_steps))


class Ema:
    """Running mean of the weights, corrected for its start: the mean of the first steps is a plain one.

    Parameters
    ----------
    model : Standardised
        The network; buffers are copied, not averaged, except those of batch normalisation, which are floats as well.
    decay : float, 0 to 1
        Share that stays at each step once ``(1 + n) / (10 + n)`` has grown beyond it.
    """

    def __init__(self, model: Standardised, *, decay: float) -> None:
        self.decay = decay
        self.n = 0
        self.tensors = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: Standardised) -> None:
        """Take the weights after an update into the mean."""
        self.n += 1
        weight = 1 - min(self.decay, (1 + self.n) / (10 + self.n))
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                self.tensors[name].lerp_(tensor, weight)
            else:
                self.tensors[name].copy_(tensor)


def build_optimiser(model: torch.nn.Module, *, name: str, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """Build an optimiser that decays convolution and linear weights only.

    Parameters
    ----------
    model : nn.Module
        What is trained.
    name : {"adam", "adamw", "sgd"}
        Which.
    lr : float, > 0
        Set anew by the schedule before each step.
    weight_decay : float, >= 0
        For tensors of two or more axes.

    Returns
    -------
    torch.optim.Optimizer
        With the fused implementation.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if name == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=True, fused=True)
    kind = torch.optim.Adam if name == "adam" else torch.optim.AdamW
    return kind(groups, lr=lr, fused=True)


def pack(
    model: Standardised, optimiser: torch.optim.Optimizer, ema: Ema | None, progress: Progress, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Gather the state of a run.

    Parameters
    ----------
    model, optimiser, ema, progress
        What changes during the run.
    facts : mapping of str to text or numbers
        What must be the same when it resumes: hashes of recipe and data, thread count.

    Returns
    -------
    dict
        For `graven.train.checkpoint.save_checkpoint`.
    """
    generators: dict[str, Tensor] = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        generators |= {f"cuda:{i}": state for i, state in enumerate(torch.cuda.get_rng_state_all())}
    return {
        "model": dict(model.state_dict()),
        "ema": None if ema is None else {"n": ema.n, "tensors": dict(ema.tensors)},
        "optimiser": optimiser.state_dict(),
        "generators": generators,
        "progress": asdict(progress),
        "facts": dict(facts),
        "versions": {"torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()},
    }


def unpack(
    state: Mapping[str, Any], model: Standardised, optimiser: torch.optim.Optimizer, ema: Ema | None
) -> Progress:
    """Put a state back.

    Parameters
    ----------
    state : mapping
        From `pack`, by way of a checkpoint.
    model, optimiser, ema
        Built anew from the recipe; changed in place.

    Returns
    -------
    Progress
        Where the run stood.

    Raises
    ------
    MismatchError
        If the network differs, or one side has a running mean and the other has not.
    """
    try:
        model.load_state_dict(state["model"])
    except RuntimeError as error:
        first_line = str(error).splitlines()[0]
        raise MismatchError(f"the checkpoint belongs to another network: {first_line}") from error
    if (ema is None) != (state["ema"] is None):
        raise MismatchError("recipe and checkpoint disagree on optimiser.ema_decay; use the recipe of the run")
    if ema is not None:
        ema.n = state["ema"]["n"]
        for name, tensor in state["ema"]["tensors"].items():
            ema.tensors[name].copy_(tensor)
    optimiser.load_state_dict(state["optimiser"])
    _match_layout(optimiser)
    torch.set_rng_state(state["generators"]["cpu"])
    for name, generator in state["generators"].items():
        if name != "cpu" and torch.cuda.is_available():
            torch.cuda.set_rng_state(generator, name)
    progress = dict(state["progress"])
    progress.setdefault("gained_score", progress["best_score"])  # older checkpoints: every gain counted
    progress.setdefault("plateau_score", progress["gained_score"])  # and counted for the schedule as well
    return Progress(collapse=Collapse(**progress.pop("collapse")), **progress)


def _match_layout(optimiser: torch.optim.Optimizer) -> None:
    """Give the moments the memory layout of their weights: fused kernels walk both in order of memory."""
    for parameter, moments in optimiser.state.items():
        for name, tensor in moments.items():
            if isinstance(tensor, Tensor) and tensor.shape == parameter.shape:
                moments[name] = torch.empty_like(parameter, memory_format=torch.preserve_format).copy_(tensor)
