"""The independent vectors A-*, B-* and C-* of the losses, in float64, at their own tolerances."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from graven.losses import (
    balanced_bce_loss,
    begl_loss,
    begl_terms,
    boundary_enhancement_term,
    boundary_term,
    build_loss,
    dice_loss,
    focal_loss,
    generalised_dice_loss,
    multiclass_focal_loss,
    pooled_dice_loss,
)
from graven.losses.begl import gaussian_weights, sobel_magnitude

Vectors = dict[str, dict[str, Any]]


def batch(values: Any) -> torch.Tensor:
    """One image of one channel in float64 from a row or a table of numbers."""
    array = torch.as_tensor(values, dtype=torch.float64)
    return array.reshape(1, 1, *(array.shape if array.ndim == 2 else (1, -1)))


def test_a_gauss_1_kernel(vectors: Vectors) -> None:
    entry = vectors["A-GAUSS-1"]
    want, tol = entry["expected"], entry["tolerance"]
    raw = torch.tensor(gaussian_weights(sigma_px=0.8, size_px=3, normalise=False), dtype=torch.float64)
    unit = torch.tensor(gaussian_weights(sigma_px=0.8, size_px=3), dtype=torch.float64)
    raw2, unit2 = torch.outer(raw, raw), torch.outer(unit, unit)
    got = [raw2[1, 1], raw2[0, 1], raw2[0, 0], raw2.sum(), unit2[1, 1], unit2[0, 1], unit2[0, 0]]
    names = ("raw_center", "raw_edge", "raw_corner", "raw_sum", "norm_center", "norm_edge", "norm_corner")
    assert [float(g) for g in got] == pytest.approx([want[n] for n in names], abs=tol)
    assert unit.tolist() == pytest.approx(want["kernel_1d"], abs=tol)


@pytest.mark.parametrize("name", ["A-SOBEL-1", "A-SOBEL-2"])
@pytest.mark.parametrize("padding", ["reflect", "replicate"])
def test_a_sobel_borders(vectors: Vectors, name: str, padding: str) -> None:
    entry = vectors[name]
    got = sobel_magnitude(batch(entry["inputs"]["x"]), padding=padding, eps=0.0)[0, 0]
    row = torch.tensor(entry["expected"][f"{padding}_row"], dtype=torch.float64)
    torch.testing.assert_close(got, row.expand_as(got), atol=entry["tolerance"], rtol=0)


@pytest.mark.parametrize("padding", ["reflect", "replicate"])
def test_a_lg_1_boundary_term_of_a_step(vectors: Vectors, padding: str) -> None:
    entry = vectors["A-LG-1"]
    y = batch(entry["inputs"]["y"])
    want = entry["expected"][f"L_G_{padding}"]
    assert float(boundary_term(0.5 * y, y, padding=padding, eps=0.0)) == pytest.approx(want, abs=entry["tolerance"])
    # the default epsilon of 1e-12 shifts each root by 1e-6 at most, hence the norm of 16 pixels by 4e-6 at most
    assert float(boundary_term(0.5 * y, y, padding=padding)) == pytest.approx(want, abs=4e-6)


def test_a_lg_2_boundary_term_of_a_pixel(vectors: Vectors) -> None:
    entry = vectors["A-LG-2"]
    y, p = batch(entry["inputs"]["y"]), batch(entry["inputs"]["y"]) * 0
    magnitude = torch.tensor(entry["expected"]["sobel_mag"], dtype=torch.float64)
    torch.testing.assert_close(sobel_magnitude(y, eps=0.0)[0, 0], magnitude, atol=entry["tolerance"], rtol=0)
    assert float(boundary_term(p, y, eps=0.0)) == pytest.approx(entry["expected"]["L_G"], abs=entry["tolerance"])
    shift = float(boundary_term(p, y)) - entry["expected"]["L_G"]
    assert abs(shift) < 5e-6


@pytest.mark.parametrize(
    ("name", "options", "key"),
    [
        ("A-BCE-1", {}, "loss"),
        ("A-BCE-1", {"beta": 0.75}, "loss"),
        ("A-BCE-1", {"beta": "printed"}, "loss_if_beta_taken_per_pixel_literally"),
        ("A-BCE-2", {}, "loss"),
        ("A-BCE-3", {"degenerate": "raw"}, "loss_raw"),
        ("A-BCE-3", {"degenerate": "half"}, "loss_with_fallback"),
    ],
)
def test_a_bce(vectors: Vectors, name: str, options: dict[str, Any], key: str) -> None:
    entry = vectors[name]
    logits = torch.logit(batch(entry["inputs"]["y_hat"]))
    got = balanced_bce_loss(logits, batch(entry["inputs"]["y"]), **options)
    assert float(got) == pytest.approx(entry["expected"][key], abs=entry["tolerance"])


def test_a_begl_1_total_and_terms(vectors: Vectors) -> None:
    entry = vectors["A-BEGL-1"]
    want, tol = entry["expected"], entry["tolerance"]
    logits, y = torch.logit(batch(entry["inputs"]["y_hat"])), batch(entry["inputs"]["y"])
    boundary, bce = begl_terms(logits, y, eps=0.0)
    assert float(boundary) == pytest.approx(want["L_G"], abs=tol)
    assert float(bce) == pytest.approx(want["L_BCE"], abs=tol)
    assert float(begl_loss(logits, y, eps=0.0)) == pytest.approx(want["L"], abs=tol)
    assert float(begl_loss(logits, y)) == pytest.approx(want["L"], abs=1e-8)


def test_a_be_1_laplacian(vectors: Vectors) -> None:
    entry = vectors["A-BE-1"]
    y = batch(entry["inputs"]["y"])
    plain = {"box": False, "border": "zero", "eps": 0.0}
    norm = boundary_enhancement_term(y * 0, y, form="norm", **plain)
    mean = boundary_enhancement_term(y * 0, y, form="mean_square", **plain)
    assert float(norm) == pytest.approx(entry["expected"]["l2_norm"], abs=entry["tolerance"])
    assert float(mean) == pytest.approx(entry["expected"]["mean_square"], abs=entry["tolerance"])


def test_a_be_1_with_box_as_published(vectors: Vectors) -> None:
    # The box spreads the pixel to 1/9 on 3×3; the Laplacian is -2/9 on its corners, -1/9 on its edges, 0 in the middle.
    y = batch(vectors["A-BE-1"]["inputs"]["y"])
    assert float(boundary_enhancement_term(y * 0, y, eps=0.0)) == pytest.approx(20**0.5 / 9, abs=1e-12)
    assert float(boundary_enhancement_term(y * 0, y, form="mean_square")) == pytest.approx(20 / 729, abs=1e-12)


def test_be_without_any_padding_sees_the_inner_responses_only(vectors: Vectors) -> None:
    # 5×5 without padding leaves the middle response, which is 0; one more ring of pixels brings all nine back.
    y = batch(vectors["A-BE-1"]["inputs"]["y"])
    ring = torch.nn.functional.pad(y, (1, 1, 1, 1))
    assert float(boundary_enhancement_term(y * 0, y, border="none", eps=0.0)) == pytest.approx(0.0, abs=1e-12)
    assert float(boundary_enhancement_term(ring * 0, ring, border="none", eps=0.0)) == pytest.approx(20**0.5 / 9)


def test_a_dl_1_dice(vectors: Vectors) -> None:
    entry = vectors["A-DL-1"]
    logits, y = torch.logit(batch(entry["inputs"]["y_hat"])), batch(entry["inputs"]["y"])
    assert float(dice_loss(logits, y, smooth=0.0)) == pytest.approx(entry["expected"]["loss"], abs=entry["tolerance"])
    assert float(dice_loss(logits, y)) == pytest.approx(1 - 3.8 / 4.8, abs=1e-12)


def test_a_fl_1_focal(vectors: Vectors) -> None:
    entry = vectors["A-FL-1"]
    got = focal_loss(torch.logit(batch(entry["inputs"]["y_hat"])), batch(entry["inputs"]["y"]), alpha=0.25, gamma=2.0)
    assert float(got) == pytest.approx(entry["expected"]["loss"], abs=entry["tolerance"])


def class_batch(entry: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (1, K, 1, P) whose softmax are the probabilities of an entry, and classes (1, 1, 1, P)."""
    probs = torch.tensor(entry["inputs"]["probabilities"], dtype=torch.float64)
    return probs.log().T[None, :, None], torch.tensor(entry["inputs"]["labels"])[None, None, None]


