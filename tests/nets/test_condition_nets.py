"""The networks of the condition method: Res-UNet by its layer table, and those that it is compared with."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from graven.errors import InputError, UsageError
from graven.nets import MCDM, ResUNet, SegNet, build_net
from graven.nets.segnet import pool_with_places, put_back

Vectors = dict[str, dict[str, Any]]
SMALL: list[tuple[str, dict[str, Any]]] = [
    ("res_unet", {"encoder": "resnet18"}),
    ("segnet", {"widths": (8, 16), "depths": (1, 2)}),
    ("mcdm", {}),
    ("smp_deeplabv3plus", {"encoder": "resnet18"}),
    ("smp_pspnet", {"encoder": "resnet18"}),
    ("smp_unet", {"n_classes": 3}),
    ("timm_unet", {"n_classes": 3}),
    ("compact_unet", {"n_classes": 3}),
]


def n_parameters(net: Any) -> int:
    """Trainable numbers of a network."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    """Normal numbers from a local generator."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# What two-stage training asks of each.


@pytest.mark.parametrize(("name", "options"), SMALL)
def test_an_encoder_held_still_neither_learns_nor_counts_while_the_rest_does(
    name: str, options: dict[str, Any], device: str
) -> None:
    net = build_net(name, **options).to(device).train()
    assert 0 < n_parameters(net.encoder) < n_parameters(net)
    net.encoder.eval().requires_grad_(False)
    before = {key: value.clone() for key, value in net.encoder.state_dict().items()}
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    out = net(noise(2, 3, 64, 64).to(device))
    assert out.shape == (2, 3, 64, 64)
    functional.cross_entropy(out, torch.ones(2, 64, 64, dtype=torch.int64, device=device)).backward()
    optimiser.step()
    assert all(torch.equal(value, before[key]) for key, value in net.encoder.state_dict().items())
    rest = [p for p in net.parameters() if p.requires_grad]
    assert len(rest) > 2
    assert all(p.grad is not None for p in rest)


# Res-UNet.


def test_res_unet_has_the_parameters_of_the_specification(vectors: Vectors) -> None:
    want = vectors["X-PARAMS-1"]["expected"]
    with torch.device("meta"):  # counts need no memory
        net = ResUNet(n_classes=3)
    assert n_parameters(net.encoder) == want["resunet_C_encoder"]
    assert n_parameters(net) - n_parameters(net.encoder) == want["resunet_C_decoder_3_classes"]
    assert n_parameters(net) == want["resunet_C_total_3_classes"]


@pytest.mark.parametrize(("in_channels", "key"), [(1, "engraving_unet_1ch"), (3, "engraving_unet_3ch")])
def test_the_networks_for_engraving_have_the_parameters_of_the_specification(
    vectors: Vectors, in_channels: int, key: str
) -> None:
    with torch.device("meta"):
        net = build_net("smp_unet", encoder="efficientnet-b6", in_channels=in_channels)
    assert n_parameters(net) == vectors["X-PARAMS-1"]["expected"][key]


def test_res_unet_levels_have_the_sizes_of_the_table() -> None:
    with torch.device("meta"):
        net, x = ResUNet(), torch.zeros(1, 3, 512, 512)
        seen: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        for block in net.decoder:
            block.register_forward_hook(lambda _m, i, out: seen.append((tuple(i[0].shape[1:]), tuple(out.shape[1:]))))
        features = [tuple(f.shape[1:]) for f in net.encoder(x)]
        out = net(x)
    assert features == [(64, 256, 256), (256, 128, 128), (512, 64, 64), (1024, 32, 32), (2048, 16, 16)]
    assert seen == [
        ((3072, 32, 32), (512, 32, 32)),
        ((1024, 64, 64), (256, 64, 64)),
        ((512, 128, 128), (128, 128, 128)),
        ((192, 256, 256), (64, 256, 256)),
        ((64, 512, 512), (64, 512, 512)),
    ]
    assert tuple(out.shape) == (1, 3, 512, 512)


