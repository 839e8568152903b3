"""What holds for every loss over several classes: gradients, precision, masks, refusals; and for some of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional

from graven.errors import InputError, MismatchError, UsageError
from graven.losses import (
    build_loss,
    class_boundary_loss,
    cldice_loss,
    cross_entropy_loss,
    mixed_loss,
    multiclass_dice_loss,
    multiclass_focal_loss,
)
from graven.losses.class_boundary import edge_distance
from graven.losses.cldice import soft_skeleton

NAMES = ["ce", "focal_mc", "dice_mc", "mixed1", "mixed2", "cldice", "boundary_mc"]
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in NAMES),
    ("ce", {"class_weights": [0.2, 2.0, 1.0]}),
    ("focal_mc", {"gamma": 0.5, "alpha": 0.8}),
    ("focal_mc", {"gamma": 0.0}),
    ("dice_mc", {"smooth": 1.0}),
    ("cldice", {"classes": [0, 2], "iterations": 1}),
    ("boundary_mc", {"classes": [1], "max_distance_px": 1.5}),
    ("mixed1", {"cldice_weight": 0.5, "boundary_weight": 2.0, "ce_weight": 0.1}),
    ("mixed1", {"dice_weight": 0.0, "focal_weight": 3.0}),
]


def pair(seed: int, shape: tuple[int, int, int] = (2, 7, 6)) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits of three classes, classes and valid mask, drawn from a local generator."""
    rng = np.random.default_rng(seed)
    n, height, width = shape
    logits = torch.from_numpy(rng.normal(size=(n, 3, height, width)))
    target = torch.from_numpy(rng.choice(3, size=(n, 1, height, width), p=[0.5, 0.3, 0.2]))
    return logits, target, torch.from_numpy(rng.random((n, 1, height, width)) < 0.9)


def sure(target: torch.Tensor, n_classes: int = 3, size: float = 60.0) -> torch.Tensor:
    """Logits that say a class map (N, 1, H, W) without doubt."""
    return size * (2.0 * functional.one_hot(target[:, 0].long(), n_classes).movedim(-1, 1) - 1.0)


@pytest.mark.parametrize(("name", "options"), VARIANTS)
@pytest.mark.parametrize("masked", [False, True])
def test_gradient_equals_finite_differences(name: str, options: dict[str, Any], masked: bool) -> None:
    logits, target, valid = pair(3, (2, 5, 4))
    loss = build_loss(name, **options)
    assert torch.autograd.gradcheck(
        lambda z: loss(z, target, valid if masked else None), (logits.requires_grad_(),), eps=1e-6, atol=1e-6
    )


@pytest.mark.parametrize(("name", "options"), VARIANTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_perfect_prediction_gives_zero_and_a_finite_gradient(
    name: str, options: dict[str, Any], dtype: torch.dtype, device: str
) -> None:
    target = pair(5)[1].to(device)
    logits = sure(target).to(dtype).requires_grad_()
    loss = build_loss(name, **options)(logits, target)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-6)
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())


