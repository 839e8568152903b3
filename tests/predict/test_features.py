"""What a network saw before its last convolution, from its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from graven.errors import DataError
from graven.io.bundle import read_bundle
from graven.predict.engines import ENGINES, load_engine

torch = pytest.importorskip("torch")
from graven.train.transfer import trained_network  # noqa: E402 - only where PyTorch is

PIXELS = np.random.default_rng(0).integers(0, 256, (1, 3, 64, 96), dtype=np.uint8)


@pytest.fixture(scope="module")
def bundled() -> tuple[Path, np.ndarray, np.ndarray]:
    """A bundled network: its file, and what PyTorch gives after and before its last convolution."""
    bundle = read_bundle("petroglyph")
    model = trained_network(bundle.spec, bundle.model_path).eval()
    convolution = [module for module in model.modules() if isinstance(module, torch.nn.Conv2d)][-1]
    seen: list[torch.Tensor] = []
    handle = convolution.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        logits = model(torch.from_numpy(PIXELS).float())
    handle.remove()
    return bundle.model_path, logits.numpy(), seen[0].numpy()


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_every_engine_gives_the_logits_and_the_features_of_pytorch(
    name: str, bundled: tuple[Path, np.ndarray, np.ndarray]
) -> None:
    pytest.importorskip(name)
    path, logits, features = bundled
    engine = load_engine(path, engine=name, precision="float32", device="cpu", gives_features=True)
    found, explained = engine.explain(PIXELS)
    assert explained is not None
    assert explained.shape == features.shape
    np.testing.assert_allclose(found, logits, atol=2e-3)
    np.testing.assert_allclose(explained, features, atol=2e-3)


def test_a_network_without_a_convolution_before_its_answer_is_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("Neg", ["image"], ["logits"]), helper.make_node("Sigmoid", ["logits"], ["probability"])]
    image, answer = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1, "h", "w"]) for name in ("image", "probability")
    )
    graph = helper.make_graph(nodes, "plain", [image], [answer])
    path = tmp_path / "plain.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match="must end in a convolution to be adjusted as a whole, it ends in Neg"):
        load_engine(path, gives_features=True)


def test_a_network_without_a_sigmoid_is_refused(write_onnx: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="must end in one Sigmoid"):
        load_engine(write_onnx("gate"), gives_features=True)
