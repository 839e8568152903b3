"""Each translated operator gives what the reference evaluator of ONNX gives, node by node."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from graven.errors import DataError
from graven.nets.onnx_graph import OnnxGraph
from graven.nets.onnx_operators import OPERATORS

RNG = np.random.default_rng(0)
IMAGE = RNG.uniform(0, 4, (2, 4, 6, 8)).astype(np.float32)


def _floats(*shape: int) -> NDArray[np.float32]:
    return RNG.normal(size=shape).astype(np.float32)


def _whole(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)


def _model(
    nodes: list[onnx.NodeProto], constants: dict[str, NDArray], *, opset: int = 18, n_axes: int = 4
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [None] * 4)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [None] * n_axes)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def _run(nodes: list[onnx.NodeProto], constants: dict[str, NDArray], opset: int = 18) -> tuple[NDArray, NDArray]:
    expected = np.asarray(ReferenceEvaluator(_model(nodes, constants, opset=opset)).run(None, {"image": IMAGE})[0])
    model = _model(nodes, constants, opset=opset, n_axes=expected.ndim)
    (found,) = OnnxGraph(model.SerializeToString())(torch.from_numpy(IMAGE))
    return found.numpy(), expected


CASES: list[tuple[str, list[NDArray], dict[str, object]]] = [
    ("Add", [_floats(4, 1, 1)], {}),
    ("Sub", [_floats(4, 1, 1)], {}),
    ("Mul", [_floats(4, 1, 1)], {}),
    ("Div", [_floats(4, 1, 1)], {}),
    ("Exp", [], {}),
    ("Log", [], {}),
    ("Relu", [], {}),
    ("Sigmoid", [], {}),
    ("Clip", [np.float32(1.0), np.float32(3.0)], {}),
    ("Clip", [np.float32(1.0)], {}),
    ("Concat", [_floats(2, 3, 6, 8)], {"axis": 1}),
    ("Transpose", [], {}),
    ("Transpose", [], {"perm": [0, 2, 3, 1]}),
    ("Softmax", [], {"axis": 1}),
    ("Softmax", [], {}),
    ("MatMul", [_floats(8, 5)], {}),
    ("Unsqueeze", [_whole(0, -1)], {}),
    ("Slice", [_whole(1, -5), _whole(3, 1 << 40), _whole(1, 3), _whole(1, 2)], {}),
    ("Slice", [_whole(1), _whole(-1), _whole(2)], {}),
    ("ArgMax", [], {"axis": 1, "keepdims": 0}),
    ("ArgMax", [], {"axis": -1}),
    ("Equal", [IMAGE[:, :1]], {}),
    ("Greater", [_floats(4, 1, 1)], {}),
    ("Less", [_floats(4, 1, 1)], {}),
    ("Expand", [_whole(5, 1, 1, 1, 8)], {}),
    ("Gather", [_whole(2, 0)], {"axis": 1}),
    ("Gather", [np.array(-1, np.int64)], {"axis": 2}),
    ("Reshape", [_whole(0, -1, 8)], {}),
    ("DepthToSpace", [], {"blocksize": 2, "mode": "CRD"}),
    ("ReduceMax", [_whole(2, 3)], {"keepdims": 1}),
    ("ReduceMean", [_whole(2, 3)], {"keepdims": 0}),
    ("ReduceSum", [_whole(1)], {"keepdims": 1}),
    ("ReduceSum", [], {"noop_with_empty_axes": 1}),
    ("ReduceMean", [], {}),
    ("Conv", [_floats(3, 4, 3, 3), _floats(3)], {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
    ("Conv", [_floats(3, 4, 3, 3)], {"pads": [0, 0, 1, 2], "strides": [2, 2]}),
    ("Conv", [_floats(4, 2, 3, 3)], {"group": 2, "dilations": [2, 1]}),
    ("MaxPool", [], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ("AveragePool", [], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("AveragePool", [], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 0}),
    ("AveragePool", [], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    ("BatchNormalization", [_floats(4), _floats(4), _floats(4), abs(_floats(4)) + 1], {"epsilon": 1e-3}),
    ("InstanceNormalization", [_floats(4), _floats(4)], {"epsilon": 1e-4}),
]


@pytest.mark.parametrize(("operator", "inputs", "attributes"), CASES)
def test_an_operator_gives_what_the_reference_gives(
    operator: str, inputs: list[NDArray], attributes: dict[str, object]
) -> None:
    names = [f"c{index}" for index in range(len(inputs))]
    node = helper.make_node(operator, ["image", *names], ["out"], **attributes)
    found, expected = _run([node], dict(zip(names, map(np.asarray, inputs), strict=True)))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("attributes", "by_size"),
    [
        ({"mode": "linear", "coordinate_transformation_mode": "half_pixel"}, False),
        ({"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"}, True),
        ({"mode": "linear", "coordinate_transformation_mode": "align_corners"}, True),
        ({"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}, True),
    ],
)
def test_sizes_are_changed_as_the_reference_does(attributes: dict[str, object], by_size: bool) -> None:
    constants = {"c": _whole(2, 4, 12, 16) if by_size else np.array([1, 1, 2, 2], np.float32)}
    node = helper.make_node("Resize", ["image", "", *(["", "c"] if by_size else ["c"])], ["out"], **attributes)
    found, expected = _run([node], constants)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_axes_may_stand_among_the_attributes_as_before_opset_18() -> None:
    found, expected = _run([helper.make_node("ReduceMean", ["image"], ["out"], axes=[2], keepdims=0)], {}, opset=17)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_shapes_are_computed_with() -> None:
    """(N, 4, H, W) is split into squares of 2 pixels, as the exporter writes it."""
    nodes = [
        helper.make_node("Shape", ["image"], ["n"], start=0, end=1),
        helper.make_node("Shape", ["image"], ["size"], start=-2),
        helper.make_node("Div", ["size", "two"], ["half"]),
        helper.make_node("Cast", ["minus"], ["rest"], to=TensorProto.INT64),
        helper.make_node("Concat", ["n", "rest", "half"], ["target"], axis=0),
        helper.make_node("Reshape", ["image", "target"], ["out"]),
    ]
    found, expected = _run(nodes, {"two": _whole(2, 2), "minus": np.array([-1], np.int32)})
    assert found.shape == (2, 16, 3, 4)
    np.testing.assert_array_equal(found, expected)


def test_places_along_an_axis_are_counted_and_compared() -> None:
    """Rows from 1 to 4 of an image of any height become 1, as part means are written."""
    nodes = [
        helper.make_node("Shape", ["image"], ["sides"], start=2, end=3),
        helper.make_node("Squeeze", ["sides", "first"], ["height"]),
        helper.make_node("Range", ["zero", "height", "one"], ["rows"]),
        helper.make_node("Greater", ["rows", "zero"], ["low"]),
        helper.make_node("Less", ["rows", "five"], ["high"]),
        helper.make_node("And", ["low", "high"], ["inside"]),
        helper.make_node("Cast", ["inside"], ["out"], to=TensorProto.FLOAT),
    ]
    numbers = {name: np.array(number, np.int64) for name, number in (("zero", 0), ("one", 1), ("five", 5))}
    found, expected = _run(nodes, {"first": _whole(0), **numbers})
    assert expected.tolist() == [0, 1, 1, 1, 1, 0]
    np.testing.assert_array_equal(found, expected)


def test_every_operator_is_tested() -> None:
    elsewhere = {"And", "Cast", "Range", "Resize", "Shape", "Squeeze"}
    assert {case[0] for case in CASES} | elsewhere == set(OPERATORS)


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (helper.make_node("Erf", ["image"], ["out"]), "Erf, which"),
        (helper.make_node("DepthToSpace", ["image"], ["out"], blocksize=2), r"DepthToSpace \(mode DCR\)"),
        (helper.make_node("Resize", ["image", "", "c"], ["out"], mode="cubic"), r"Resize \(cubic half_pixel\)"),
        (helper.make_node("ArgMax", ["image"], ["out"], select_last_index=1), r"ArgMax \(select_last_index\)"),
        (helper.make_node("MaxPool", ["image"], ["out"], kernel_shape=[2, 2], auto_pad="SAME_UPPER"), "auto_pad SAME"),
    ],
)
def test_what_is_not_known_is_named(node: onnx.NodeProto, words: str) -> None:
    model = _model([node], {"c": np.array([1, 1, 2, 2], np.float32)})
    with pytest.raises(DataError, match=rf"m\.onnx has the operator .*{words}.* choose --engine openvino"):
        OnnxGraph(model.SerializeToString(), name="m.onnx")


def test_convolutions_are_computed_in_the_asked_precision() -> None:
    model = _model([helper.make_node("Conv", ["image", "c"], ["out"])], {"c": np.full((1, 4, 1, 1), 1 / 3, np.float32)})
    graph = OnnxGraph(model.SerializeToString(), compute=torch.bfloat16)
    (found,) = graph(torch.from_numpy(IMAGE))
    assert found.dtype == torch.bfloat16
    np.testing.assert_allclose(found.float().numpy()[:, 0], IMAGE.sum(axis=1) / 3, rtol=2e-2)
