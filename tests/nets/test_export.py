"""The networks leave PyTorch: ONNX in standard operators gives the same numbers in every engine."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from graven.nets import build_net
from graven.nets.onnx_graph import OnnxGraph

if TYPE_CHECKING:
    from pathlib import Path

onnx = pytest.importorskip("onnx")
openvino = pytest.importorskip("openvino")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["compact_unet", "compact_gate"])
def test_onnx_in_openvino_equals_torch_at_sizes_it_was_not_exported_at(name: str, tmp_path: Path) -> None:
    net = build_net(name).eval()
    m = net.multiple
    dynamic = {0: torch.export.Dim("n", min=1, max=8)}
    if name == "compact_unet":
        dynamic |= {2: m * torch.export.Dim("rows", min=1, max=64), 3: m * torch.export.Dim("cols", min=1, max=64)}
    size = (4 * m, 3 * m) if name == "compact_unet" else (512, 512)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own deprecations
        torch.onnx.export(
            net,
            (torch.zeros(2, 3, *size),),
            tmp_path / "net.onnx",
            dynamo=True,
            external_data=False,
            dynamic_shapes=(dynamic,),
            verbose=False,
        )
    model = onnx.load(tmp_path / "net.onnx")
    assert {op.domain for op in model.opset_import} <= {"", "ai.onnx"}
    assert (tmp_path / "net.onnx").stat().st_size <= 2 * 8 * 2**20  # float32; half of it in the bundle
    compiled = openvino.Core().compile_model(tmp_path / "net.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    shape = (1, 3, 2 * m, 5 * m) if name == "compact_unet" else (3, 3, 512, 512)
    x = np.random.default_rng(8).normal(size=shape).astype(np.float32)
    with torch.inference_mode():
        want = net(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(compiled(x)[0], want, atol=1e-3 * float(np.abs(want).max()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("res_unet", {}),
        ("mcdm", {}),
        ("segnet", {"widths": (8, 16, 16), "depths": (2, 2, 3)}),
        ("smp_deeplabv3plus", {"encoder": "resnet18"}),
        ("smp_pspnet", {"encoder": "resnet18"}),
    ],
)
def test_condition_networks_answer_alike_in_all_engines(name: str, options: dict[str, Any]) -> None:
    runtime = pytest.importorskip("onnxruntime")
    net = build_net(name, **options).eval()
    m = net.multiple
    dynamic = {0: torch.export.Dim("n", min=1, max=8)}
    dynamic |= {2: m * torch.export.Dim("rows", min=1, max=64), 3: m * torch.export.Dim("cols", min=1, max=64)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own deprecations
        program = torch.onnx.export(
            net, (torch.zeros(2, 3, 64, 96),), dynamo=True, dynamic_shapes=(dynamic,), opset_version=18, verbose=False
        )
    assert program is not None
    content = program.model_proto.SerializeToString()
    x = np.random.default_rng(8).normal(size=(1, 3, 96, 64)).astype(np.float32)
    with torch.inference_mode():
        want = net(torch.from_numpy(x))
        in_torch = OnnxGraph(content)(torch.from_numpy(x))[0].numpy()
    core = openvino.Core()
    in_openvino = core.compile_model(core.read_model(content), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(x)[0]
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (in_runtime,) = session.run(None, {session.get_inputs()[0].name: x})
    size = max(1.0, float(want.abs().max()))
    for found in (in_runtime, in_openvino, in_torch):
        np.testing.assert_allclose(found, want.numpy(), atol=1e-4 * size)
