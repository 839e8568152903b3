"""The plain U-Net: exact parameter counts, shapes, sizes it refuses, and what each part does."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from graven.errors import InputError, UsageError
from graven.nets import NETS, UNet, build_net, he_init
from graven.nets.blocks import make_norm


def n_parameters(net: torch.nn.Module) -> int:
    """Trainable numbers of a network."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({}, "unet_A_3ch_no_norm"),
        ({"norm": "batch"}, "unet_A_3ch_batchnorm_convs_without_bias"),
        ({"in_channels": 1}, "unet_A_1ch_no_norm"),
    ],
)
def test_parameter_counts_are_those_of_the_specification(
    vectors: dict[str, dict[str, Any]], options: dict[str, Any], key: str
) -> None:
    with torch.device("meta"):  # counts need no memory
        net = UNet(**options)
    assert n_parameters(net) == vectors["X-PARAMS-1"]["expected"][key]


def test_levels_have_the_sizes_of_the_table() -> None:
    with torch.device("meta"):
        net, x = UNet(), torch.zeros(1, 3, 512, 512)
        seen: dict[str, tuple[int, ...]] = {}
        for name, module in net.named_modules():
            if name.count(".") == 1:
                module.register_forward_hook(
                    lambda _m, _i, out, name=name: seen.__setitem__(name, tuple(out.shape[1:]))
                )
        out = net(x)
    encoder = [seen[f"encoder.{i}"] for i in range(5)]
    decoder = [seen[f"decoder.{i}"] for i in range(4)]
    assert encoder == [(64, 512, 512), (128, 256, 256), (256, 128, 128), (512, 64, 64), (1024, 32, 32)]
    assert decoder == [(512, 64, 64), (256, 128, 128), (128, 256, 256), (64, 512, 512)]
    assert tuple(out.shape) == (1, 1, 512, 512)


def test_upsampling_has_half_pixel_centres() -> None:
    # Two levels; the deep level passes its input through, the shallow level passes only the upsampled part.
    net = UNet(1, 1, widths=(1, 1))
    for parameter in net.parameters():
        torch.nn.init.zeros_(parameter)
    for block, channel in ((net.encoder[0], 0), (net.encoder[1], 0), (net.decoder[0], 0)):
        block[0][0].weight.data[0, channel, 1, 1] = 1.0
        block[1][0].weight.data[0, 0, 1, 1] = 1.0
    net.head.weight.data[:] = 1.0
    x = torch.tensor([[0.0, 0.0, 4.0, 4.0]]).repeat(2, 1)[None, None]
    # pooled row (0, 4); centres at 0.5 and 2.5 of the fine grid: 0, 1, 3, 4
    torch.testing.assert_close(net(x)[0, 0, 0], torch.tensor([0.0, 1.0, 3.0, 4.0]))


def test_he_initialisation_keeps_the_variance_and_is_repeatable(device: str) -> None:
    net = build_net("unet", widths=(8, 16, 32))
    he_init(net, generator=torch.Generator().manual_seed(5))
    first = [p.detach().clone() for p in net.parameters()]
    he_init(net, generator=torch.Generator().manual_seed(5))
    assert all(torch.equal(a, b) for a, b in zip(first, net.parameters(), strict=True))
    weight = net.decoder[0][0][0].weight.detach()  # 48 channels in, 9 samples each
    assert float(weight.std()) == pytest.approx((2 / (48 * 9)) ** 0.5, rel=0.05)
    assert all(float(p.detach().abs().max()) == 0 for n, p in net.named_parameters() if n.endswith("bias"))
    out = net.to(device)(torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)).to(device))
    assert out.device.type == device
    assert bool(torch.isfinite(out).all())


@pytest.mark.parametrize("name", sorted(NETS))
def test_a_size_that_does_not_fit_is_refused_with_the_size_to_pad_to(name: str) -> None:
    net = build_net(name).eval()
    m = net.multiple
    with pytest.raises(InputError, match=f"divisible by {m}, got {m + 1}×{3 * m - 1}; pad to {2 * m}×{3 * m} and crop"):
        net(torch.zeros(1, 3, m + 1, 3 * m - 1))
    with pytest.raises(InputError, match="built for 3 channels, got 4"):
        net(torch.zeros(1, 4, m, m))
    with pytest.raises(InputError, match=rf"\(N, 3, H, W\), got shape \(3, {m}, {m}\)"):
        net(torch.zeros(3, m, m))


def test_group_norm_divides_the_channels() -> None:
    assert make_norm("group", 12).num_groups == 4
    with pytest.raises(UsageError, match="'batch', 'group' or None"):
        make_norm("layer", 8)  # type: ignore[arg-type]  # a wrong name on purpose


def test_one_width_is_refused() -> None:
    with pytest.raises(UsageError, match="at least two widths"):
        UNet(widths=(8,))
