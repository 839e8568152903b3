"""What a network saw just before it answered: its file with the input of the last convolution as a second output."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from graven.errors import DataError
from graven.predict.logits import without_sigmoid

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["with_features"]

_REARRANGING = frozenset({"DepthToSpace", "Identity", "Reshape", "Transpose"})
"""Operators between the last convolution and the answer that only move numbers."""


@contextmanager
def with_features(model_path: Path) -> Iterator[Path]:
    """Give a copy of a network that answers with logits and with what they were computed from; gone after the block.

    Parameters
    ----------
    model_path : Path
        ``model.onnx`` with one output, of a sigmoid.

    Yields
    ------
    Path
        A file of the same name elsewhere, whose second output, ``(N, C, h, w)``, is the input of its last convolution.

    Raises
    ------
    DataError
        If the file cannot be read, or its answer is no rearranged convolution.
    """
    import onnx

    with without_sigmoid(model_path) as cut, TemporaryDirectory() as folder:
        model = onnx.load_from_string(cut.read_bytes())
        source = _last_convolution(model.graph, model_path.name).input[0]
        features = onnx.helper.make_tensor_value_info(source, onnx.TensorProto.FLOAT, ("n", "c", "h", "w"))
        model.graph.output.append(features)
        copy = Path(folder) / model_path.name
        copy.write_bytes(model.SerializeToString())
        yield copy


def _last_convolution(graph: Any, name: str) -> Any:
    """Walk from the answer of a graph back to the convolution that computes it."""
    makers = {output: node for node in graph.node for output in node.output}
    node = makers.get(graph.output[0].name)
    while node is not None and node.op_type in _REARRANGING:
        node = makers.get(node.input[0])
    if node is None or node.op_type != "Conv":
        found = "nothing" if node is None else node.op_type
        raise DataError(
            f"{name} must end in a convolution to be adjusted as a whole, it ends in {found}; leave --adjust out"
        )
    return node
