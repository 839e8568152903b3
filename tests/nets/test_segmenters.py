"""What every segmenter shares, and the limits of the compact one."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch

from graven.errors import MissingExtra, UsageError
from graven.nets import NETS, CompactUNet, build_net, he_init

SEGMENTERS: list[tuple[str, dict[str, Any]]] = [
    ("unet", {"widths": (4, 8, 16)}),
    ("unet", {"widths": (8, 8, 16), "norm": "group"}),
    ("compact_unet", {}),
    ("compact_unet", {"cell_px": 4, "widths": (16, 24), "depths": (0, 1), "decoder_widths": (16,), "norm": None}),
    ("timm_unet", {}),
    ("timm_unet", {"encoder": "mobilenetv3_small_050", "decoder_widths": (16, 16, 16, 16, 8)}),
    ("timm_unet", {"encoder": "convnext_atto", "decoder_widths": (32, 16, 16)}),
    ("smp_unet", {"depth": 4}),
    ("res_unet", {"encoder": "resnet18"}),
    ("segnet", {"widths": (8, 16, 16), "depths": (1, 2, 3)}),
    ("mcdm", {}),
    ("smp_deeplabv3plus", {"encoder": "resnet18"}),
    ("smp_pspnet", {"encoder": "resnet18"}),
]


@pytest.mark.parametrize(("name", "options"), SEGMENTERS)
@pytest.mark.parametrize("channels", [(3, 1), (1, 2)])
def test_every_segmenter_gives_logits_on_the_grid_of_its_input(
    name: str, options: dict[str, Any], channels: tuple[int, int], device: str
) -> None:
    net = build_net(name, in_channels=channels[0], n_classes=channels[1], **options).to(device).eval()
    x = torch.randn(1, channels[0], net.multiple, 2 * net.multiple, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        out = net(x.to(device))
    assert out.shape == (1, channels[1], net.multiple, 2 * net.multiple)
    assert out.dtype == torch.float32
    assert bool(torch.isfinite(out).all())


@pytest.mark.parametrize(("name", "options"), SEGMENTERS)
def test_every_parameter_of_every_segmenter_learns(name: str, options: dict[str, Any], device: str) -> None:
    if name == "smp_unet":
        options = {}  # at a lower depth that library leaves the deepest stage in place, unused
    net = build_net(name, **options)
    he_init(net)  # timm starts the last norm of a residual block at 0, which hides the block for one step
    net = net.to(device).train()
    x = torch.randn(2, 3, 2 * net.multiple, 2 * net.multiple, generator=torch.Generator().manual_seed(3))
    net(x.to(device)).square().mean().backward()
    still = [n for n, p in net.named_parameters() if p.grad is None or float(p.grad.abs().sum()) == 0]
    assert still == []


def test_compact_unet_fits_the_bundle_in_half_precision() -> None:
    n = sum(p.numel() for p in CompactUNet().parameters())
    assert n <= 3_500_000
    assert 2 * n <= 7 * 2**20  # one of the 8 MiB stays free for the graph


def test_compact_unet_sees_more_than_250_pixels() -> None:
    net = CompactUNet().double().eval()
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, 512, 512))).requires_grad_()
    net(x)[0, 0, 256, 256].backward()
    assert x.grad is not None
    rows, cols = np.nonzero(x.grad.abs().sum(dim=(0, 1)).numpy())
    assert np.ptp(rows) + 1 >= 250
    assert np.ptp(cols) + 1 >= 250


def test_space_to_depth_and_back_keep_every_pixel_in_place() -> None:
    # Stem and head that pass the four pixels of a cell through, nothing between them.
    net = CompactUNet(1, 1, widths=(4, 4), depths=(0, 1), decoder_widths=(4,), norm=None).eval()
    for parameter in net.parameters():
        torch.nn.init.zeros_(parameter)
    for k in range(4):
        net.stem[0].weight.data[k, k, 1, 1] = 1.0
        net.decoder[0].conv[0].weight.data[k, 4 + k, 1, 1] = 1.0
        net.head.weight.data[k, k, 1, 1] = 1.0
    x = torch.rand(1, 1, 8, 12, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(net(x), x)


@pytest.mark.slow
def test_compact_unet_learns_to_outline_a_figure(device: str) -> None:
    rng = np.random.default_rng(9)
    target = np.zeros((4, 1, 64, 64), np.float32)
    for i, (r, c) in enumerate(rng.integers(8, 32, size=(4, 2))):
        target[i, 0, r : r + 20, c : c + 14] = 1
    image = np.repeat(target, 3, axis=1) * 0.5 + rng.normal(0, 0.3, (4, 3, 64, 64)).astype(np.float32)
    torch.manual_seed(0)
    net = CompactUNet().to(device).train()
    x, y = torch.from_numpy(image).to(device), torch.from_numpy(target).to(device)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3)
    for _ in range(60):
        optimiser.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(net(x), y).backward()
        optimiser.step()
    with torch.no_grad():
        preds = net(x) > 0
    overlap = float((preds & (y > 0)).sum() / (preds | (y > 0)).sum())
    assert overlap > 0.95


def test_unknown_names_and_options_list_the_choices() -> None:
    with pytest.raises(UsageError, match=", ".join(NETS)):
        build_net("u-net")
    with pytest.raises(UsageError, match=r"no option width; it knows in_channels, n_classes, widths"):
        build_net("unet", width=3)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("compact_unet", {"widths": (16, 32)}, "as many depths"),
        ("compact_unet", {"depths": (1, 0, 1, 1, 1)}, "every level but the first"),
        ("compact_unet", {"cell_px": 0}, "cell_px=0"),
        ("timm_unet", {"encoder": "resnet19"}, "no network 'resnet19'; choose for instance resnet1"),
        ("timm_unet", {"decoder_widths": ()}, "at least one decoder width"),
        ("timm_unet", {"decoder_widths": (8,) * 9}, "has 5 levels, got 9"),
        ("timm_unet", {"encoder": "vit_tiny_patch16_224", "decoder_widths": (8, 8)}, "not a pyramid"),
        ("smp_unet", {"encoder": "resnet19"}, "no encoder 'resnet19'; choose one of"),
        ("smp_unet", {"depth": 7}, "3, 4 or 5, got 7"),
        ("compact_gate", {"widths": (8, 16)}, "as many depths"),
        ("compact_gate", {"pooling": "max"}, "'mean' or 'softmax'"),
        ("resnet_gate", {"encoder": "resnet19"}, "no network 'resnet19'"),
    ],
)
def test_networks_that_cannot_be_built_say_why(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build_net(name, **options)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("timm_unet", "timm"),
        ("resnet_gate", "timm"),
        ("res_unet", "timm"),
        ("smp_unet", "segmentation_models_pytorch"),
        ("mcdm", "segmentation_models_pytorch"),
    ],
)
def test_a_missing_library_names_the_extra(name: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # what an import of something not installed finds
    with pytest.raises(MissingExtra, match=r"graven\[ml\]"):
        build_net(name)
