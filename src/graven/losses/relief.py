"""The total loss of relief reconstruction: semantics, depth and soft edges, with every part named."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from graven.errors import InputError
from graven.losses.cross_entropy import cross_entropy_loss
from graven.losses.silog import Silog, silog_loss
from graven.losses.soft_edges import Distance, soft_edge_loss

__all__ = ["ReliefLoss", "ReliefOutputs", "ReliefTerms", "ReliefTruth", "relief_loss", "relief_total"]


class ReliefOutputs(NamedTuple):
    """What a network answers to photographs of reliefs.

    Attributes
    ----------
    depth : Tensor of shape (N, 1, H, W), floating, 0 to 1
        Larger is nearer.
    semantics : Tensor of shape (N, K, H, W), floating
        Logits of the classes.
    edges_photo, edges_depth : Tensor of shape (N, 6, H, W), floating, or None
        Logits of the graded edges seen in the photograph and in the depth; None for a network without them.
    """

    depth: Tensor
    semantics: Tensor
    edges_photo: Tensor | None = None
    edges_depth: Tensor | None = None


class ReliefTruth(NamedTuple):
    """What is known of a relief.

    Attributes
    ----------
    depth : Tensor of shape (N, 1, H, W), floating, 0 to 1
        0 where unknown.
    semantics : Tensor of shape (N, 1, H, W), 0 to K - 1, or 255
        255 where unknown.
    edges : Tensor of shape (N, 1, H, W), 0 to 5, or 255
        255 where unknown.
    """

    depth: Tensor
    semantics: Tensor
    edges: Tensor


class ReliefTerms(NamedTuple):
    """The loss and its parts, all scalars."""

    total: Tensor
    semantics: Tensor
    depth: Tensor
    edges: Tensor


UNKNOWN = 255


def relief_loss(
    outputs: ReliefOutputs,
    truth: ReliefTruth,
    *,
    weights: tuple[float, float, float] = (1.0, 3.0, 5.0),
    lambda_depth: float = 0.15,
    variant: Silog = "printed",
    edge_weights: tuple[float, float, float] = (1.0, 0.5, 0.05),
    lambda_edge: float = 0.2,
    distance: Distance = "expected",
    steepness: float = 2.5,
) -> ReliefTerms:
    r"""Add up what semantics, depth and edges cost.

    .. math:: L = \alpha L_{sem} + \beta L_{depth} + \gamma L_{edge}

    Parameters
    ----------
    outputs : ReliefOutputs
        Of the network.
    truth : ReliefTruth
        What it should be.
    weights : (float, float, float), >= 0
        :math:`\alpha, \beta, \gamma`.
    lambda_depth, variant
        As in `graven.losses.silog.silog_loss`.
    edge_weights, lambda_edge, distance, steepness
        As in `graven.losses.soft_edges.soft_edge_loss`.

    Returns
    -------
    ReliefTerms
        Total and parts; edges are 0 for a network without them.

    Raises
    ------
    MismatchError, InputError
        As in the parts, or if only one of two edge maps is there.

    References
    ----------
    .. [1] Reconstructing reliefs from old photographs, eqs. (1) to (11).
    """
    known = truth.depth > 0
    semantics = cross_entropy_loss(outputs.semantics, truth.semantics, valid=truth.semantics != UNKNOWN)
    depth = silog_loss(outputs.depth, truth.depth, valid=known, lambda_depth=lambda_depth, variant=variant)
    if (outputs.edges_photo is None) != (outputs.edges_depth is None):
        raise InputError("a network has two edge detectors or none, got one")
    edges = torch.zeros_like(depth)
    if outputs.edges_photo is not None and outputs.edges_depth is not None:
        edges = soft_edge_loss(
            outputs.edges_photo,
            outputs.edges_depth,
            truth.edges,
            _depth_error(outputs.depth, truth.depth, known),
            valid=truth.edges != UNKNOWN,
            weights=edge_weights,
            lambda_edge=lambda_edge,
            distance=distance,
            steepness=steepness,
        )
    total = relief_total(semantics, depth, edges, weights=weights)
    return ReliefTerms(total, semantics.detach(), depth.detach(), edges.detach())


def relief_total(
    semantics: Tensor, depth: Tensor, edges: Tensor, *, weights: tuple[float, float, float] = (1.0, 3.0, 5.0)
) -> Tensor:
    r"""Weigh the three parts: :math:`\alpha L_{sem} + \beta L_{depth} + \gamma L_{edge}`, eq. (1).

    Parameters
    ----------
    semantics, depth, edges : Tensor, scalar
        The parts.
    weights : (float, float, float), >= 0
        Of the parts.

    Returns
    -------
    Tensor, scalar
        The total.

    Examples
    --------
    >>> round(float(relief_total(torch.tensor(0.9), torch.tensor(0.04), torch.tensor(0.7))), 6)
    4.52
    """
    return weights[0] * semantics + weights[1] * depth + weights[2] * edges


def _depth_error(preds: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Give the mean absolute error over the batch; the whole range where nothing is known, so that edges wait."""
    if not bool(known.any()):
        return preds.new_ones(())
    return (preds.detach() - target).abs()[known].mean()


class ReliefLoss(nn.Module):
    """Thin module around `relief_loss`; the parameters are those of the function."""

    def __init__(
        self,
        *,
        weights: tuple[float, float, float] = (1.0, 3.0, 5.0),
        lambda_depth: float = 0.15,
        variant: Silog = "printed",
        edge_weights: tuple[float, float, float] = (1.0, 0.5, 0.05),
        lambda_edge: float = 0.2,
        distance: Distance = "expected",
        steepness: float = 2.5,
    ) -> None:
        super().__init__()
        self.weights, self.lambda_depth, self.variant = weights, lambda_depth, variant
        self.edge_weights, self.lambda_edge, self.distance = edge_weights, lambda_edge, distance
        self.steepness = steepness

    def forward(self, outputs: ReliefOutputs, truth: ReliefTruth) -> ReliefTerms:
        """Return `relief_loss` with its parts."""
        return relief_loss(
            outputs,
            truth,
            weights=self.weights,
            lambda_depth=self.lambda_depth,
            variant=self.variant,
            edge_weights=self.edge_weights,
            lambda_edge=self.lambda_edge,
            distance=self.distance,
            steepness=self.steepness,
        )