def test_res_unet_decoder_has_biases_and_no_norm_and_strides_on_the_square_convolutions() -> None:
    with torch.device("meta"):
        net = ResUNet()
    convolutions = [m for m in net.decoder.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [(m.kernel_size, m.bias is not None) for m in convolutions] == [((3, 3), True)] * 10
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in [*net.decoder.modules(), net.head])
    strided = [m for n, m in net.encoder.named_modules() if n.startswith("layer") and n.endswith("conv2")]
    assert [m.stride for m in strided if m.stride != (1, 1)] == [(2, 2)] * 3
    first = [m for n, m in net.encoder.named_modules() if n.startswith("layer") and n.endswith("conv1")]
    assert {m.stride for m in first} == {(1, 1)}


@pytest.mark.parametrize(("pool", "want"), [("ceil", [2, 4, 6, 7]), ("padded", [1, 3, 5, 7])])
def test_res_unet_pools_with_the_windows_of_its_option(pool: Any, want: list[int]) -> None:
    # Windows of three from 2i: (0 1 2), (2 3 4), (4 5 6), (6 7 -); or from 2i - 1: (- 0 1), (1 2 3), (3 4 5), (5 6 7).
    net = ResUNet(encoder="resnet18", pool=pool).eval()
    net.encoder.conv1 = net.encoder.bn1 = net.encoder.act1 = torch.nn.Identity()
    got: list[torch.Tensor] = []
    net.encoder.layer1.register_forward_pre_hook(lambda _m, args: got.append(args[0]))
    net.encoder(torch.arange(8.0).expand(1, 64, 8, 8))
    torch.testing.assert_close(got[0][0, 0, 0], torch.tensor(want, dtype=torch.float32))


@pytest.mark.parametrize("align_corners", [True, False])
def test_res_unet_upsampling_keeps_the_corners_or_the_centres_in_place(align_corners: bool) -> None:
    net = ResUNet(encoder="resnet18", align_corners=align_corners).eval()
    maps: list[torch.Tensor] = []
    net.decoder[3].register_forward_hook(lambda _m, _i, out: maps.append(out))
    net.decoder[4].register_forward_pre_hook(lambda _m, args: maps.append(args[0]))
    with torch.inference_mode():
        net(noise(1, 3, 32, 64))
    channel = int(maps[0][0, :, 0].std(dim=1).argmax())  # one that is not dead
    small, large = (m[0, channel, 0].double().numpy() for m in maps)  # row 0 lies on row 0 either way
    n = len(small)
    places = np.arange(2 * n) * (n - 1) / (2 * n - 1) if align_corners else (np.arange(2 * n) + 0.5) / 2 - 0.5
    np.testing.assert_allclose(large, np.interp(places, np.arange(n), small), atol=1e-6)
    assert np.ptp(small) > 0


def test_res_unet_refuses_what_it_cannot_build() -> None:
    with pytest.raises(UsageError, match="'ceil' or 'padded', got 'floor'"):
        build_net("res_unet", pool="floor")
    with pytest.raises(UsageError, match="such as resnet50, got 'mobilenetv2_100'"):
        build_net("res_unet", encoder="mobilenetv2_100")


def test_published_weights_are_named_or_their_absence_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    with pytest.raises(UsageError, match=r"no weights 'imagenet' of 'resnet50'; choose one of .*a1_in1k.*tv_in1k"):
        build_net("res_unet", encoder_weights="imagenet")
    hub = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)  # a machine without a connection
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(UsageError, match=r"'resnet18.tv_in1k' could not be fetched: .*without encoder_weights"):
        build_net("res_unet", encoder="resnet18", encoder_weights="tv_in1k")


# SegNet.


@pytest.mark.parametrize("seed", range(4))
def test_places_are_the_indices_of_pytorch_ties_included(seed: int, device: str) -> None:
    x = torch.randint(0, 3, (2, 5, 8, 12), generator=torch.Generator().manual_seed(seed)).float().to(device)
    pooled, places = pool_with_places(x)
    want, indices = functional.max_pool2d(x, 2, return_indices=True)
    assert torch.equal(pooled, want)
    assert torch.equal(put_back(pooled, places), functional.max_unpool2d(want, indices, 2))
    y = noise(2, 5, 4, 6).to(device)
    assert torch.equal(put_back(y, places), functional.max_unpool2d(y, indices, 2))