@pytest.mark.parametrize(("name", "options"), VARIANTS)
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_extreme_logits_give_finite_values_and_gradients(
    name: str, options: dict[str, Any], size: float, device: str
) -> None:
    logits, target, _ = pair(7)
    logits = (logits.sign() * size).float().to(device).requires_grad_()
    loss = build_loss(name, **options)(logits, target.to(device))
    loss.backward()
    assert bool(torch.isfinite(loss.detach()))
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_input_and_autocast_are_computed_in_float32(name: str, device: str) -> None:
    logits, target, _ = (t.to(device) for t in pair(11, (2, 16, 16)))
    logits = logits.to(torch.bfloat16)
    loss = build_loss(name)
    with torch.autocast(device_type=device, dtype=torch.bfloat16):
        half = loss(logits, target)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, loss(logits.float(), target), rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_float32_agrees_with_float64(name: str, device: str) -> None:
    logits, target, valid = (t.to(device) for t in pair(13, (2, 32, 32)))
    loss = build_loss(name)
    wide = loss(logits, target, valid)
    assert wide.dtype == torch.float64
    assert float(loss(logits.float(), target, valid)) == pytest.approx(float(wide), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wild_class", [255, -1])
def test_invalid_pixels_have_no_influence_and_no_gradient(name: str, wild_class: int) -> None:
    logits, target, valid = pair(17, (2, 12, 12))
    loss = build_loss(name)
    wild_logits = torch.where(valid, logits, torch.nan).requires_grad_()
    got = loss(wild_logits, torch.where(valid, target, wild_class), valid)
    torch.testing.assert_close(got, loss(logits, target, valid), rtol=0, atol=0)
    got.backward()
    assert wild_logits.grad is not None
    assert float(wild_logits.grad[~valid.expand_as(logits)].abs().max()) == 0.0


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_a_mask_that_keeps_a_rectangle_equals_cropping(name: str, options: dict[str, Any]) -> None:
    logits, target, _ = pair(19, (2, 12, 10))
    valid = torch.zeros_like(target, dtype=torch.bool)
    valid[..., 2:9, 3:] = True
    loss = build_loss(name, **options)
    cropped = loss(logits[..., 2:9, 3:], target[..., 2:9, 3:])
    torch.testing.assert_close(loss(logits, target, valid), cropped, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_an_all_valid_mask_changes_nothing(name: str) -> None:
    logits, target, _ = pair(23)
    loss = build_loss(name)
    everything = torch.ones_like(target, dtype=torch.bool)
    torch.testing.assert_close(loss(logits, target, everything), loss(logits, target), rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_without_any_valid_pixel_the_loss_is_zero_with_zero_gradient(name: str) -> None:
    logits, target, valid = pair(29)
    logits.requires_grad_()
    loss = build_loss(name)(logits, target, torch.zeros_like(valid))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert logits.grad is not None
    assert float(logits.grad.abs().max()) == 0.0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64, torch.float32])
def test_classes_of_any_dtype_with_or_without_their_axis_are_the_same(name: str, dtype: torch.dtype) -> None:
    logits, target, valid = pair(31)
    loss = build_loss(name)
    got = loss(logits, target[:, 0].to(dtype), valid[:, 0])
    torch.testing.assert_close(got, loss(logits, target, valid), rtol=0, atol=0)


@pytest.mark.parametrize(("name", "options"), VARIANTS)
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_quarter_turns_and_flips_do_not_matter(name: str, options: dict[str, Any], turn: int) -> None:
    logits, target, valid = pair(37, (1, 8, 8))
    loss = build_loss(name, **options)
    turned = [torch.rot90(t, turn, dims=(-2, -1)).flip(-1) for t in (logits, target, valid)]
    torch.testing.assert_close(loss(*turned), loss(logits, target, valid), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["ce", "focal_mc", "dice_mc", "mixed1", "mixed2"])
def test_a_batch_is_the_same_as_its_images_side_by_side_in_one(name: str) -> None:
    batch = pair(41, (3, 9, 9))
    wide = [torch.cat(t.split(1), dim=-1) for t in batch]
    loss = build_loss(name)
    torch.testing.assert_close(loss(*batch), loss(*wide), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["ce", "focal_mc", "dice_mc", "mixed1", "mixed2"])
def test_gradient_descent_on_the_logits_finds_the_classes(name: str) -> None:
    target = torch.zeros(1, 1, 12, 12, dtype=torch.int64)
    target[..., 2:4, 1:11] = 1
    target[..., 6:10, 4:9] = 2
    logits = torch.zeros(1, 3, 12, 12).requires_grad_()
    loss = build_loss(name)
    optimiser = torch.optim.Adam([logits], lr=0.3)
    for _ in range(60):
        optimiser.zero_grad()
        loss(logits, target).backward()
        optimiser.step()
    assert torch.equal(logits.argmax(dim=1), target[:, 0])


def test_cross_entropy_is_that_of_pytorch_with_weights_and_ignored_pixels() -> None:
    logits, target, valid = pair(43)
    ignored = torch.where(valid, target, 255)[:, 0]
    for weights in (None, [0.5, 2.0, 0.0]):
        peer = None if weights is None else torch.tensor(weights, dtype=torch.float64)
        want = functional.cross_entropy(logits, ignored, weight=peer, ignore_index=255)
        got = cross_entropy_loss(logits, ignored, valid=valid, class_weights=weights)
        torch.testing.assert_close(got, want, rtol=1e-12, atol=0)


def test_the_mean_divides_by_the_valid_pixels() -> None:
    # Three pixels of ln 3 and one that is ignored: ln 3, not 3/4 of it.
    logits, target = torch.zeros(1, 3, 2, 2, dtype=torch.float64), torch.zeros(1, 1, 2, 2)
    valid = torch.tensor([[[[True, True], [True, False]]]])
    ln3 = float(np.log(3.0))
    assert float(cross_entropy_loss(logits, target, valid=valid)) == pytest.approx(ln3, abs=1e-12)
    want = 0.5 * (2 / 3) ** 2 * ln3
    assert float(multiclass_focal_loss(logits, target, valid=valid)) == pytest.approx(want, abs=1e-12)


def test_a_class_that_is_nowhere_costs_nothing_in_dice() -> None:
    target = torch.zeros(1, 1, 4, 4, dtype=torch.int64)
    target[..., 0] = 1
    wrong = target.clone()
    wrong[..., 0, 1] = 1  # 5 of 16 pixels said to be class 1 where there are 4
    scores = [2 * 11 / 23, 2 * 4 / 9, 1.0]  # the third class is ε / ε
    got = multiclass_dice_loss(sure(wrong).double(), target)
    assert float(got) == pytest.approx(1 - sum(scores) / 3, abs=1e-6)


def test_mixed_is_the_weighted_sum_of_its_terms() -> None:
    logits, target, valid = pair(47, (2, 12, 12))
    got = mixed_loss(
        logits,
        target,
        valid=valid,
        dice_weight=0.3,
        focal_weight=2.0,
        ce_weight=0.7,
        cldice_weight=0.9,
        boundary_weight=1.1,
        thin_classes=(2,),
        iterations=2,
        max_distance_px=4.0,
    )
    want = (
        0.3 * multiclass_dice_loss(logits, target, valid=valid)
        + 2.0 * multiclass_focal_loss(logits, target, valid=valid)
        + 0.7 * cross_entropy_loss(logits, target, valid=valid)
        + 0.9 * cldice_loss(logits, target, valid=valid, classes=(2,), iterations=2)
        + 1.1 * class_boundary_loss(logits, target, valid=valid, max_distance_px=4.0)
    )
    torch.testing.assert_close(got, want, rtol=1e-12, atol=0)


# Soft skeleton and clDice.


def bar(half_width: int, length: int = 21) -> torch.Tensor:
    """A level bar of 2 * half_width + 1 rows in a map (1, 1, 25, 31), float64."""
    x = torch.zeros(1, 1, 25, 31, dtype=torch.float64)
    x[..., 12 - half_width : 13 + half_width, 5 : 5 + length] = 1
    return x


@pytest.mark.parametrize("half_width", [0, 1, 3])
def test_the_skeleton_of_a_bar_is_its_middle_row(half_width: int) -> None:
    skeleton = soft_skeleton(bar(half_width), torch.ones(1, 1, 25, 31).double(), iterations=6)[0, 0]
    middle = skeleton[12, 5 + half_width : 26 - half_width]
    assert bool((middle == 1).all())
    # away from the ends, where erosion leaves the corners, nothing else remains
    assert float(skeleton[:, 5 + half_width + 1 : 25 - half_width].sum(dim=0).sub(1).abs().max()) == 0.0


def test_too_few_iterations_leave_the_middle_of_a_wide_line_unseen() -> None:
    ones = torch.ones(1, 1, 25, 31).double()
    assert float(soft_skeleton(bar(3), ones, iterations=2)[0, 0, 12, 10:20].sum()) == 0.0
    assert float(soft_skeleton(bar(3), ones, iterations=3)[0, 0, 12, 10:20].sum()) == 10.0


def test_cldice_of_a_broken_line_is_the_share_that_is_missing() -> None:
    # One row of 31 pixels, 7 of them missed: T_s = (24 + 1) / (31 + 1), T_p = 1, both by hand.
    target = torch.zeros(1, 1, 9, 31, dtype=torch.int64)
    target[..., 4, :] = 1
    broken = target.clone()
    broken[..., 12:19] = 0
    share = 25 / 32
    got = cldice_loss(sure(broken, 2).double(), target, classes=(1,))
    assert float(got) == pytest.approx(1 - 2 * share / (1 + share), abs=1e-9)


def test_cldice_prefers_a_whole_line_of_wrong_width_to_a_broken_one() -> None:
    target = torch.zeros(1, 1, 25, 31, dtype=torch.int64)
    target[..., 10:15, :] = 1
    thin, broken = torch.zeros_like(target), target.clone()
    thin[..., 11:14, :] = 1
    broken[..., 13:16] = 0
    whole = float(cldice_loss(sure(thin, 2), target))
    assert whole == pytest.approx(0.0, abs=1e-6)
    assert float(cldice_loss(sure(broken, 2), target)) > 0.03
    # Dice says the opposite
    assert float(multiclass_dice_loss(sure(thin, 2), target)) > float(multiclass_dice_loss(sure(broken, 2), target))


# Boundary loss.


def test_distances_run_from_the_edge_between_pixels() -> None:
    inside = np.zeros((1, 7), bool)
    inside[0, 2:5] = True
    everywhere = np.ones_like(inside)
    got = edge_distance(inside, valid=everywhere, max_distance_px=10.0)
    np.testing.assert_allclose(got[0], [1.5, 0.5, 0.5, 1.5, 0.5, 0.5, 1.5])
    np.testing.assert_allclose(edge_distance(inside, valid=everywhere, max_distance_px=1.0)[0].max(), 1.0)
    np.testing.assert_allclose(edge_distance(~everywhere, valid=everywhere, max_distance_px=9.0), 9.0)
    # with the left edge of the area unknown, only the right one counts
    known = np.array([[True, False, True, True, True, True, True]])
    far = edge_distance(np.array([[True, True, True, True, True, False, False]]), valid=known, max_distance_px=10.0)
    np.testing.assert_allclose(far[0], [4.5, 3.5, 2.5, 1.5, 0.5, 0.5, 1.5])


@pytest.mark.parametrize("seed", range(5))
def test_distances_equal_scipy(seed: int) -> None:
    inside = np.random.default_rng(seed).random((19, 23)) < 0.3
    want = np.where(inside, ndimage.distance_transform_edt(inside), ndimage.distance_transform_edt(~inside)) - 0.5
    got = edge_distance(inside, valid=np.ones_like(inside), max_distance_px=100.0)
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_boundary_loss_is_the_integral_of_the_paper_without_its_constant() -> None:
    # φ is the signed distance, negative inside; the paper's loss is the mean of φ p, and φ y does not depend on p.
    logits, target, _ = pair(53, (1, 9, 11))
    inside = target[0, 0].numpy() == 1
    signed = np.where(inside, -1, 1) * edge_distance(inside, valid=np.ones_like(inside), max_distance_px=50.0)
    probs = logits.softmax(dim=1)[0, 1].numpy()
    want = ((signed * probs).mean() - (signed * inside).mean()) / 50.0
    got = class_boundary_loss(logits, target, classes=(1,), max_distance_px=50.0)
    assert float(got) == pytest.approx(want, rel=1e-6)


def test_the_same_error_costs_more_far_from_the_edge() -> None:
    target = torch.zeros(1, 1, 40, 40, dtype=torch.int64)
    target[..., 10:14] = 1
    near, far = target.clone(), target.clone()
    near[..., 20, 14] = 1
    far[..., 20, 34] = 1
    # 0.5 and 20.5 pixels from the edge, the second cut to 20: one pixel of 1600, of one class
    cost = [float(class_boundary_loss(sure(t, 2).double(), target)) for t in (near, far)]
    assert cost == pytest.approx([0.5 / 20 / 1600, 1.0 / 1600], abs=1e-9)


# Refusals.


@pytest.mark.parametrize("name", NAMES)
def test_shapes_that_differ_are_refused_and_both_shown(name: str) -> None:
    logits, target, _ = pair(59, (2, 8, 8))
    with pytest.raises(MismatchError, match=r"target has shape \(2, 1, 8, 7\), logits \(2, 3, 8, 8\)"):
        build_loss(name)(logits, target[..., :7])
    with pytest.raises(MismatchError, match=r"valid has shape \(1, 8, 8\).* expected \(2, 1, 8, 8\) or \(2, 8, 8\)"):
        build_loss(name)(logits, target, torch.ones(1, 8, 8, dtype=torch.bool))


@pytest.mark.parametrize("name", NAMES)
def test_an_ignored_class_without_a_mask_is_refused_with_the_mask_to_pass(name: str) -> None:
    logits, target, _ = pair(61)
    target[0, 0, 0, 0] = 255
    with pytest.raises(InputError, match=r"classes 0 to 2, got 0 to 255; .* valid=\(target != 255\)"):
        build_loss(name)(logits, target)


def test_wrong_inputs_are_refused() -> None:
    logits, target, _ = pair(67)
    with pytest.raises(InputError, match=r"two classes or more, got \(2, 1, 7, 6\)"):
        cross_entropy_loss(logits[:, :1], target)
    with pytest.raises(InputError, match=r"floating logits, got torch\.int64"):
        cross_entropy_loss(logits.long(), target)
    with pytest.raises(InputError, match="whole class numbers, got fractions"):
        cross_entropy_loss(logits, target + 0.0 + 0.5 * (target == 0))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("ce", {"class_weights": [1.0, 2.0]}, r"3 numbers of 0 or more.*got \(1.0, 2.0\)"),
        ("ce", {"class_weights": [1.0, -2.0, 1.0]}, "3 numbers of 0 or more"),
        ("ce", {"class_weights": [0.0, 0.0, 0.0]}, "not all 0"),
        ("focal_mc", {"alpha": 2.0}, "alpha=2.0"),
        ("focal_mc", {"gamma": -1.0}, "gamma=-1.0"),
        ("dice_mc", {"smooth": 0.0}, "positive, got 0.0"),
        ("cldice", {"classes": [3]}, r"from 0 to 2, at least one, got \(3,\)"),
        ("cldice", {"classes": []}, "at least one"),
        ("cldice", {"iterations": -1}, "iterations=-1"),
        ("cldice", {"smooth": 0.0}, "smooth=0.0"),
        ("boundary_mc", {"classes": [-1]}, "from 0 to 2"),
        ("boundary_mc", {"max_distance_px": 0.0}, "positive and finite, got 0.0"),
        ("mixed1", {"dice_weight": -1.0}, "0 or more"),
        ("mixed1", {"dice_weight": 0.0, "focal_weight": 0.0}, "not all 0"),
    ],
)
def test_options_out_of_range_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    logits, target, _ = pair(71)
    with pytest.raises(InputError, match=message):
        build_loss(name, **options)(logits, target)


def test_mixed2_takes_the_options_of_mixed1_and_names_them() -> None:
    assert build_loss("mixed2", focal_weight=2.0).ce_weight == 1.0
    with pytest.raises(UsageError, match="'mixed2' has no option lam; it knows dice_weight, focal_weight, ce_weight"):
        build_loss("mixed2", lam=2.0)
