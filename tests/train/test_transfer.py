"""A bundle becomes a network again that answers as it did, and all of which can be trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from graven.errors import DefectError, MismatchError
from graven.io.bundle import read_bundle, read_check
from graven.nets import build_net
from graven.train.export import Export, export_onnx, probabilities
from graven.train.folding import fold_norms
from graven.train.task import Standardised
from graven.train.transfer import trained_network
from graven.types import CONDITION_CLASSES, ModelSpec, Normalisation

TINY = [
    ("unet", {"widths": [8, 16], "norm": "batch"}),
    ("compact_unet", {}),
    ("segnet", {"widths": [8, 16], "depths": [1, 2]}),
    ("res_unet", {"encoder": "resnet18", "narrowing": 8}),
    ("timm_unet", {"encoder": "mobilenetv3_small_050"}),
    ("mcdm", {"width": 16}),
    ("smp_unet", {"depth": 3}),
    ("smp_deeplabv3plus", {"encoder": "resnet18", "width": 16}),
    ("smp_pspnet", {"encoder": "resnet18", "width": 16}),
]
"""Every network for pixels that can be trained, as small as it goes."""


def experienced(name: str, options: dict[str, Any]) -> Standardised:
    """A network whose normalisation holds statistics as a training leaves them."""
    torch.manual_seed(0)
    net = build_net(name, **options, n_classes=3)
    model = Standardised(net, mean=(128.0,) * 3, std=(50.0,) * 3, is_exclusive=True).eval()
    generator = torch.Generator().manual_seed(1)
    for norm in model.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            for tensor, low, high in (
                (norm.running_mean, -0.2, 0.2),
                (norm.running_var, 0.5, 1.5),
                (norm.weight.data, 0.7, 1.3),
                (norm.bias.data, -0.1, 0.1),
            ):
                tensor.uniform_(low, high, generator=generator)
    return model


def spec_of(name: str, options: dict[str, Any]) -> ModelSpec:
    """What a bundle would say of it."""
    return ModelSpec(
        name="tiny",
        version="1.0",
        method="condition",
        role="segment",
        network=name,
        network_options=options | {"n_classes": 3},
        classes=CONDITION_CLASSES,
        bands=("red", "green", "blue"),
        pixel_size_mm=0.1,
        tile_px=64,
        overlap_px=16,
        normalisation=Normalisation((128.0,) * 3, (50.0,) * 3),
        prepare=(),
        threshold=0.5,
        min_object_mm2=0.0,
        companions={},
        sha256="",
    )


def exported(model: Standardised, path: Path) -> Export:
    pixels = np.random.default_rng(3).integers(0, 256, (1, 3, 64, 64), dtype=np.uint8)
    return export_onnx(model, path, check_input=pixels)


@pytest.mark.parametrize("name", ["petroglyph", "petroglyph-gate", "condition"])
def test_a_bundled_network_answers_as_its_bundle_and_can_be_trained(name: str) -> None:
    bundle = read_bundle(name)
    net = trained_network(bundle.spec, bundle.model_path)
    stored, expected = read_check(bundle) or ((), ())
    assert np.abs(probabilities(net.eval(), stored.astype(np.float32)) - expected).max() < 1e-5
    assert all(weight.requires_grad for weight in net.parameters())


def test_a_file_of_another_network_is_refused(damage_model: Path) -> None:
    bundle = read_bundle(damage_model)
    spec = replace(bundle.spec, network="compact_unet", network_options={"n_classes": 3})
    with pytest.raises(MismatchError, match="does not hold the network 'compact_unet'"):
        trained_network(spec, bundle.model_path)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), TINY, ids=[name for name, _ in TINY])
def test_every_network_for_pixels_comes_back_from_its_file(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    export = exported(experienced(name, options), tmp_path / "model.onnx")
    assert export.graph_difference < 1e-5, "what is rounded to half precision is what the file holds"
    net = trained_network(spec_of(name, options), export.path)
    found = probabilities(net.eval(), export.check_input.astype(np.float32))
    assert np.abs(found - export.check_output).max() < 1e-5
    assert all(weight.requires_grad for weight in net.parameters())


@pytest.mark.parametrize(("name", "options"), TINY, ids=[name for name, _ in TINY])
def test_folding_changes_nothing_but_rounding(name: str, options: dict[str, Any]) -> None:
    model = experienced(name, options)
    pixels = np.random.default_rng(2).uniform(0, 255, (1, 3, 96, 64)).astype(np.float32)
    before = probabilities(model, pixels)
    called: list[torch.nn.Module] = []
    for module in fold_norms(model).modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # smp builds parts of an encoder that it does not use
            module.register_forward_pre_hook(lambda norm, _inputs: called.append(norm))
    assert np.abs(probabilities(model, pixels) - before).max() < 1e-4
    assert not called


def test_a_norm_that_shares_its_convolution_is_left_alone() -> None:
    class Shared(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 2, 3, padding=1)
            self.one, self.two = torch.nn.BatchNorm2d(2), torch.nn.BatchNorm2d(2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen = self.conv(x)
            return self.one(seen) + self.two(seen)

    model = Standardised(Shared(), mean=(0.0,) * 3, std=(1.0,) * 3).eval()
    assert sum(isinstance(module, torch.nn.BatchNorm2d) for module in fold_norms(model).modules()) == 2


def test_a_convolution_that_is_used_beside_its_norm_is_not_folded_in_silence() -> None:
    class Beside(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = torch.nn.Conv2d(3, 2, 3, padding=1), torch.nn.BatchNorm2d(2)
            self.norm.bias.data.fill_(3.0)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen = self.conv(x)
            return self.norm(seen) + seen

    model = Standardised(Beside(), mean=(128.0,) * 3, std=(50.0,) * 3).eval()
    with pytest.raises(DefectError, match="Beside answers differently"):
        fold_norms(model)


@pytest.mark.slow
def test_a_file_in_which_the_exporter_had_folded_the_norms_is_read_as_well(tmp_path: Path) -> None:
    """As graven wrote them before it folded all norms itself: the offsets are named after the weights."""
    name, options = "res_unet", {"encoder": "resnet18", "narrowing": 8}
    export = exported(experienced(name, options), tmp_path / "model.onnx")
    proto = onnx.load(export.path)

    def renamed(name: str) -> str:
        return name.replace(".bias", ".weight_bias") if ".encoder." in name else name

    for tensor in proto.graph.initializer:
        tensor.name = renamed(tensor.name)
    for node in proto.graph.node:
        node.input[:], node.output[:] = map(renamed, node.input), map(renamed, node.output)
    assert sum("weight_bias" in tensor.name for tensor in proto.graph.initializer) == 21
    onnx.save(proto, tmp_path / "old.onnx")
    net = trained_network(spec_of(name, options), tmp_path / "old.onnx")
    found = probabilities(net.eval(), export.check_input.astype(np.float32))
    assert np.abs(found - export.check_output).max() < 1e-5
