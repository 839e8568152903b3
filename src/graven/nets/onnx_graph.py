"""A network read from ONNX: its graph translated, operator by operator, into calls of PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from graven.errors import DataError
from graven.nets.onnx_operators import OPERATORS, TYPES, UnknownOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["OnnxGraph"]


@dataclass(frozen=True, slots=True)
class _Step:
    """One node: what computes it, from which values, and which values are not needed afterwards."""

    run: Callable[..., Tensor]
    inputs: tuple[str, ...]
    output: str
    finished: tuple[str, ...]


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
    return TYPES.get(value.type.tensor_type.elem_type, torch.float32)


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
        except UnknownOperator as detail:
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
