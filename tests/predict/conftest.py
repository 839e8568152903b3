"""Tiny networks, built node by node, that one can compute by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


@pytest.fixture
def write_onnx(tmp_path: Path) -> Callable[..., Path]:
    """Give a function that writes a network: ``segment`` answers red / 255, ``gate`` the mean of red / 255."""

    def write(kind: str = "segment", *, elem_type: int = FLOAT, gain: float = 1 / 255) -> Path:
        weight = np.zeros((1, 3, 1, 1), np.float32)
        weight[0, 0] = gain
        nodes = [
            helper.make_node("Cast", ["image"], ["pixels"], to=FLOAT),
            helper.make_node("Conv", ["pixels", "weight"], ["red" if kind == "gate" else "probability"]),
        ]
        axes: list[str | int] = ["n", 1, "h", "w"]
        if kind == "gate":
            nodes += [
                helper.make_node("GlobalAveragePool", ["red"], ["mean"]),
                helper.make_node("Flatten", ["mean"], ["probability"]),
            ]
            axes = ["n", 1]
        graph = helper.make_graph(
            nodes,
            kind,
            [helper.make_tensor_value_info("image", elem_type, ["n", 3, "h", "w"])],
            [helper.make_tensor_value_info("probability", FLOAT, axes)],
            [numpy_helper.from_array(weight, "weight")],
        )
        path = tmp_path / f"{kind}_{elem_type}.onnx"
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        path.write_bytes(model.SerializeToString())
        return path

    return write
