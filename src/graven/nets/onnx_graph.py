"""A network read from ONNX: its graph translated, operator by operator, into calls of PyTorch.

`OPERATORS` holds what the networks of this package become when they are exported, no more. Each entry reads the
attributes of a node once and gives the function that computes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from graven.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["OPERATORS", "OnnxGraph"]

Attributes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Step:
    """One node: what computes it, from which values, and which values are not needed afterwards."""

    run: Callable[..., Tensor]
    inputs: tuple[str, ...]
    output: str
    finished: tuple[str, ...]


class _UnknownOperator(Exception):
    """An attribute of a node asks for something that the translation does not do; the text says what."""


class OnnxGraph(nn.Module):
    """Run the graph of a ``model.onnx``.

    Parameters
    ----------
    content : bytes
        The file.
    compute : torch.dtype
        In which convolutions are computed; their inputs are cast to it. Sums, means, exponents and sigmoids are float32
        whatever it is.
    name : str
        Of the file, for messages.

    Raises
    ------
    DataError
        If the file cannot be read, has another number of inputs than one, or an operator that is not in `OPERATORS`.

    Notes
    -----
    Weights are buffers, so ``to(device)`` moves them. Whole numbers (shapes, axes) stay on the CPU.
    """

    def __init__(self, content: bytes, *, compute: torch.dtype = torch.float32, name: str = "model.onnx") -> None:
        super().__init__()
        graph = _read(content, name)
        constants = _constants(graph)
        names = [value.name for value in graph.input if value.name not in constants]
        if len(names) != 1:
            raise DataError(f"{name} must have one input, got {', '.join(names) or 'none'}")
        self._input = names[0]
        self._outputs = tuple(value.name for value in graph.output)
        self._takes_bytes = _input_type(graph, self._input) == torch.uint8
        nodes = _translate(graph.node, name)
        nodes = [node for node in nodes if not _fold(node, constants)]
        for weight in _convolved(graph.node) & set(constants):
            layout = torch.channels_last if constants[weight].ndim == 4 else torch.contiguous_format
            constants[weight] = constants[weight].to(compute, memory_format=layout)
        self._steps = _with_lifetimes(nodes, keep={*self._outputs, *constants})
        used = {source for step in self._steps for source in step.inputs if source} | set(self._outputs)
        self._numbers = {key: value for key, value in constants.items() if not value.is_floating_point()}
        self._buffer_of: dict[str, str] = {}
        for index, key in enumerate(sorted(used & set(constants) - set(self._numbers))):
            self._buffer_of[key] = f"constant_{index}"
            self.register_buffer(self._buffer_of[key], constants[key])

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Compute the outputs of the graph.

        Parameters
        ----------
        image : Tensor of shape (N, C, H, W), uint8 or float32
            Prepared pixels, 0 to 255.

        Returns
        -------
        tuple of Tensor
            In the order of the graph.
        """
        pixels = image if self._takes_bytes else image.float()
        values: dict[str, Any] = {"": None, self._input: pixels, **self._numbers}
        values.update((key, getattr(self, buffer)) for key, buffer in self._buffer_of.items())
        for step in self._steps:
            values[step.output] = step.run(*(values[source] for source in step.inputs))
            for source in step.finished:
                del values[source]
        return tuple(values[output] for output in self._outputs)


def _read(content: bytes, name: str) -> Any:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships no types

    try:
        model = onnx.load_from_string(content)
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError, ValueError) as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"torch cannot load {name}: {first_line}; verify the bundle") from error
    return model.graph


def _constants(graph: Any) -> dict[str, Tensor]:
    from onnx import numpy_helper

    # The copies are writable, as PyTorch wants its arrays.
    return {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}


def _input_type(graph: Any, name: str) -> torch.dtype:
    value = next(value for value in graph.input if value.name == name)
    return _TYPES.get(value.type.tensor_type.elem_type, torch.float32)


def _translate(nodes: Sequence[Any], name: str) -> list[_Step]:
    import onnx

    unknown: set[str] = set()
    steps = []
    for node in nodes:
        attributes = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
        attributes = {key: value.decode() if isinstance(value, bytes) else value for key, value in attributes.items()}
        if node.op_type not in OPERATORS or node.domain not in ("", "ai.onnx") or len(node.output) != 1:
            unknown.add(node.op_type)
            continue
        try:
            run = OPERATORS[node.op_type](attributes)
        except _UnknownOperator as detail:
            unknown.add(f"{node.op_type} ({detail})")
            continue
        steps.append(_Step(run, tuple(node.input), node.output[0], ()))
    if unknown:
        raise DataError(
            f"{name} has the operator {', '.join(sorted(unknown))}, which the engine torch does not know; choose "
            "--engine openvino"
        )
    return steps


