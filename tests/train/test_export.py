"""The exported file answers as torch does, in another engine, at sizes it was not exported with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from graven.errors import InputError
from graven.nets import build_net
from graven.train.export import OPSET, export_onnx, fold_norms, halve_weights, probabilities
from graven.train.task import Standardised


def random_pixels(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)


def make_model(name: str, **options: object) -> Standardised:
    """A small network whose batch norms have seen something."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Standardised(build_net(name, **options), mean=[120.0, 110.0, 100.0], std=[30.0, 40.0, 50.0])
        model.train()
        for _ in range(3):
            model(torch.rand(4, 3, 64, 64) * 255)
    return model.eval()


SMALL = {
    "compact_unet": {"widths": (8, 16, 24), "depths": (1, 1, 1), "decoder_widths": (16, 8)},
    "compact_gate": {"widths": (8, 16), "depths": (1, 1), "reduce": 1},
}


@pytest.mark.parametrize("name", sorted(SMALL))
def test_openvino_and_torch_agree_at_another_size(name: str, tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    model = make_model(name, **SMALL[name])
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    export = export_onnx(model, tmp_path / "model.onnx", check_input=random_pixels(2, 3, 64, 64))
    assert export.n_bytes == (tmp_path / "model.onnx").stat().st_size
    assert export.graph_difference < 1e-5
    assert export.half_difference < 5e-3
    compiled = openvino.Core().compile_model(str(export.path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    stored = compiled(export.check_input.astype(np.float32))[0]
    assert np.abs(stored - export.check_output).max() < 1e-4
    pixels = random_pixels(1, 3, 96, 128).astype(np.float32)
    assert np.abs(compiled(pixels)[0] - probabilities(model, pixels)).max() < 5e-3
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())


def test_the_file_keeps_to_the_contract(tmp_path: Path) -> None:
    model = make_model("compact_unet", **SMALL["compact_unet"])
    proto = onnx.load(export_onnx(model, tmp_path / "m.onnx", check_input=random_pixels(1, 3, 32, 32)).path)
    (image,), (output,) = proto.graph.input, proto.graph.output
    assert (image.name, output.name) == ("image", "probability")
    assert [bool(axis.dim_value) for axis in image.type.tensor_type.shape.dim] == [False, True, False, False]
    assert output.type.tensor_type.shape.dim[1].dim_value == 1
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", OPSET)]
    assert "BatchNormalization" not in {node.op_type for node in proto.graph.node}
    halved = [t for t in proto.graph.initializer if t.data_type == onnx.TensorProto.FLOAT16]
    whole = [t for t in proto.graph.initializer if t.data_type == onnx.TensorProto.FLOAT]
    assert sum(np.prod(t.dims) for t in halved) > 0.9 * sum(p.numel() for p in model.parameters())
    assert all(np.prod(t.dims) < 64 for t in whole)


def test_half_weights_halve_the_file(tmp_path: Path) -> None:
    model = make_model("compact_gate", widths=(16, 64), depths=(1, 2), reduce=1)
    sizes = [
        export_onnx(model, tmp_path / f"{half}.onnx", check_input=random_pixels(1, 3, 32, 32), half=half).n_bytes
        for half in (False, True)
    ]
    assert sizes[1] < 0.6 * sizes[0]


def test_halved_weights_are_the_rounded_ones() -> None:
    values = np.linspace(-1, 1, 100, dtype=np.float32).reshape(10, 10)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [onnx.helper.make_tensor_value_info("x", 1, [1, 10])],
        [onnx.helper.make_tensor_value_info("y", 1, [1, 10])],
        [onnx.numpy_helper.from_array(values, "w")],
    )
    halved = halve_weights(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)]))
    found = onnx.reference.ReferenceEvaluator(halved).run(None, {"x": np.eye(10, dtype=np.float32)[:1]})[0]
    assert np.array_equal(found, values.astype(np.float16).astype(np.float32)[:1])


def test_folding_norms_changes_nothing_but_rounding() -> None:
    model = make_model("compact_unet", **SMALL["compact_unet"])
    pixels = random_pixels(1, 3, 64, 64).astype(np.float32)
    before = probabilities(model, pixels)
    folded = fold_norms(model)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    assert np.abs(probabilities(folded, pixels) - before).max() < 1e-5


def test_a_check_input_that_is_no_batch_of_bytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="batch \\(N, C, H, W\\) of uint8"):
        export_onnx(make_model("compact_gate"), tmp_path / "m.onnx", check_input=random_pixels(3, 64, 64))
