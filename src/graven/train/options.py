"""Options of a training that are off unless a recipe asks for them; none of them needs PyTorch to be named."""

from __future__ import annotations

from dataclasses import dataclass

from graven.errors import InputError

__all__ = ["CrossPseudo", "Mix"]


@dataclass(frozen=True, slots=True)
class Mix:
    """How often the samples of a batch are mixed with one another; see `graven.train.mixing`.

    Attributes
    ----------
    cutmix, mixup : float, 0 to 1
        Shares of the batches; what is left to 1 stays as it is. The published code has a third of each.
    alpha : float, > 0
        Of the Beta distribution from which the shares of the two samples are drawn; 1 draws evenly.
    """

    cutmix: float = 0.0
    mixup: float = 0.0
    alpha: float = 1.0

    def __post_init__(self) -> None:
        if not (self.cutmix >= 0 and self.mixup >= 0 and self.cutmix + self.mixup <= 1):
            raise InputError(
                f"mix.cutmix and mix.mixup must be at least 0 and together at most 1, got {self.cutmix}, {self.mixup}"
            )
        if not self.alpha > 0:
            raise InputError(f"mix.alpha must be above 0, got {self.alpha}")

    @property
    def is_off(self) -> bool:
        """Whether nothing is mixed."""
        return self.cutmix == 0 and self.mixup == 0


@dataclass(frozen=True, slots=True)
class CrossPseudo:
    """Two networks, each taught by the other on images without truth; see `graven.train.twins`.

    Attributes
    ----------
    weight : float, > 0
        Of what they teach each other, beside the loss on images with truth. The predecessor of the refinement paper has
        1, the paper on the method 1.5.
    """

    weight: float = 1.5

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise InputError(f"cps.weight must be above 0, got {self.weight}; leave cps out to train one network")
