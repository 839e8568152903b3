"""Gates: one logit per patch, and a map that adds up to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from graven.nets import CompactGate, ResNetGate, build_net, he_init

GATES: list[tuple[str, dict[str, Any]]] = [
    ("resnet_gate", {}),
    ("compact_gate", {}),
    ("compact_gate", {"reduce": 1, "widths": (8, 16), "depths": (1, 1), "dropout": 0.2}),
]


def patches(n: int, size: int, device: str) -> torch.Tensor:
    """Noise in the range of standardised images."""
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(6)).to(device)


@pytest.mark.parametrize(("name", "options"), GATES)
def test_mean_of_the_map_and_bias_are_the_logit(name: str, options: dict[str, Any], device: str) -> None:
    gate = build_net(name, pooling="mean", **options).to(device).eval()
    gate.classifier.bias.data.fill_(0.7)
    with torch.inference_mode():
        logits, cam = gate.forward_with_cam(patches(3, 2 * gate.multiple, device))
        again = gate(patches(3, 2 * gate.multiple, device))
    assert logits.shape == (3, 1)
    torch.testing.assert_close(cam.mean(dim=(1, 2, 3)) + 0.7, logits[:, 0])
    torch.testing.assert_close(gate.cell_logits(cam).mean(dim=(1, 2, 3)), logits[:, 0])
    torch.testing.assert_close(again, logits)


@pytest.mark.parametrize("name", ["resnet_gate", "compact_gate"])
def test_map_is_the_weighted_sum_of_the_last_features(name: str, device: str) -> None:
    gate = build_net(name).to(device).eval()
    x = patches(2, 128, device)
    with torch.inference_mode():
        maps, (_, cam) = gate.features(x), gate.forward_with_cam(x)
        want = torch.einsum("k,nkyx->nyx", gate.classifier.weight[0], maps)
    torch.testing.assert_close(cam[:, 0], want, rtol=1e-4, atol=1e-5)


def test_soft_maximum_lies_between_mean_and_maximum_and_is_stable() -> None:
    gate = CompactGate(1, widths=(1,), depths=(1,), reduce=1, norm=None)
    cam = torch.tensor([[0.0, -3.0, 500.0, 2.0]])[None, None]
    gate.features = lambda _x: cam  # type: ignore[method-assign]  # the pooling alone is under test
    gate.classifier.weight.data.fill_(1.0)
    gate.classifier.bias.data.fill_(0.25)
    logits = gate(torch.zeros(1, 1, 4, 4))
    # log mean exp of one dominating value among four is that value less log 4
    assert float(logits.detach()) == pytest.approx(500 - np.log(4) + 0.25, abs=1e-4)


def test_resnet_gate_is_resnet_18_with_one_logit() -> None:
    # 11,176,512 parameters of ResNet-18 without its classifier, and 512 weights and a bias
    assert sum(p.numel() for p in ResNetGate().parameters()) == 11_176_512 + 513


def test_compact_gate_is_small_and_its_map_covers_a_512_patch() -> None:
    gate = CompactGate().eval()
    assert sum(p.numel() for p in gate.parameters()) <= 1_500_000
    with torch.inference_mode():
        _, cam = gate.forward_with_cam(torch.zeros(1, 3, 512, 512))
    assert cam.shape == (1, 1, 512 // gate.multiple, 512 // gate.multiple)


@pytest.mark.parametrize(("name", "options"), GATES)
def test_every_parameter_of_a_gate_learns(name: str, options: dict[str, Any], device: str) -> None:
    gate = build_net(name, **options)
    he_init(gate)  # timm starts the last norm of a residual block at 0, which hides the block for one step
    gate = gate.to(device).train()
    torch.nn.functional.softplus(-gate(patches(4, 2 * gate.multiple, device))).mean().backward()
    still = [n for n, p in gate.named_parameters() if p.grad is None or float(p.grad.abs().sum()) == 0]
    assert still == []


@pytest.mark.slow
def test_gate_finds_small_marks_and_its_map_points_at_them(device: str) -> None:
    rng = np.random.default_rng(12)
    torch.manual_seed(0)
    gate = CompactGate(1, widths=(8, 16), depths=(1, 1), reduce=1).to(device).train()
    optimiser = torch.optim.AdamW(gate.parameters(), lr=3e-3)

    def draw(n: int) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
        image, label = rng.normal(0, 0.3, (n, 1, 64, 64)), rng.random(n) < 0.5
        where = rng.integers(0, 8, (n, 2))
        for i in np.flatnonzero(label):
            r, c = where[i] * 8
            image[i, 0, r : r + 8, c : c + 8] += 1.5
        return torch.from_numpy(image).float().to(device), torch.from_numpy(label).float().to(device), where

    for _ in range(60):
        x, y, _ = draw(16)
        optimiser.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(gate(x)[:, 0], y).backward()
        optimiser.step()
    gate.eval()
    x, y, where = draw(64)
    with torch.inference_mode():
        logits, cam = gate.forward_with_cam(x)
    assert float(((logits[:, 0] > 0).float() == y).float().mean()) >= 0.95
    peak = cam.flatten(1).argmax(dim=1).cpu().numpy()
    hit = np.stack(np.unravel_index(peak, cam.shape[2:]), axis=1) == where
    assert hit.all(axis=1)[y.cpu().numpy() > 0].mean() >= 0.95
