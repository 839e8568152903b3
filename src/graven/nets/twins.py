"""Two networks of one kind that start apart: each can teach the other, and together they answer by their mean."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["Twins"]


class Twins(nn.Module):
    """Two segmenters side by side.

    Parameters
    ----------
    first, second : nn.Module
        Networks of one kind with weights of their own.

    Attributes
    ----------
    multiple : int, pixels
        As of the networks.
    """

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second
        self.multiple = first.multiple

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of each, (N, K, H, W), for standardised images (N, C, H, W)."""
        return self.first(x), self.second(x)

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean of their logits, (N, K, H, W)."""
        first, second = self.both(x)
        return (first + second) / 2
