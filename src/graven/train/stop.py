"""Reasons to end a run: a signal, the clock, no progress, or a collapse, which is explained."""

from __future__ import annotations

import math
import signal
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from graven.errors import TrainingCollapsed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType, TracebackType

    from graven.train.dataset import CropSource

__all__ = ["Collapse", "SignalFlag", "check_foreground", "check_loss"]

TRIES = 64
MIN_SPREAD = 1e-4


class SignalFlag:
    """Remember Ctrl-C and SIGTERM instead of dying, so that the loop can save first; a second Ctrl-C ends at once.

    Attributes
    ----------
    name : str or None
        The signal that came.
    """

    def __init__(self) -> None:
        self.name: str | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.name is not None:
            raise KeyboardInterrupt
        self.name = signal.Signals(number).name


def check_foreground(source: CropSource) -> None:
    """Refuse data from which nothing can be learnt: no foreground, or nothing else.

    Parameters
    ----------
    source : CropSource
        The first 64 crops of epoch 0 are looked at, spread over the panels.

    Raises
    ------
    TrainingCollapsed
        With the reason.
    """
    n = len(source.panels)
    if not source.has_foreground:
        raise TrainingCollapsed(
            f"none of the {n} training panels holds a foreground pixel; check that the masks are 0 and 255 "
            "(or 0 and 1) and belong to the images"
        )
    filled, known = 0, 0
    for index in range(TRIES):
        sample = source.crop(epoch=0, index=index, panel=index % n)
        filled += int(np.count_nonzero(sample.target[sample.valid]))
        known += int(sample.valid.sum())
    if known == 0:
        raise TrainingCollapsed(f"no valid pixel in {TRIES} training crops; check the valid masks")
    if filled == 0:
        raise TrainingCollapsed(
            f"no foreground in {TRIES} training crops although the panels have some; "
            "raise data.positive_share or data.crop_px"
        )
    if filled == known:
        raise TrainingCollapsed(f"all pixels of {TRIES} training crops are foreground; the masks may be inverted")


def check_loss(loss: float, *, step: int, epoch: int, origins: Sequence[str]) -> None:
    """Stop at a loss that is not a number, and say which crops gave it.

    Raises
    ------
    TrainingCollapsed
        If the loss is NaN or infinite.
    """
    if not math.isfinite(loss):
        raise TrainingCollapsed(
            f"the loss became {loss} at step {step} (epoch {epoch}) on the crops {', '.join(origins)}; the last "
            "checkpoint is kept; look at these crops, lower optimiser.lr or set optimiser.clip_norm"
        )


@dataclass
class Collapse:
    """Watch validations for predictions that have become constant.

    Attributes
    ----------
    after : int
        Stop after so many in a row.
    reason : str
        The present kind of collapse; empty while all is well.
    n : int
        How many validations in a row showed it.
    """

    after: int
    reason: str = ""
    n: int = field(default=0)

    def see(self, *, predicted_share: float, true_share: float, spread: float, step: int) -> None:
        """Take the facts of a validation.

        Parameters
        ----------
        predicted_share, true_share : float, 0 to 1
            Foreground in prediction and truth.
        spread : float
            Standard deviation of all probabilities.
        step : int
            For the message.

        Raises
        ------
        TrainingCollapsed
            When the same collapse has been seen `after` times in a row.
        """
        reason = ""
        if spread < MIN_SPREAD:
            reason = (
                "the network answers the same everywhere whatever it sees; lower optimiser.lr, "
                "check data.batch_size with batch normalisation, or start from another run.seed"
            )
        elif predicted_share == 0 and true_share > 0:
            reason = (
                f"nothing is predicted although {true_share:.2%} of the truth is foreground; use a loss that balances "
                "the classes (begl, bce, dice) or raise data.positive_share"
            )
        elif predicted_share == 1 and true_share < 1:
            reason = (
                f"everything is predicted as foreground although only {true_share:.2%} of the truth is; lower "
                "data.positive_share or the weight of the foreground in the loss"
            )
        self.n = self.n + 1 if reason and reason[:20] == self.reason[:20] else int(bool(reason))
        self.reason = reason
        if self.n >= self.after:
            raise TrainingCollapsed(f"stopped at step {step} after {self.n} validations in a row: {reason}")
