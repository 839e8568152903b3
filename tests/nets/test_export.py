"""The bundled networks leave PyTorch: ONNX in standard operators, run by OpenVINO, gives the same numbers."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from graven.nets import build_net

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