@pytest.mark.parametrize(
    ("name", "key"),
    [("ce", "ce"), ("focal_mc", "focal"), ("dice_mc", "dice"), ("mixed1", "mixed1"), ("mixed2", "mixed2")],
)
def test_c_loss_1(vectors: Vectors, name: str, key: str) -> None:
    entry = vectors["C-LOSS-1"]
    want, tol = entry["expected"][key], entry["tolerance"]
    logits, classes = class_batch(entry)
    inputs = entry["inputs"]
    options = {
        "ce": {},
        "focal_mc": {"alpha": inputs["alpha"], "gamma": inputs["gamma"]},
        "dice_mc": {"smooth": inputs["smooth"]},
        "mixed1": {"focal_weight": inputs["lam"]},
        "mixed2": {},
    }[name]
    assert float(build_loss(name, **options)(logits, classes)) == pytest.approx(want, abs=tol)
    # a constant on all classes of a pixel does not change the softmax, and the options above are the defaults
    assert float(build_loss(name)(logits + 7.5, classes)) == pytest.approx(want, abs=tol)


def test_c_focal_1_of_the_true_class(vectors: Vectors) -> None:
    entry = vectors["C-FOCAL-1"]
    true = torch.tensor(entry["inputs"]["p_t"], dtype=torch.float64)
    others = torch.tensor([[0.3, 0.7], [0.9, 0.1]], dtype=torch.float64).T * (1 - true)
    logits = torch.stack([others[0], true, others[1]]).log()[None, :, None]
    options = {key: entry["inputs"][key] for key in ("alpha", "gamma")}
    got = multiclass_focal_loss(logits, torch.ones(1, 1, 2, dtype=torch.int64), **options)
    assert float(got) == pytest.approx(entry["expected"]["loss"], abs=entry["tolerance"])


