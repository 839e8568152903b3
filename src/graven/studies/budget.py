"""How long a study trains what it compares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from graven.train.augment import Augment
    from graven.train.recipe import Schedule

__all__ = ["Budget"]


@dataclass(frozen=True, slots=True)
class Budget:
    """How long and with what a network is trained; equal for all runs that are compared.

    Attributes
    ----------
    crop_px : int, pixels
        Side of the crops.
    batch_size, crops_per_epoch, epochs : int
        No run stops early.
    lr : float
        Highest rate of the optimiser.
    schedule : Schedule
        How it falls.
    augment : Augment
        How crops are changed.
    positive_share : float or None
        Share of crops that are cut around damage.
    optimiser : {"adam", "adamw"}
        Which.
    ema_decay : float or None
        Judge a running mean of the weights with this decay.
    """

    crop_px: int
    batch_size: int
    crops_per_epoch: int
    epochs: int
    lr: float
    schedule: Schedule
    augment: Augment
    positive_share: float | None = 0.5
    optimiser: Literal["adam", "adamw"] = "adam"
    ema_decay: float | None = None

    @property
    def steps(self) -> int:
        """Updates of a run."""
        return self.crops_per_epoch // self.batch_size * self.epochs