def _fold(node: _Step, constants: dict[str, Tensor]) -> bool:
    """Compute a node that depends on constants alone (the casts of the stored weights), and say whether it does."""
    if not set(node.inputs) <= {"", *constants}:
        return False
    constants[node.output] = node.run(*(constants.get(source) for source in node.inputs))
    return True


def _convolved(nodes: Sequence[Any]) -> set[str]:
    """Give the names of the weights and offsets of all convolutions."""
    return {source for node in nodes if node.op_type == "Conv" for source in node.input[1:]}


def _with_lifetimes(nodes: Sequence[_Step], *, keep: set[str]) -> tuple[_Step, ...]:
    """Note after each step which values nobody needs any more."""
    seen = {"", *keep}
    steps = []
    for node in reversed(nodes):
        finished = tuple({*node.inputs, node.output} - seen)
        seen.update(node.inputs)
        steps.append(_Step(node.run, node.inputs, node.output, finished))
    return tuple(reversed(steps))


# The operators. Shapes and axes arrive as tensors of whole numbers on the CPU.


def _elementwise(run: Callable[..., Tensor]) -> Callable[[Attributes], Callable[..., Tensor]]:
    return lambda _attributes: run


def _divide(a: Tensor, b: Tensor) -> Tensor:
    return a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


def _cast(attributes: Attributes) -> Callable[..., Tensor]:
    if attributes["to"] not in _TYPES:
        raise _UnknownOperator(f"to ONNX type {attributes['to']}")
    dtype = _TYPES[attributes["to"]]
    return lambda x: x.to(dtype)


