"""The soft-edge detector: its published size, its maps, and what it learns."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from graven.errors import InputError, UsageError
from graven.losses import edge_class_loss
from graven.nets.edge_detector import EdgeDetector


def test_x_params_1(vectors: dict[str, dict[str, Any]]) -> None:
    want = vectors["X-PARAMS-1"]["expected"]
    counts = {n: sum(part.numel() for part in EdgeDetector(n_classes=n).parameters()) for n in (1, 6)}
    assert counts == {1: want["edge_detector_original_1_output"], 6: want["edge_detector_6_classes_24_channel_fusion"]}


@pytest.mark.parametrize(("height", "width"), [(32, 40), (8, 64)])
def test_maps_have_the_size_of_the_picture(height: int, width: int) -> None:
    net = EdgeDetector(n_classes=6).eval()
    with torch.inference_mode():
        assert net(torch.rand(2, 3, height, width) * 255).shape == (2, 6, height, width)


def test_pictures_of_a_batch_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    net = EdgeDetector().eval()
    pictures = torch.rand(2, 3, 48, 48) * 255
    with torch.inference_mode():
        torch.testing.assert_close(net(pictures)[:1], net(pictures[:1]), rtol=1e-4, atol=1e-4)


def test_it_learns_a_step() -> None:
    torch.manual_seed(0)
    net = EdgeDetector()
    picture = torch.zeros(1, 3, 32, 32)
    picture[..., 16:] = 200
    target = torch.zeros(1, 1, 32, 32)
    target[..., 15:17] = 5
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = edge_class_loss(net(picture), target)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]


def test_refusals() -> None:
    with pytest.raises(InputError, match="divisible by 8"):
        EdgeDetector()(torch.zeros(1, 3, 30, 32))
    with pytest.raises(UsageError, match="a class or more and four widths"):
        EdgeDetector(n_classes=0)
