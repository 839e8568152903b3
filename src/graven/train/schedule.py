"""Learning rates as pure functions of a step count: no object keeps state, so resuming needs the step alone."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING

from graven.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SCHEDULES", "constant", "cosine", "one_cycle", "plateau", "rate_at", "time_decay", "warm_cosine"]


PATIENCE = 5.0
"""Validations without a gain after which the next one lowers the rate of `plateau`."""


def constant(step: float, *, lr: float) -> float:
    """Return `lr` at every step.

    Examples
    --------
    >>> constant(7, lr=0.1)
    0.1
    """
    del step
    return lr


def time_decay(step: float, *, lr: float, decay: float = 1e-6) -> float:
    """Time-based decay ``lr / (1 + decay * step)`` of the petroglyph paper [1]_.

    Parameters
    ----------
    step : float, >= 0
        Updates (or epochs: the published numbers allow both readings) done so far.
    lr : float, > 0
        Rate at step 0.
    decay : float, >= 0
        Decay per step.

    Returns
    -------
    float
        The rate.

    References
    ----------
    .. [1] Petroglyph segmentation with BEGL-UNet, section on training: "weight decay of 1e-6 after each epoch", read as
       the ``decay`` argument of the Keras optimisers of that time.

    Examples
    --------
    >>> time_decay(1_000_000, lr=1e-4)
    5e-05
    """
    return lr / (1.0 + decay * step)


def cosine(step: float, *, lr: float, total: float, lr_min: float = 0.0, warmup: float = 0.0) -> float:
    """Cosine annealing from `lr` to `lr_min`, after a linear warm-up from 0.

    Parameters
    ----------
    step : float, >= 0
        Updates done so far; beyond `total` the rate stays at `lr_min`.
    lr : float, > 0
        Highest rate.
    total : float, > 0
        Length of the whole schedule, warm-up included.
    lr_min : float, >= 0
        Rate at the end.
    warmup : float, >= 0, below `total`
        Length of the warm-up; the rate of step 0 is then ``lr / (warmup + 1)`` and not 0.

    Returns
    -------
    float
        The rate.

    Examples
    --------
    >>> cosine(50, lr=1.0, total=100)
    0.5
    """
    if step < warmup:
        return lr * (step + 1.0) / (warmup + 1.0)
    progress = min(1.0, (step - warmup) / (total - warmup))
    return lr_min + 0.5 * (lr - lr_min) * (1.0 + math.cos(math.pi * progress))


def warm_cosine(
    step: float, *, lr: float, total: float, lr_min: float, lr_start: float, warmup: float = 3, flat: float = 5
) -> float:
    """Quadratic warm-up, cosine, flat end: the schedule of the code base behind the craquelure paper.

    Parameters
    ----------
    step : float, >= 0
        Epochs (or updates) done so far.
    lr : float, > 0
        Highest rate, reached after `warmup`.
    total : float, > 0
        Length of the whole schedule.
    lr_min : float, >= 0
        Rate of the last `flat` steps.
    lr_start : float, >= 0
        Rate of step 0.
    warmup, flat : float, >= 0
        Lengths of the first and the last part.

    Returns
    -------
    float
        The rate.

    Examples
    --------
    >>> warm_cosine(2, lr=1e-4, total=100, lr_min=1e-6, lr_start=1e-5)
    5e-05
    """
    if step <= warmup and warmup > 0:
        return (lr - lr_start) * (step / warmup) ** 2 + lr_start
    if step >= total - flat:
        return lr_min
    progress = (step - warmup) / (total - warmup - flat)
    return lr_min + 0.5 * (lr - lr_min) * (1.0 + math.cos(math.pi * progress))


def one_cycle(
    step: float, *, lr: float, total: float, warmup_share: float = 0.2, div: float = 25.0, final_div: float = 1e4
) -> float:
    """One cycle with cosine flanks: up from ``lr / div`` to `lr`, down to ``lr / div / final_div`` [1]_.

    Parameters
    ----------
    step : float, >= 0
        Updates done so far; beyond ``total - 1`` the rate stays at its end.
    lr : float, > 0
        Highest rate, at step ``warmup_share * total - 1``.
    total : float, > 1
        Number of steps.
    warmup_share : float, 0 to 1
        Share of the rising flank.
    div, final_div : float, > 0
        Divisors of the first and the last rate.

    Returns
    -------
    float
        The rate.

    References
    ----------
    .. [1] Smith & Topin, Super-Convergence, 2018, with the step counting of PyTorch's ``OneCycleLR``.

    Examples
    --------
    >>> one_cycle(19, lr=0.01, total=100)
    0.01
    """
    start, end = lr / div, lr / div / final_div
    peak, last = warmup_share * total - 1.0, total - 1.0
    if step <= peak:
        return _cosine_between(start, lr, step / peak)
    return _cosine_between(lr, end, min(1.0, (step - peak) / (last - peak)))


def plateau(
    step: float,
    *,
    lr: float,
    factor: float = 0.5,
    patience: float = PATIENCE,
    lr_min: float = 0.0,
    min_gain: float = 0.0,
) -> float:
    """Lower the rate each time that validation has stopped getting better.

    Parameters
    ----------
    step : float, >= 0
        Here how often that was so far; the training loop counts it.
    lr : float, > 0
        Rate at first.
    factor : float, 0 to 1
        What the rate is multiplied by at each drop.
    patience : float, >= 0
        The rate drops at the first validation without a gain after so many others without one, as with PyTorch's
        ``ReduceLROnPlateau``.
    lr_min : float, >= 0
        The rate stays at or above it.
    min_gain : float, >= 0
        By how much a score must be better than the last gain to be one; that of the early stop (``run.min_gain``) is
        another.

    Returns
    -------
    float
        The rate.

    Examples
    --------
    >>> plateau(2, lr=3e-4)
    7.5e-05
    """
    del patience, min_gain  # the training loop counts
    return max(lr_min, lr * float(factor**step))


def _cosine_between(first: float, last: float, share: float) -> float:
    return last + 0.5 * (first - last) * (1.0 + math.cos(math.pi * share))


SCHEDULES: dict[str, Callable[..., float]] = {
    "constant": constant,
    "time_decay": time_decay,
    "cosine": cosine,
    "warm_cosine": warm_cosine,
    "one_cycle": one_cycle,
    "plateau": plateau,
}
"""Schedules by the name that a recipe uses."""

_NEEDS_TOTAL = frozenset({"cosine", "warm_cosine", "one_cycle"})


def rate_at(name: str, step: float, *, lr: float, total: float, options: dict[str, float]) -> float:
    """Give the learning rate of a named schedule.

    Parameters
    ----------
    name : str
        A key of `SCHEDULES`.
    step : float, >= 0
        Updates done so far.
    lr : float, > 0
        Highest rate.
    total : float, > 0
        Length of the run in the same unit as `step`; schedules without an end ignore it.
    options : dict
        Further options of the schedule; a ``total`` among them takes the place of the length of the run.

    Returns
    -------
    float
        The rate.

    Raises
    ------
    InputError
        If the name or an option is unknown, or the schedule needs an option that is not there.

    Examples
    --------
    >>> rate_at("cosine", 5, lr=1.0, total=10, options={})
    0.5
    """
    if name not in SCHEDULES:
        raise InputError(f"unknown schedule {name!r}; choose one of {', '.join(SCHEDULES)}")
    arguments = dict(options)
    if name in _NEEDS_TOTAL:
        arguments.setdefault("total", total)
    _check_options(name, arguments)
    return float(SCHEDULES[name](step, lr=lr, **arguments))


def _check_options(name: str, options: dict[str, float]) -> None:
    parameters = inspect.signature(SCHEDULES[name]).parameters
    known = {key: parameter for key, parameter in parameters.items() if key not in ("step", "lr")}
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise InputError(f"schedule {name!r} has no option {', '.join(unknown)}; it knows {', '.join(known) or 'none'}")
    missing = [key for key, parameter in known.items() if parameter.default is parameter.empty and key not in options]
    if missing:
        raise InputError(f"schedule {name!r} needs the option {', '.join(missing)}")
