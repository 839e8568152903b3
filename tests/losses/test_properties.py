"""What holds for every loss of one class: gradients, precision, masks, refusals; and what holds for one of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from graven.errors import InputError, MismatchError, UsageError
from graven.losses import (
    balanced_bce_loss,
    begl_loss,
    boundary_enhancement_term,
    boundary_term,
    build_loss,
    dice_loss,
    focal_loss,
)
from graven.losses.begl import gaussian_weights, sobel_magnitude
from graven.losses.inputs import erode_valid, prepare_inputs

NAMES = ["bce", "be", "begl", "dice", "focal", "generalised_dice", "pooled_dice"]
POOLED = {"generalised_dice", "pooled_dice"}  # their sums run over the whole batch
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in NAMES),
    ("begl", {"padding": "replicate", "size_px": 5, "sigma_px": 1.1}),
    ("begl", {"lambda1": 1.0, "lambda2": 0.0}),
    ("begl", {"beta": "printed"}),
    ("bce", {"beta": 0.3}),
    ("bce", {"degenerate": "raw"}),
    ("be", {"form": "mean_square"}),
    ("be", {"box": False, "border": "zero", "dice_weight": 1.0, "boundary_weight": 1000.0}),
    ("be", {"border": "none"}),
    ("focal", {"gamma": 0.5, "alpha": 0.4}),
    ("dice", {"smooth": 0.0}),
]


def pair(seed: int, shape: tuple[int, ...] = (2, 1, 7, 6)) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits, target and valid mask in float64, drawn from a local generator."""
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.normal(size=shape))
    target = torch.from_numpy((rng.random(shape) < 0.4).astype(float))
    return logits, target, torch.from_numpy(rng.random(shape) < 0.9)


@pytest.mark.parametrize(("name", "options"), VARIANTS)
@pytest.mark.parametrize("masked", [False, True])
def test_gradient_equals_finite_differences(name: str, options: dict[str, Any], masked: bool) -> None:
    logits, target, valid = pair(3)
    loss = build_loss(name, **options)
    assert torch.autograd.gradcheck(
        lambda z: loss(z, target, valid if masked else None), (logits.requires_grad_(),), eps=1e-6, atol=1e-6
    )


@pytest.mark.parametrize(("name", "options"), VARIANTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_perfect_prediction_gives_zero_and_a_finite_gradient(
    name: str, options: dict[str, Any], dtype: torch.dtype, device: str
) -> None:
    target = pair(5)[1].to(device, dtype)
    logits = ((2 * target - 1) * 60).requires_grad_()
    loss = build_loss(name, **options)(logits, target)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-6)
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())


