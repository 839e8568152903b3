"""The operators of ONNX that our networks become, each as a call of PyTorch.

`OPERATORS` holds what the networks of this package become when they are exported, no more. Each entry reads the
attributes of a node once and gives the function that computes it. Shapes and axes arrive as tensors of whole numbers on
the CPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["OPERATORS", "TYPES", "UnknownOperator"]

Attributes = dict[str, Any]


class UnknownOperator(Exception):
    """An attribute of a node asks for something that the translation does not do; the text says what."""


def _elementwise(run: Callable[..., Tensor]) -> Callable[[Attributes], Callable[..., Tensor]]:
    return lambda _attributes: run


def _divide(a: Tensor, b: Tensor) -> Tensor:
    return a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


def _cast(attributes: Attributes) -> Callable[..., Tensor]:
    if attributes["to"] not in TYPES:
        raise UnknownOperator(f"to ONNX type {attributes['to']}")
    dtype = TYPES[attributes["to"]]
    return lambda x: x.to(dtype)


def _clip(x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    return torch.clamp(x, None if low is None else float(low), None if high is None else float(high))


def _concat(attributes: Attributes) -> Callable[..., Tensor]:
    return lambda *parts: torch.cat(parts, dim=attributes["axis"])


def _pads(attributes: Attributes) -> tuple[list[int], list[int]]:
    """Give the rows and columns added before, and those added after."""
    pads = list(attributes.get("pads", [0, 0, 0, 0]))
    if attributes.get("auto_pad", "NOTSET") != "NOTSET" or len(pads) != 4:
        raise UnknownOperator(f"pads {pads} with auto_pad {attributes.get('auto_pad', 'NOTSET')}")
    return pads[:2], pads[2:]


def _same_pads(attributes: Attributes) -> list[int]:
    before, after = _pads(attributes)
    if before != after:
        raise UnknownOperator(f"pads {before} before and {after} after")
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
        raise UnknownOperator(f"dilations {attributes['dilations']}")
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
        raise UnknownOperator("mode DCR")
    return lambda x: functional.pixel_shuffle(x, attributes["blocksize"])


def _together(run: Callable[..., Tensor]) -> Callable[[Attributes], Callable[..., Tensor]]:
    """Bring whole numbers, which stay on the CPU, to what they meet."""

    def on_one_device(a: Tensor, b: Tensor) -> Tensor:
        device = b.device if a.device.type == "cpu" else a.device
        return run(a.to(device), b.to(device))

    return lambda _attributes: on_one_device


def _arg_max(attributes: Attributes) -> Callable[..., Tensor]:
    if attributes.get("select_last_index", 0):
        raise UnknownOperator("select_last_index")
    return lambda x: torch.argmax(x, dim=attributes.get("axis", 0), keepdim=bool(attributes.get("keepdims", 1)))


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
        raise UnknownOperator(" ".join(kind))

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


def _slice(x: Tensor, starts: Tensor, ends: Tensor, axes: Tensor | None = None, steps: Tensor | None = None) -> Tensor:
    chosen = range(len(starts)) if axes is None else axes.tolist()
    strides = [1] * len(starts) if steps is None else steps.tolist()
    if min(strides) < 1:
        raise RuntimeError(f"Slice goes backwards, by {strides}")
    parts = [slice(None)] * x.ndim
    for axis, start, end, stride in zip(chosen, starts.tolist(), ends.tolist(), strides, strict=True):
        parts[axis] = slice(start, end, stride)
    return x[tuple(parts)]


def _softmax(attributes: Attributes) -> Callable[..., Tensor]:
    return lambda x: torch.softmax(x.float(), dim=attributes.get("axis", -1))


def _squeeze(x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.squeeze() if axes is None else x.squeeze(tuple(axes.tolist()))


def _unsqueeze(x: Tensor, axes: Tensor) -> Tensor:
    for axis in sorted(int(axis) % (x.ndim + len(axes)) for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _transpose(attributes: Attributes) -> Callable[..., Tensor]:
    return lambda x: x.permute(attributes.get("perm", list(reversed(range(x.ndim)))))


OPERATORS: Mapping[str, Callable[[Attributes], Callable[..., Tensor]]] = {
    "Add": _elementwise(torch.add),
    "And": _together(torch.logical_and),
    "ArgMax": _arg_max,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _elementwise(_clip),
    "Concat": _concat,
    "Conv": _conv,
    "DepthToSpace": _depth_to_space,
    "Div": _elementwise(_divide),
    "Equal": _together(torch.eq),
    "Exp": _elementwise(lambda x: torch.exp(x.float())),
    "Expand": _elementwise(_expand),
    "Gather": _gather,
    "Greater": _together(torch.gt),
    "InstanceNormalization": _instance_norm,
    "Less": _together(torch.lt),
    "Log": _elementwise(lambda x: torch.log(x.float())),
    "MatMul": _together(lambda a, b: torch.matmul(a.float(), b.float())),
    "MaxPool": _max_pool,
    "Mul": _elementwise(torch.mul),
    "Range": _elementwise(lambda start, end, step: torch.arange(start.item(), end.item(), step.item())),
    "ReduceMax": _reduction(torch.amax),
    "ReduceMean": _reduction(torch.mean),
    "ReduceSum": _reduction(torch.sum),
    "Relu": _elementwise(torch.relu),
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": _shape,
    "Sigmoid": _elementwise(lambda x: torch.sigmoid(x.float())),
    "Slice": _elementwise(_slice),
    "Softmax": _softmax,
    "Squeeze": _elementwise(_squeeze),
    "Sub": _elementwise(torch.sub),
    "Transpose": _transpose,
    "Unsqueeze": _elementwise(_unsqueeze),
}
"""Operator of ONNX, and what reads its attributes and gives the function that computes it."""

TYPES = {1: torch.float32, 2: torch.uint8, 6: torch.int32, 7: torch.int64, 9: torch.bool, 10: torch.float16}
"""Element types of ONNX by number."""
