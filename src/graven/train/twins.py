"""Cross pseudo supervision: two networks learn from images with truth, and each from the other on images without.

They start from weights of their own and see the same crops. On crops without truth each is taught by the other's hard
answer (`graven.losses.cross_pseudo`). Validation and prediction take the mean of their logits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graven.errors import InputError
from graven.losses.cross_pseudo import cross_pseudo_loss
from graven.nets.twins import Twins

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from graven.train.task import Batch, ClassTask, SegmentTask, Standardised

__all__ = ["TwinTask"]


@dataclass(frozen=True)
class TwinTask:
    """A task asked of two networks.

    Attributes
    ----------
    inner : SegmentTask or ClassTask
        Loss and scores of one.
    weight : float, > 0
        Of what they teach each other.
    """

    inner: SegmentTask | ClassTask
    weight: float

    @property
    def score_name(self) -> str:
        """Score by which the best weights are chosen, of both together."""
        return self.inner.score_name

    def outputs(self, model: Standardised, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the loss and the mean logits of a batch with truth.

        Parameters
        ----------
        model : Standardised
            Around `graven.nets.twins.Twins`.
        batch : Batch
            With crops without truth in `Batch.beside` while it trains; in a validation with none.

        Returns
        -------
        loss : Tensor, scalar
            Sum over both networks, and the weighted loss of what they teach each other.
        logits : Tensor of shape (N, K, H, W)
            Mean of both.
        """
        net = model.net
        if not isinstance(net, Twins):
            raise InputError(f"cross pseudo supervision needs two networks, got one {type(net).__name__}")
        first, second = net.both((batch.image - model.mean) / model.std)
        loss = self.inner.loss(first, batch) + self.inner.loss(second, batch)
        if batch.beside is not None:
            image, valid = batch.beside
            loss = loss + self.weight * cross_pseudo_loss(*net.both((image - model.mean) / model.std), valid=valid)
        return loss, (first + second) / 2

    def judge(self, probs: NDArray[np.float32], batch: Batch) -> NDArray[np.float64]:
        """Return the rows of `inner`."""
        return self.inner.judge(probs, batch)

    def scores(self, rows: NDArray[np.float64]) -> dict[str, float]:
        """Return the scores of `inner`."""
        return self.inner.scores(rows)