@pytest.mark.parametrize("term", [boundary_term, boundary_enhancement_term])
def test_terms_on_probabilities_equal_to_the_truth_are_exactly_zero(term: Any, device: str) -> None:
    target = pair(7)[1].to(device)
    probs = target.clone().requires_grad_()
    value = term(probs, target)
    value.backward()
    assert float(value.detach()) == 0.0
    assert probs.grad is not None
    assert bool(torch.isfinite(probs.grad).all())


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_input_and_autocast_are_computed_in_float32(name: str, device: str) -> None:
    logits, target, _ = pair(11, (2, 1, 16, 16))
    logits, target = logits.to(device, torch.bfloat16), target.to(device, torch.float32)
    loss = build_loss(name)
    with torch.autocast(device_type=device, dtype=torch.bfloat16):
        half = loss(logits, target)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, loss(logits.float(), target), rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_float32_agrees_with_float64(name: str, device: str) -> None:
    logits, target, valid = (t.to(device) for t in pair(13, (2, 1, 32, 32)))
    loss = build_loss(name)
    wide = loss(logits, target, valid)
    assert float(loss(logits.float(), target.float(), valid)) == pytest.approx(float(wide), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_invalid_pixels_have_no_influence_and_no_gradient(name: str) -> None:
    logits, target, valid = pair(17, (2, 1, 12, 12))
    loss = build_loss(name)
    wild_logits = torch.where(valid, logits, torch.nan).requires_grad_()
    wild_target = torch.where(valid, target, 7.0)
    got = loss(wild_logits, wild_target, valid)
    torch.testing.assert_close(got, loss(logits, target, valid), rtol=0, atol=0)
    got.backward()
    assert wild_logits.grad is not None
    assert float(wild_logits.grad[~valid].abs().max()) == 0.0


@pytest.mark.parametrize("function", [balanced_bce_loss, focal_loss, dice_loss])
def test_a_mask_that_keeps_a_rectangle_equals_cropping(function: Any) -> None:
    logits, target, _ = pair(19, (2, 1, 12, 10))
    valid = torch.zeros_like(target, dtype=torch.bool)
    valid[..., 2:9, 3:] = True
    masked = function(logits, target, valid=valid)
    torch.testing.assert_close(masked, function(logits[..., 2:9, 3:], target[..., 2:9, 3:]), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_an_all_valid_mask_changes_nothing(name: str) -> None:
    logits, target, _ = pair(23)
    loss = build_loss(name)
    everything = torch.ones_like(target, dtype=torch.bool)
    torch.testing.assert_close(loss(logits, target, everything), loss(logits, target), rtol=1e-14, atol=0)


@pytest.mark.parametrize("name", ["begl", "be", "bce", "focal", "dice"])
def test_without_any_valid_pixel_the_loss_is_zero_with_zero_gradient(name: str) -> None:
    logits, target, valid = pair(29)
    logits.requires_grad_()
    loss = build_loss(name)(logits, target, torch.zeros_like(valid))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert logits.grad is not None
    assert float(logits.grad.abs().max()) == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_gradient_descent_on_the_logits_finds_the_mask(name: str) -> None:
    # BE alone does not see a constant offset, so it is given the Dice term of its original here.
    target = torch.zeros(1, 1, 12, 12)
    target[..., 3:8, 4:9] = 1
    logits = torch.zeros_like(target).requires_grad_()
    loss = build_loss(name, **({"dice_weight": 1.0} if name == "be" else {}))
    optimiser = torch.optim.Adam([logits], lr=0.3)
    for _ in range(60):
        optimiser.zero_grad()
        loss(logits, target).backward()
        optimiser.step()
    assert bool(((logits > 0).float() == target).all())


@pytest.mark.parametrize("name", [name for name in NAMES if name not in POOLED])
def test_batch_value_is_the_mean_over_images(name: str) -> None:
    logits, target, valid = pair(31, (3, 1, 9, 9))
    loss = build_loss(name)
    single = [loss(logits[i : i + 1], target[i : i + 1], valid[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(loss(logits, target, valid), torch.stack(single).mean(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_quarter_turns_and_flips_do_not_matter(name: str, turn: int) -> None:
    logits, target, _ = pair(37, (1, 1, 8, 8))
    loss = build_loss(name)
    turned = [torch.rot90(t, turn, dims=(-2, -1)).flip(-1) for t in (logits, target)]
    torch.testing.assert_close(loss(*turned), loss(logits, target), rtol=1e-12, atol=0)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.tuples(st.integers(3, 9), st.integers(3, 9)))
def test_filters_equal_scipy(seed: int, size: tuple[int, int]) -> None:
    x = np.random.default_rng(seed).random(size)
    want = np.hypot(ndimage.sobel(x, axis=0, mode="mirror"), ndimage.sobel(x, axis=1, mode="mirror"))
    got = sobel_magnitude(torch.from_numpy(x)[None, None], eps=0.0)[0, 0].numpy()
    np.testing.assert_allclose(got, want, atol=1e-12)
    zero = np.zeros_like(x)
    weights = np.asarray(gaussian_weights(sigma_px=0.8, size_px=3))
    blurred = ndimage.correlate(want, np.outer(weights, weights), mode="mirror")
    term = boundary_term(torch.from_numpy(x)[None, None], torch.from_numpy(zero)[None, None], eps=0.0)
    assert float(term) == pytest.approx(float(np.linalg.norm(blurred)), abs=1e-12)


def test_be_alone_ignores_a_plane_of_error() -> None:
    ramp = torch.linspace(0, 0.5, 9, dtype=torch.float64).expand(1, 1, 9, 9)
    value = boundary_enhancement_term(0.1 + ramp, torch.zeros_like(ramp), border="none", eps=0.0)
    assert float(value) == pytest.approx(0.0, abs=1e-12)


def test_printed_beta_makes_all_foreground_optimal() -> None:
    _, target, _ = pair(41)
    everything = torch.full_like(target, 50.0)
    assert float(balanced_bce_loss(everything, target, beta="printed")) == pytest.approx(0.0, abs=1e-12)
    assert float(balanced_bce_loss(everything, target)) > 1.0


def test_focal_without_focus_is_half_the_cross_entropy() -> None:
    logits, target, _ = pair(43)
    want = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
    torch.testing.assert_close(2 * focal_loss(logits, target, alpha=0.5, gamma=0.0), want, rtol=1e-12, atol=0)


def test_dice_of_two_empty_masks_is_agreement() -> None:
    logits = torch.full((1, 1, 4, 4), -2000.0, dtype=torch.float64)
    assert float(dice_loss(logits, torch.zeros_like(logits), smooth=0.0)) == 0.0


def test_erosion_drops_exactly_the_neighbourhood() -> None:
    weight = torch.ones(1, 1, 7, 7)
    weight[..., 3, 0] = 0
    want = torch.ones(7, 7)
    want[1:6, 0:3] = 0
    assert torch.equal(erode_valid(weight, radius_px=2)[0, 0], want)
    assert torch.equal(erode_valid(weight, radius_px=0), weight)


@pytest.mark.parametrize("name", NAMES)
def test_shapes_that_differ_are_refused_and_both_shown(name: str) -> None:
    logits = torch.zeros(1, 1, 8, 8)
    with pytest.raises(MismatchError, match=r"\(1, 1, 8, 7\).*\(1, 1, 8, 8\)"):
        build_loss(name)(logits, torch.zeros(1, 1, 8, 7))
    with pytest.raises(MismatchError, match=r"valid has shape \(1, 8, 8\)"):
        build_loss(name)(logits, torch.zeros(1, 1, 8, 8), torch.ones(1, 8, 8, dtype=torch.bool))


def test_wrong_inputs_are_refused() -> None:
    logits = torch.zeros(1, 1, 8, 8)
    with pytest.raises(InputError, match="0 to 1, got 0 to 255"):
        begl_loss(logits, torch.eye(8)[None, None] * 255)
    with pytest.raises(InputError, match=r"\(N, 1, H, W\), got \(8, 8\)"):
        begl_loss(logits[0, 0], logits[0, 0])
    with pytest.raises(InputError, match="floating"):
        prepare_inputs(torch.zeros(1, 1, 2, 2, dtype=torch.int64), torch.zeros(1, 1, 2, 2), None)
    with pytest.raises(InputError, match="1×9"):
        boundary_term(torch.zeros(1, 1, 1, 9), torch.zeros(1, 1, 1, 9))
    with pytest.raises(InputError, match="larger than 2 pixels, got 2×9"):
        boundary_enhancement_term(torch.zeros(1, 1, 2, 9), torch.zeros(1, 1, 2, 9))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("bce", {"beta": "other"}, "'balanced', 'printed'"),
        ("bce", {"beta": 1.5}, "0 to 1, got 1.5"),
        ("bce", {"degenerate": "other"}, "'half' or 'raw'"),
        ("be", {"form": "other"}, "'norm' or 'mean_square'"),
        ("be", {"border": "other"}, "'box', 'none' or 'zero'"),
        ("be", {"dice_weight": -1.0}, "0 or more"),
        ("focal", {"alpha": 2.0}, "alpha=2.0"),
        ("focal", {"gamma": -1.0}, "gamma=-1.0"),
        ("dice", {"smooth": -1.0}, "0 or more"),
        ("begl", {"size_px": 4}, "odd"),
        ("begl", {"sigma_px": 0.0}, "positive"),
    ],
)
def test_options_out_of_range_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    zeros = torch.zeros(1, 1, 8, 8)
    with pytest.raises(InputError, match=message):
        build_loss(name, **options)(zeros, zeros)


def test_unknown_names_and_options_list_the_choices() -> None:
    with pytest.raises(UsageError, match="begl, be, focal, dice, bce"):
        build_loss("bgel")
    with pytest.raises(UsageError, match="no option lamda1; it knows lambda1, lambda2"):
        build_loss("begl", lamda1=1.0)
