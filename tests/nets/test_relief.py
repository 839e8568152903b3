"""The networks of reliefs: shapes, what gradients reach, and what is frozen."""

from __future__ import annotations

import pytest
import torch

from graven.errors import InputError, UsageError
from graven.losses import ReliefLoss, ReliefOutputs, ReliefTruth
from graven.nets.relief import CompactRelief, ReliefNet, edge_map
from graven.nets.relief_parts import Context, CrossAttention, ReliefDecoder


def _truth(height: int, width: int) -> ReliefTruth:
    made = torch.Generator().manual_seed(0)
    shape = (1, 1, height, width)
    return ReliefTruth(
        0.2 + 0.6 * torch.rand(shape, generator=made),
        torch.randint(0, 4, shape, generator=made),
        torch.randint(0, 6, shape, generator=made),
    )


def test_the_compact_network_fits_into_a_bundle_and_answers_at_full_size() -> None:
    net = CompactRelief().eval()
    assert sum(part.numel() for part in net.parameters()) * 2 < 8 * 2**20
    with torch.inference_mode():
        depth, semantics, photo, from_depth = net(torch.rand(2, 3, 64, 96) * 255)
    assert depth.shape == (2, 1, 64, 96)
    assert semantics.shape == (2, 4, 64, 96)
    assert photo is not None
    assert from_depth is not None
    assert photo.shape == from_depth.shape == (2, 6, 64, 96)
    assert 0.001 <= float(depth.min()) <= float(depth.max()) <= 0.999


def test_every_parameter_learns_and_edges_teach_depth() -> None:
    torch.manual_seed(0)
    net = CompactRelief()
    outputs = ReliefOutputs(*net(torch.rand(1, 3, 64, 64) * 255))
    ReliefLoss()(outputs, _truth(64, 64)).total.backward()
    silent = [name for name, part in net.named_parameters() if part.grad is None or not part.grad.abs().sum() > 0]
    # a bias before a batch norm has no effect
    assert [name for name in silent if not name.endswith("bias")] == []
    net.zero_grad()
    only_edges = ReliefLoss(weights=(0.0, 0.0, 1.0))
    only_edges(ReliefOutputs(*net(torch.rand(1, 3, 64, 64) * 255)), _truth(64, 64)).total.backward()
    assert net.head_depth.weight.grad is not None
    assert net.head_depth.weight.grad.abs().sum() > 0
    assert net.trunk.head.weight.grad is None or not net.trunk.head.weight.grad.any()


def test_the_edge_map_is_between_0_and_1_and_has_no_gradient() -> None:
    logits = torch.zeros(1, 6, 2, 2, requires_grad=True)
    found = edge_map(logits)
    assert float(found.mean()) == pytest.approx(0.5)
    assert not found.requires_grad
    sure = torch.full((1, 6, 1, 1), -50.0)
    sure[0, 5] = 50
    assert float(edge_map(sure)) == pytest.approx(1)


def test_without_edges_there_are_no_detectors() -> None:
    net = CompactRelief(edges=False).eval()
    *_, photo, from_depth = net(torch.zeros(1, 3, 32, 32))
    assert (photo, from_depth) == (None, None)
    assert not any("detector" in name for name, _ in net.named_parameters())


def test_the_fusion_begins_as_the_identity_and_ignores_padding() -> None:
    torch.manual_seed(0)
    join = CrossAttention(64).eval()
    x, tokens = torch.randn(1, 64, 3, 4), torch.randn(1, 9, 64)
    empty = torch.arange(9) >= 6
    torch.testing.assert_close(join(x, tokens, empty), x)
    torch.nn.init.normal_(join.attend.out_proj.weight)
    other = tokens.clone()
    other[:, 6:] = 99
    torch.testing.assert_close(join(x, other, empty), join(x, tokens, empty))
    assert not torch.allclose(join(x, tokens + 1 * torch.randn_like(tokens), empty), join(x, tokens, empty))


def test_context_and_decoder_have_the_published_sizes() -> None:
    deep = torch.zeros(1, 64, 4, 5)
    assert Context(64).eval()(deep).shape == deep.shape
    skips = [torch.zeros(1, n, 4 * 2**k, 5 * 2**k) for n, k in ((8, 3), (16, 2), (32, 1))]
    assert ReliefDecoder((8, 16, 32, 64), 4).eval()(deep, skips).shape == (1, 4, 128, 160)


@pytest.mark.slow
def test_the_published_network() -> None:
    torch.manual_seed(0)
    net = ReliefNet(height=128, width=160, sam_px=256)
    net.train()
    assert net.sam is not None
    assert not net.sam.body.training
    outputs = ReliefOutputs(*net(torch.rand(2, 3, 128, 160) * 255))
    assert outputs.depth.shape == (2, 1, 128, 160)
    truth = ReliefTruth(*(torch.cat([part, part]) for part in _truth(128, 160)))
    ReliefLoss()(outputs, truth).total.backward()
    frozen = [name for name, part in net.named_parameters() if not part.requires_grad]
    assert frozen
    assert all(name.startswith("sam.body.") for name in frozen)
    learning = dict(net.named_parameters())
    for name in ("encoder.embed.edges.weight", "sam.merges.0.reduce.weight", "decoder_depth.head.weight"):
        grad = learning[name].grad
        assert grad is not None, name
    assert [stage.shape[1:] for stage in net.encoder(torch.zeros(1, 3, 128, 160), torch.zeros(1, 1, 128, 160))] == [
        (128, 32, 40),
        (256, 16, 20),
        (512, 8, 10),
        (1024, 4, 5),
    ]


def test_refusals() -> None:
    with pytest.raises(InputError, match="divisible by 32"):
        CompactRelief()(torch.zeros(1, 3, 48, 64))
    with pytest.raises(UsageError, match="two classes or more"):
        CompactRelief(n_classes=1)
    with pytest.raises(UsageError, match="multiples of 32"):
        ReliefNet(height=100, width=160)
