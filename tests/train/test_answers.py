"""Arrays go through a network as tensors do, whatever the number of images at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graven.errors import InputError
from graven.nets import build_net
from graven.train.answers import predict_logits
from graven.train.task import Standardised


def network() -> Standardised:
    torch.manual_seed(3)
    return Standardised(
        build_net("unet", in_channels=3, widths=[4, 8], norm="batch"), mean=[120.0, 0.0, 0.0], std=[40.0, 1.0, 1.0]
    )


def test_answers_are_those_of_the_network_in_evaluation_mode() -> None:
    model = network().train()
    images = np.random.default_rng(0).normal(100, 30, (5, 3, 16, 24)).astype(np.float32)
    found = predict_logits(model, images, batch_size=2)
    with torch.no_grad():
        expected = model.eval()(torch.from_numpy(images))[:, 0].numpy()
    assert (found.shape, found.dtype) == ((5, 16, 24), np.float32)
    np.testing.assert_allclose(found, expected, atol=1e-3)  # batches of another size add up in another order
    assert np.ptp(found) > 0


def test_bytes_are_taken_as_numbers() -> None:
    model = network()
    pixels = np.random.default_rng(1).integers(0, 256, (2, 3, 16, 16), dtype=np.uint8)
    np.testing.assert_array_equal(predict_logits(model, pixels), predict_logits(model, pixels.astype(np.float32)))


def test_one_image_without_a_batch_is_refused() -> None:
    with pytest.raises(InputError, match=r"expected a batch of shape \(N, C, H, W\), got \(3, 16, 16\)"):
        predict_logits(network(), np.zeros((3, 16, 16), np.float32))