def _clip(x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    return torch.clamp(x, None if low is None else float(low), None if high is None else float(high))


def _concat(attributes: Attributes) -> Callable[..., Tensor]:
    return lambda *parts: torch.cat(parts, dim=attributes["axis"])


def _pads(attributes: Attributes) -> tuple[list[int], list[int]]:
    """Give the rows and columns added before, and those added after."""
    pads = list(attributes.get("pads", [0, 0, 0, 0]))
    if attributes.get("auto_pad", "NOTSET") != "NOTSET" or len(pads) != 4:
        raise _UnknownOperator(f"pads {pads} with auto_pad {attributes.get('auto_pad', 'NOTSET')}")
    return pads[:2], pads[2:]


def _same_pads(attributes: Attributes) -> list[int]:
    before, after = _pads(attributes)
    if before != after:
        raise _UnknownOperator(f"pads {before} before and {after} after")
    return before


def _conv(attributes: Attributes) -> Callable[..., Tensor]:
    before, after = _pads(attributes)
    ahead = None if before == after else [before[1], after[1], before[0], after[0]]
    padding = before if ahead is None else 0

    def run(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        x = x.to(weight.dtype)
        return functional.conv2d(
            (x if ahead is None else functional.pad(x, ahead)).contiguous(memory_format=torch.channels_last),
            weight,
            bias,
            stride=attributes.get("strides", [1, 1]),
            padding=padding,
            dilation=attributes.get("dilations", [1, 1]),
            groups=attributes.get("group", 1),
        )

    return run


def _max_pool(attributes: Attributes) -> Callable[..., Tensor]:
    padding = _same_pads(attributes)
    return lambda x: functional.max_pool2d(
        x,
        attributes["kernel_shape"],
        stride=attributes.get("strides", [1, 1]),
        padding=padding,
        dilation=attributes.get("dilations", [1, 1]),
        ceil_mode=bool(attributes.get("ceil_mode", 0)),
    )


def _average_pool(attributes: Attributes) -> Callable[..., Tensor]:
    padding = _same_pads(attributes)
    if set(attributes.get("dilations", [1])) != {1}:
        raise _UnknownOperator(f"dilations {attributes['dilations']}")
    return lambda x: functional.avg_pool2d(
        x,
        attributes["kernel_shape"],
        stride=attributes.get("strides", [1, 1]),
        padding=padding,
        ceil_mode=bool(attributes.get("ceil_mode", 0)),
        count_include_pad=bool(attributes.get("count_include_pad", 0)),
    )


def _batch_norm(attributes: Attributes) -> Callable[..., Tensor]:
    eps = attributes.get("epsilon", 1e-5)
    return lambda x, scale, offset, mean, variance: functional.batch_norm(
        x.float(), mean, variance, scale, offset, eps=eps
    )


def _instance_norm(attributes: Attributes) -> Callable[..., Tensor]:
    eps = attributes.get("epsilon", 1e-5)
    return lambda x, scale, offset: functional.instance_norm(x.float(), weight=scale, bias=offset, eps=eps)


def _depth_to_space(attributes: Attributes) -> Callable[..., Tensor]:
    if attributes.get("mode", "DCR") != "CRD":
        raise _UnknownOperator("mode DCR")
    return lambda x: functional.pixel_shuffle(x, attributes["blocksize"])


def _expand(x: Tensor, shape: Tensor) -> Tensor:
    return x.expand(np.broadcast_shapes(tuple(x.shape), tuple(shape.tolist())))


def _gather(attributes: Attributes) -> Callable[..., Tensor]:
    axis = attributes.get("axis", 0)

    def run(x: Tensor, index: Tensor) -> Tensor:
        places = torch.remainder(index.reshape(-1), x.shape[axis]).to(x.device)  # -1 is the last
        picked = torch.index_select(x, axis, places)
        return picked.reshape(x.shape[:axis] + index.shape + x.shape[axis:][1:])

    return run


def _reduction(reduce: Callable[..., Tensor]) -> Callable[[Attributes], Callable[..., Tensor]]:
    def build(attributes: Attributes) -> Callable[..., Tensor]:
        keepdim = bool(attributes.get("keepdims", 1))

        def run(x: Tensor, axes: Tensor | None = None) -> Tensor:
            chosen = attributes.get("axes", []) if axes is None else axes.tolist()
            if not chosen and attributes.get("noop_with_empty_axes", 0):
                return x
            return reduce(x.float(), chosen or list(range(x.ndim)), keepdim)

        return run

    return build


def _reshape(attributes: Attributes) -> Callable[..., Tensor]:
    zero_is_zero = bool(attributes.get("allowzero", 0))

    def run(x: Tensor, shape: Tensor) -> Tensor:
        sides = [int(side) for side in shape.tolist()]
        return x.reshape([x.shape[i] if side == 0 and not zero_is_zero else side for i, side in enumerate(sides)])

    return run


_RESIZES: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("linear", "half_pixel"): {"mode": "bilinear", "align_corners": False},
    ("linear", "pytorch_half_pixel"): {"mode": "bilinear", "align_corners": False},
    ("linear", "align_corners"): {"mode": "bilinear", "align_corners": True},
    ("nearest", "asymmetric"): {"mode": "nearest"},
}
"""Mode and coordinates of ONNX, and what PyTorch calls the same."""


def _resize(attributes: Attributes) -> Callable[..., Tensor]:
    mode = attributes.get("mode", "nearest")
    kind = mode, attributes.get("coordinate_transformation_mode", "half_pixel")
    is_floor = attributes.get("nearest_mode", "round_prefer_floor") == "floor"
    if kind not in _RESIZES or (mode == "nearest" and not is_floor) or attributes.get("antialias", 0):
        raise _UnknownOperator(" ".join(kind))

    def run(x: Tensor, _roi: Tensor | None = None, scales: Tensor | None = None, sizes: Tensor | None = None) -> Tensor:
        if sizes is not None and sizes.numel():
            size = [int(side) for side in sizes.tolist()]
        elif scales is not None:
            size = [int(side * scale) for side, scale in zip(x.shape, scales.tolist(), strict=True)]
        else:
            raise RuntimeError("Resize has neither scales nor sizes")
        return functional.interpolate(x, size=size[2:], **_RESIZES[kind])

    return run


def _shape(attributes: Attributes) -> Callable[..., Tensor]:
    part = slice(attributes.get("start", 0), attributes.get("end"))
    return lambda x: torch.tensor(x.shape[part], dtype=torch.int64)


def _transpose(attributes: Attributes) -> Callable[..., Tensor]:
    return lambda x: x.permute(attributes.get("perm", list(reversed(range(x.ndim)))))


OPERATORS: Mapping[str, Callable[[Attributes], Callable[..., Tensor]]] = {
    "Add": _elementwise(torch.add),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _elementwise(_clip),
    "Concat": _concat,
    "Conv": _conv,
    "DepthToSpace": _depth_to_space,
    "Div": _elementwise(_divide),
    "Exp": _elementwise(lambda x: torch.exp(x.float())),
    "Expand": _elementwise(_expand),
    "Gather": _gather,
    "InstanceNormalization": _instance_norm,
    "Log": _elementwise(lambda x: torch.log(x.float())),
    "MaxPool": _max_pool,
    "Mul": _elementwise(torch.mul),
    "ReduceMax": _reduction(torch.amax),
    "ReduceMean": _reduction(torch.mean),
    "ReduceSum": _reduction(torch.sum),
    "Relu": _elementwise(torch.relu),
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": _shape,
    "Sigmoid": _elementwise(lambda x: torch.sigmoid(x.float())),
    "Sub": _elementwise(torch.sub),
    "Transpose": _transpose,
}
"""Operator of ONNX, and what reads its attributes and gives the function that computes it."""

_TYPES = {1: torch.float32, 2: torch.uint8, 6: torch.int32, 7: torch.int64, 9: torch.bool, 10: torch.float16}
"""Element types of ONNX by number."""