def test_pooling_sends_the_gradient_to_the_place_alone() -> None:
    x = torch.zeros(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)  # all tie
    pool_with_places(x)[0].sum().backward()
    want = torch.zeros(4, 4, dtype=torch.float64)
    want[::2, ::2] = 1
    assert x.grad is not None
    assert torch.equal(x.grad[0, 0], want)


def test_segnet_is_vgg16_and_its_mirror_image() -> None:
    down = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    up = [512, 512, 512, 512, 512, 512, 256, 256, 256, 128, 128, 64, 64]
    with torch.device("meta"):
        net = SegNet()
    convolutions = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
    pairs = [*pairwise(down), *pairwise(up), (64, 3)]
    assert [(m.in_channels, m.out_channels) for m in convolutions] == pairs
    assert n_parameters(net) == sum(9 * a * b + 2 * b for a, b in pairs[:-1]) + 9 * 64 * 3 + 3 == 29_436_803
    with pytest.raises(UsageError, match=r"as many depths of 1 or more; got widths=\(8, 16\), depths=\(1,\)"):
        SegNet(widths=(8, 16), depths=(1,))


def test_segnet_passes_nothing_between_its_halves_but_places() -> None:
    # With one level and convolutions that pass channels through, a value returns to its own pixel.
    net = SegNet(1, 1, widths=(1,), depths=(1,), norm=None).eval()
    for module in (net.encoder[0][0][0], net.head):
        torch.nn.init.dirac_(module.weight)
    x = torch.tensor([[1.0, 5.0, 2.0, 2.0], [3.0, 4.0, 0.0, 1.0]])[None, None]
    want = torch.tensor([[0.0, 5.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(net(x)[0, 0], want)


# Through segmentation-models-pytorch.


def test_psp_means_are_those_of_the_library_at_any_size() -> None:
    smp = pytest.importorskip("segmentation_models_pytorch")
    net = build_net("smp_pspnet", encoder="resnet18").eval()
    peer = smp.PSPNet("resnet18", None, encoder_depth=5, output_stride=8, upsampling=8, classes=3).eval()
    weights = {
        key.replace(".conv.0", ".pool.1.0").replace(".conv.1", ".pool.1.1") if ".blocks." in key else key: value
        for key, value in net.net.state_dict().items()
    }
    peer.load_state_dict(weights)
    x = noise(2, 3, 72, 104)  # maps of 9×13, which neither 2, 3 nor 6 divide
    with torch.inference_mode():
        torch.testing.assert_close(net(x), peer(x), rtol=1e-4, atol=1e-4)


def test_mcdm_is_light_and_its_pyramid_is_depthwise_separable() -> None:
    with torch.device("meta"):
        net = MCDM()
    assert n_parameters(net) == 4_379_027
    dilated = [m for m in net.net.decoder.modules() if isinstance(m, torch.nn.Conv2d) and m.dilation != (1, 1)]
    assert [m.dilation for m in dilated] == [(6, 6), (12, 12), (18, 18)]
    assert all(m.groups == m.in_channels for m in dilated)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("smp_deeplabv3plus", {"output_stride": 32}, "8 or 16, got 32"),
        ("smp_deeplabv3plus", {"rates": (6, 12)}, r"three dilations of 1 or more, got \(6, 12\)"),
        ("smp_pspnet", {"output_stride": 4}, "8 or 16, got 4"),
        ("mcdm", {"rates": (0, 1, 2)}, "three dilations"),
    ],
)
def test_options_out_of_range_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build_net(name, **options)


def test_narrowed_res_unet_has_the_same_maps_with_fewer_channels() -> None:
    whole, narrow = build_net("res_unet"), build_net("res_unet", narrowing=4)
    assert narrow(torch.zeros(1, 3, 64, 64)).shape == (1, 3, 64, 64)
    assert whole.encoder.feature_info.channels() == [64, 256, 512, 1024, 2048]
    # The first convolution keeps its 64 channels; the others have a quarter.
    assert narrow.encoder.feature_info.channels() == [64, 64, 128, 256, 512]
    assert [block[-1][0].out_channels for block in narrow.decoder] == [128, 64, 32, 16, 16]
    with pytest.raises(InputError, match="narrowing must divide 64, got 3"):
        build_net("res_unet", narrowing=3)
    with pytest.raises(InputError, match="published weights belong to the full width"):
        build_net("res_unet", narrowing=4, encoder_weights="tv_in1k")