def test_c_focal_2_reduces_to_cross_entropy(vectors: Vectors) -> None:
    entry = vectors["C-FOCAL-2"]
    logits, classes = class_batch(entry)
    options = {key: entry["inputs"][key] for key in ("alpha", "gamma")}
    got = multiclass_focal_loss(logits, classes, **options)
    assert float(got) == pytest.approx(entry["expected"]["loss"], abs=entry["tolerance"])
    assert float(build_loss("ce")(logits, classes)) == pytest.approx(float(got), abs=entry["tolerance"])


@pytest.mark.parametrize("name", ["B-DICE-1", "B-DICE-2"])
def test_b_dice_pools_the_batch(vectors: Vectors, name: str) -> None:
    entry = vectors[name]
    logits, target = (torch.tensor(entry["inputs"][key], dtype=torch.float64)[:, None] for key in ("logits", "target"))
    logits.requires_grad_()
    loss = pooled_dice_loss(logits, target)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(entry["expected"]["pooled"], abs=entry["tolerance"])
    assert logits.grad is not None
    assert bool(logits.grad.any()) == bool(target.any())  # a batch without foreground teaches nothing


@pytest.mark.parametrize("name", ["B-GDL-1", "B-GDL-2"])
def test_b_gdl_weighs_classes_by_their_size(vectors: Vectors, name: str) -> None:
    entry = vectors[name]
    probs, target = batch(entry["inputs"]["probabilities"]), batch(entry["inputs"]["target"])
    got = generalised_dice_loss(torch.logit(probs), target)
    assert float(got) == pytest.approx(entry["expected"]["loss"], abs=entry["tolerance"])
