"""The losses of reliefs: vectors D-*, gradients, and what must not have one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.autograd import gradcheck

from graven.errors import InputError, MismatchError
from graven.losses.relief import ReliefLoss, ReliefOutputs, ReliefTruth, relief_loss, relief_total
from graven.losses.silog import silog_loss
from graven.losses.soft_edges import (
    edge_class_loss,
    edge_match_loss,
    expected_class,
    matching_weight,
    soft_edge_loss,
)

Vectors = dict[str, dict[str, Any]]


def _row(values: Any) -> torch.Tensor:
    """Pixels of one row, (1, 1, 1, W), float64."""
    return torch.as_tensor(values, dtype=torch.float64).reshape(1, 1, 1, -1)


def _logits(probabilities: Any) -> torch.Tensor:
    """Pixels with their class probabilities as logits, (1, K, 1, W); a probability of 0 becomes e^-800."""
    probs = torch.as_tensor(probabilities, dtype=torch.float64)
    return probs.log().clamp(min=-800).T.reshape(1, probs.shape[1], 1, probs.shape[0])


@pytest.mark.parametrize("name", ["D-SILOG-1", "D-SILOG-2"])
def test_d_silog(vectors: Vectors, name: str) -> None:
    entry = vectors[name]
    preds, target = _row(entry["inputs"]["pred"]), _row(entry["inputs"]["gt"])
    for key, share in (("loss_lambda_0_15", 0.15), ("loss_lambda_0_85", 0.85), ("loss_lambda_1", 1.0)):
        got = silog_loss(preds, target, lambda_depth=share)
        assert float(got) == pytest.approx(entry["expected"][key], abs=entry["tolerance"])


def test_d_silog_variants(vectors: Vectors) -> None:
    entry = vectors["D-SILOG-3"]
    preds, target = _row(entry["inputs"]["pred"]), _row(entry["inputs"]["gt"])
    assert float(silog_loss(preds, target)) == pytest.approx(entry["expected"]["printed"], abs=entry["tolerance"])
    common = silog_loss(preds, target, variant="common")
    assert float(common) == pytest.approx(entry["expected"]["common_variant"], abs=entry["tolerance"])


def test_d_edge_1(vectors: Vectors) -> None:
    entry = vectors["D-EDGE-1"]
    want, tol = entry["expected"], entry["tolerance"]
    logits, labels = _logits(entry["inputs"]["probabilities"]), _row(entry["inputs"]["labels"])
    assert expected_class(logits).flatten().tolist() == pytest.approx(want["expected_class"], abs=tol)
    alone = float(edge_class_loss(logits, labels, lambda_edge=0.0))
    assert alone == pytest.approx(want["ce"], abs=tol)
    weight = entry["inputs"]["lambda_e"]
    assert float(edge_class_loss(logits, labels, lambda_edge=weight)) == pytest.approx(want["loss"], abs=tol)
    printed = float(edge_class_loss(logits, labels, lambda_edge=1.0, distance="argmax"))
    assert printed - alone == pytest.approx(want["l1_argmax"], abs=tol)


def test_d_edge_2(vectors: Vectors) -> None:
    entry = vectors["D-EDGE-2"]
    inputs, want, tol = entry["inputs"], entry["expected"], entry["tolerance"]
    photo, depth = _logits(inputs["probabilities_image"]), _logits(inputs["probabilities_depth"])
    labels = _row(inputs["labels"])
    assert float(edge_class_loss(photo, labels)) == pytest.approx(want["L_r"], abs=tol)
    assert float(edge_class_loss(depth, labels)) == pytest.approx(want["L_d"], abs=tol)
    assert float(edge_match_loss(photo, depth)) == pytest.approx(want["L_m"], abs=tol)
    got = soft_edge_loss(photo, depth, labels, inputs["depth_mae"])
    assert float(got) == pytest.approx(want["L_edge"], abs=tol)


def test_d_k(vectors: Vectors) -> None:
    entry = vectors["D-K-1"]
    got = [float(matching_weight(error)) for error in entry["inputs"]["d"]]
    assert got == pytest.approx(entry["expected"]["k"], abs=entry["tolerance"])
    assert float(matching_weight(0.4, steepness=0.0)) == 1


def test_d_total(vectors: Vectors) -> None:
    entry = vectors["D-TOTAL-1"]
    parts = [torch.tensor(entry["inputs"][key], dtype=torch.float64) for key in ("L_semantic", "L_depth", "L_edge")]
    assert float(relief_total(*parts)) == pytest.approx(entry["expected"]["total"], abs=entry["tolerance"])
    outputs, truth = _case()
    terms = relief_loss(outputs, truth)
    assert terms.total.detach().numpy() == pytest.approx(relief_total(*terms[1:]).numpy(), rel=1e-12)


def _case(seed: int = 0) -> tuple[ReliefOutputs, ReliefTruth]:
    made = torch.Generator().manual_seed(seed)
    shape = (2, 1, 3, 4)

    def logits(n: int) -> torch.Tensor:
        return torch.randn((2, n, 3, 4), generator=made, dtype=torch.float64, requires_grad=True)

    depth = (0.1 + 0.8 * torch.rand(shape, generator=made, dtype=torch.float64)).requires_grad_()
    truth = ReliefTruth(
        0.1 + 0.8 * torch.rand(shape, generator=made, dtype=torch.float64),
        torch.randint(0, 4, shape, generator=made),
        torch.randint(0, 6, shape, generator=made),
    )
    return ReliefOutputs(depth, logits(4), logits(6), logits(6)), truth


def test_gradients() -> None:
    outputs, truth = _case()
    preds = outputs.depth
    for variant in ("printed", "common"):
        assert gradcheck(lambda d, v=variant: silog_loss(d, truth.depth, variant=v), preds)
    assert gradcheck(lambda a: edge_class_loss(a, truth.edges), outputs.edges_photo)
    assert gradcheck(lambda a, b: edge_match_loss(a, b), (outputs.edges_photo, outputs.edges_depth))
    assert gradcheck(lambda a, b: soft_edge_loss(a, b, truth.edges, 0.2), (outputs.edges_photo, outputs.edges_depth))


def test_the_weight_of_the_match_is_no_way_to_a_smaller_loss() -> None:
    """Depth must not learn to be bad so that the edges weigh less: k has no gradient."""
    outputs, truth = _case()
    terms = relief_loss(outputs, truth, weights=(0.0, 0.0, 1.0))
    terms.total.backward()
    assert outputs.depth.grad is None or not outputs.depth.grad.any()
    assert outputs.edges_photo is not None
    assert outputs.edges_photo.grad is not None
    assert outputs.edges_photo.grad.any()


def test_what_is_unknown_counts_nowhere() -> None:
    outputs, truth = _case()
    hole = torch.zeros_like(truth.depth, dtype=torch.bool)
    hole[:, :, 1] = True
    some = ReliefTruth(
        truth.depth.masked_fill(hole, 0), truth.semantics.masked_fill(hole, 255), truth.edges.masked_fill(hole, 255)
    )
    wild = ReliefOutputs(*(part.detach().masked_fill(hole, 0.7) for part in outputs))
    other = ReliefOutputs(*(part.detach().masked_fill(hole, 0.1) for part in outputs))
    for one, two in zip(relief_loss(wild, some), relief_loss(other, some), strict=True):
        assert float(one) == pytest.approx(float(two), rel=1e-12)
    nothing = ReliefTruth(
        torch.zeros_like(truth.depth), torch.full_like(truth.semantics, 255), torch.full_like(truth.edges, 255)
    )
    assert [term.item() for term in map(torch.detach, relief_loss(outputs, nothing))] == [0, 0, 0, 0]


def test_a_network_without_edges_has_no_edge_loss() -> None:
    outputs, truth = _case()
    terms = relief_loss(outputs._replace(edges_photo=None, edges_depth=None), truth)
    assert float(terms.edges) == 0
    assert float(terms.total.detach()) == pytest.approx(float(terms.semantics + 3 * terms.depth))
    assert float(ReliefLoss()(outputs, truth).edges) > 0
    with pytest.raises(InputError, match="two edge detectors or none"):
        relief_loss(outputs._replace(edges_depth=None), truth)


def test_refusals() -> None:
    depth = torch.rand(1, 1, 2, 2)
    with pytest.raises(MismatchError, match="one shape"):
        silog_loss(depth, torch.rand(1, 1, 2, 3))
    with pytest.raises(InputError, match="lambda_depth must lie in 0 to 1"):
        silog_loss(depth, depth, lambda_depth=1.5)
    with pytest.raises(InputError, match="lambda_edge must be 0 or more"):
        edge_class_loss(torch.rand(1, 6, 2, 2), torch.zeros(1, 1, 2, 2), lambda_edge=-1)
    with pytest.raises(MismatchError, match="bring both to one grid"):
        edge_match_loss(torch.rand(1, 6, 2, 2), torch.rand(1, 6, 2, 3))


def test_half_precision_is_raised() -> None:
    depth = torch.full((1, 1, 2, 2), 0.25, dtype=torch.bfloat16)
    assert silog_loss(depth, depth * 2).dtype == torch.float32
    assert (
        edge_class_loss(torch.zeros(1, 6, 2, 2, dtype=torch.bfloat16), torch.zeros(1, 1, 2, 2)).dtype == torch.float32
    )
