"""The exported file answers as torch does, in another engine, at sizes it was not exported with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from graven.errors import InputError
from graven.nets import Gate, build_net
from graven.predict.engines import load_engine
from graven.train.export import OPSET, Export, export_onnx, halve_weights, probabilities
from graven.train.folding import fold_norms
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
    "compact_gate": {"widths": (16, 64), "depths": (1, 1), "reduce": 1},
}


@dataclass(frozen=True)
class Case:
    model: Standardised
    export: Export


@pytest.fixture(scope="module", params=sorted(SMALL))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    model = make_model(request.param, **SMALL[request.param])
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    return Case(model, export_onnx(model, path, check_input=random_pixels(2, 3, 64, 64)))


def test_openvino_and_torch_agree_at_another_size(case: Case) -> None:
    openvino = pytest.importorskip("openvino")
    export = case.export
    assert export.graph_difference < 1e-5
    assert export.half_difference < 5e-3
    compiled = openvino.Core().compile_model(str(export.path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    stored = compiled(export.check_input.astype(np.float32))[0]
    assert np.abs(stored - export.check_output).max() < 1e-4
    pixels = random_pixels(1, 3, 96, 128).astype(np.float32)
    assert np.abs(compiled(pixels)[0] - probabilities(case.model, pixels)).max() < 5e-3


@pytest.mark.parametrize("engine", ["torch", "onnxruntime"])
def test_the_other_engines_agree_at_another_size(case: Case, engine: str) -> None:
    pytest.importorskip(engine)
    pixels = random_pixels(2, 3, 96, 128)
    expected, expected_map = load_engine(case.export.path, engine="openvino", precision="float32").explain(pixels)
    found, found_map = load_engine(case.export.path, engine=engine, device="cpu", precision="float32").explain(pixels)
    assert np.abs(found - expected).max() < 1e-5
    assert (found_map is None) == (expected_map is None)
    if found_map is not None and expected_map is not None:
        assert np.abs(found_map - expected_map).max() < 1e-5


def test_the_file_keeps_to_the_contract(case: Case) -> None:
    proto = onnx.load(case.export.path)
    (image,), (output, *rest) = proto.graph.input, proto.graph.output
    assert (image.name, output.name) == ("image", "probability")
    assert [value.name for value in rest] == (["activation"] if isinstance(case.model.net, Gate) else [])
    assert [bool(axis.dim_value) for axis in image.type.tensor_type.shape.dim] == [False, True, False, False]
    assert output.type.tensor_type.shape.dim[1].dim_value == 1
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", OPSET)]
    content = case.export.path.read_bytes()
    assert b".py" not in content, "source paths of the machine that exported it"
    assert "BatchNormalization" not in {node.op_type for node in proto.graph.node}


def test_the_map_of_a_gate_is_what_its_cells_alone_would_answer(tmp_path: Path) -> None:
    model = make_model("compact_gate", **SMALL["compact_gate"])
    export = export_onnx(model, tmp_path / "model.onnx", check_input=random_pixels(1, 3, 64, 64), half=False)
    pixels = random_pixels(2, 3, 96, 64).astype(np.float32)
    probs, maps = load_engine(export.path, engine="openvino", precision="float32").explain(pixels)
    assert maps is not None
    assert maps.shape[:2] == (2, 1)
    odds = maps / (1 - maps)
    np.testing.assert_allclose(odds.sum(axis=(2, 3)), probs / (1 - probs), rtol=1e-3)


def test_weights_are_stored_in_half_precision(case: Case) -> None:
    tensors = onnx.load(case.export.path).graph.initializer
    n_weights = sum(parameter.numel() for parameter in case.model.parameters())
    n_halved = sum(int(np.prod(t.dims)) for t in tensors if t.data_type == onnx.TensorProto.FLOAT16)
    assert n_halved > 0.9 * n_weights
    assert all(np.prod(t.dims) < 64 for t in tensors if t.data_type == onnx.TensorProto.FLOAT)
    assert case.export.n_bytes == case.export.path.stat().st_size < 2 * n_weights + 60_000


def test_the_network_itself_is_not_changed(case: Case) -> None:
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in case.model.modules())
    pixels = case.export.check_input.astype(np.float32)
    difference = float(np.abs(probabilities(case.model, pixels) - case.export.check_output).max())
    assert difference == pytest.approx(case.export.half_difference, abs=1e-5)


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
