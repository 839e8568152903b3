"""Losses of graded soft edges: how sure a class is, how far the expected class is off, and whether two maps agree."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from graven.errors import InputError, MismatchError
from graven.losses.classes import ClassPixels, class_pixels, pixel_mean

__all__ = ["Distance", "edge_class_loss", "edge_match_loss", "expected_class", "matching_weight", "soft_edge_loss"]

Distance = Literal["expected", "argmax"]


def expected_class(logits: Tensor) -> Tensor:
    r"""Give the mean class :math:`\sum_k k\,p_k` of each pixel.

    Parameters
    ----------
    logits : Tensor of shape (N, K, H, W), floating
        Before the softmax, which is taken in float32 or float64.

    Returns
    -------
    Tensor of shape (N, 1, H, W), float32 or float64, 0 to K - 1
        Divided by ``K - 1``, it is the edge map that an encoder takes.

    Examples
    --------
    >>> expected_class(torch.zeros(1, 6, 1, 1)).item()
    2.5
    """
    dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
    with torch.autocast(device_type=logits.device.type, enabled=False):
        return _mean_class(functional.softmax(logits.to(dtype), dim=1))


def edge_class_loss(
    logits: Tensor,
    target: Tensor,
    *,
    valid: Tensor | None = None,
    lambda_edge: float = 0.2,
    distance: Distance = "expected",
) -> Tensor:
    r"""Cross entropy of the true class, and how many classes the answer is off.

    .. math:: l = \frac1n\sum_i\Bigl(-\log p_{i,c_i^*} + \lambda_e\,\bigl|\sum_k k\,p_{ik} - c_i^*\bigr|\Bigr)

    Printed, the cross entropy takes the logarithm of the truth, which is :math:`-\infty` for a wrong class: the roles
    are swapped here. The printed distance compares the most probable class, which has no gradient; it can be chosen.

    Parameters
    ----------
    logits : Tensor of shape (N, K, H, W), floating
        Before the softmax over the graded classes.
    target : Tensor of shape (N, 1, H, W) or (N, H, W), 0 to K - 1
        True class.
    valid : Tensor of shape (N, 1, H, W) or (N, H, W), bool, optional
        Invalid pixels are left out.
    lambda_edge : float, >= 0
        Weight of the distance.
    distance : {"expected", "argmax"}
        Which class is compared with the true one.

    Returns
    -------
    Tensor, scalar, float32 or float64
        The loss, 0 or more.

    Raises
    ------
    MismatchError
        If shapes differ.
    InputError
        If `lambda_edge` is negative, the distance is unknown, or a valid pixel holds no class number.

    References
    ----------
    .. [1] Reconstructing reliefs from old photographs, eqs. (10) and (11).

    Examples
    --------
    >>> probs = torch.tensor([0.7, 0.2, 0.1]).reshape(1, 3, 1, 1)
    >>> round(float(edge_class_loss(probs.log(), torch.zeros(1, 1, 1, 1))), 6)
    0.436675
    """
    with torch.autocast(device_type=logits.device.type, enabled=False):
        return _edge_class_term(class_pixels(logits, target, valid), lambda_edge=lambda_edge, distance=distance)


def edge_match_loss(logits_photo: Tensor, logits_depth: Tensor, *, valid: Tensor | None = None) -> Tensor:
    """Mean distance of the expected classes that two detectors give, one seeing the photograph, one the depth.

    Parameters
    ----------
    logits_photo, logits_depth : Tensor of shape (N, K, H, W), floating
        Of the two detectors; both receive gradients.
    valid : Tensor of shape (N, 1, H, W), bool, optional
        Invalid pixels are left out.

    Returns
    -------
    Tensor, scalar, float32 or float64
        In classes, 0 to K - 1.

    Raises
    ------
    MismatchError
        If shapes differ.

    References
    ----------
    .. [1] Reconstructing reliefs from old photographs, eq. (7); maps are read as expected classes.
    """
    if logits_photo.shape != logits_depth.shape:
        raise MismatchError(
            f"the detectors answered in shapes {tuple(logits_photo.shape)} and {tuple(logits_depth.shape)}; "
            "bring both to one grid"
        )
    apart = (expected_class(logits_photo) - expected_class(logits_depth)).abs()
    if valid is None:
        return apart.mean()
    keep = valid.to(torch.bool)
    if keep.shape != apart.shape:
        raise MismatchError(f"valid has shape {tuple(keep.shape)}, expected {tuple(apart.shape)}")
    return pixel_mean(torch.where(keep, apart, torch.zeros_like(apart)), keep.to(apart.dtype))


def matching_weight(depth_error: Tensor | float, *, steepness: float = 2.5) -> Tensor:
    r"""Weight of the edges that are read from depth: little while depth is bad.

    .. math:: k = 1 - \tanh^2(2.5\,\bar d)

    Parameters
    ----------
    depth_error : Tensor, scalar, or float, 0 to 1
        Mean absolute error of the depth in [0, 1].
    steepness : float, >= 0
        2.5 as printed; 0 makes *k* 1, as in the ablation.

    Returns
    -------
    Tensor, scalar
        Without gradient: it is a weight. With one, the edge loss could be lowered by making depth worse.

    References
    ----------
    .. [1] Reconstructing reliefs from old photographs, eqs. (8) and (9).

    Examples
    --------
    >>> round(float(matching_weight(0.2)), 6)
    0.786448
    """
    error = torch.as_tensor(depth_error, dtype=None if isinstance(depth_error, Tensor) else torch.float64).detach()
    return 1 - torch.tanh(steepness * error) ** 2


def soft_edge_loss(
    logits_photo: Tensor,
    logits_depth: Tensor,
    target: Tensor,
    depth_error: Tensor | float,
    *,
    valid: Tensor | None = None,
    weights: tuple[float, float, float] = (1.0, 0.5, 0.05),
    lambda_edge: float = 0.2,
    distance: Distance = "expected",
    steepness: float = 2.5,
) -> Tensor:
    r"""All of the edge loss: the photograph's edges, and as far as depth can be trusted, the depth's and the match.

    .. math:: L_{edge} = \lambda_1 L_r + k\,(\lambda_2 L_d + \lambda_3 L_m)

    Parameters
    ----------
    logits_photo, logits_depth : Tensor of shape (N, K, H, W), floating
        Of the two detectors.
    target : Tensor of shape (N, 1, H, W) or (N, H, W), 0 to K - 1
        True classes.
    depth_error : Tensor, scalar, or float, 0 to 1
        Mean absolute error of the depth; see `matching_weight`.
    valid : Tensor of shape (N, 1, H, W), bool, optional
        Invalid pixels are left out.
    weights : (float, float, float), >= 0
        :math:`\lambda_1, \lambda_2, \lambda_3`.
    lambda_edge, distance
        As in `edge_class_loss`.
    steepness : float
        As in `matching_weight`.

    Returns
    -------
    Tensor, scalar, float32 or float64
        The loss, 0 or more.

    Raises
    ------
    MismatchError, InputError
        As in `edge_class_loss` and `edge_match_loss`, or if a weight is negative.

    References
    ----------
    .. [1] Reconstructing reliefs from old photographs, eqs. (5) to (9).
    """
    if min(weights) < 0:
        raise InputError(f"weights of the edge loss must be 0 or more, got {weights}")
    photo, depth = (
        edge_class_loss(logits, target, valid=valid, lambda_edge=lambda_edge, distance=distance)
        for logits in (logits_photo, logits_depth)
    )
    match = edge_match_loss(logits_photo, logits_depth, valid=valid)
    k = matching_weight(depth_error, steepness=steepness).to(photo.dtype)
    return weights[0] * photo + k * (weights[1] * depth + weights[2] * match)


def _edge_class_term(pixels: ClassPixels, *, lambda_edge: float, distance: Distance) -> Tensor:
    if not lambda_edge >= 0 or distance not in ("expected", "argmax"):
        raise InputError(
            f"lambda_edge must be 0 or more and distance expected or argmax, got {lambda_edge}, {distance!r}"
        )
    if distance == "expected":
        answer = _mean_class(pixels.log_probs.exp())
    else:
        answer = pixels.log_probs.argmax(dim=1, keepdim=True).to(pixels.log_probs.dtype)
    off = (answer - pixels.classes).abs()
    return pixel_mean(lambda_edge * off - pixels.true_log_probs(), pixels.weight)


def _mean_class(probs: Tensor) -> Tensor:
    numbers = torch.arange(probs.shape[1], dtype=probs.dtype, device=probs.device)
    return (probs * numbers.reshape(1, -1, 1, 1)).sum(dim=1, keepdim=True)
