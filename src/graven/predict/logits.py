"""A network that answers with logits: its file without the sigmoid at the end.

Probabilities in float32 end where a logit reaches 16, and a trained network goes far beyond. Who refines its answers
needs them whole.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from graven.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["without_sigmoid"]


@contextmanager
def without_sigmoid(model_path: Path) -> Iterator[Path]:
    """Give a copy of a network that stops before its last operator; it is gone when the block is left.

    Parameters
    ----------
    model_path : Path
        ``model.onnx`` with one output, of a sigmoid.

    Yields
    ------
    Path
        A file of the same name elsewhere.

    Raises
    ------
    DataError
        If the file cannot be read, or does not end in a sigmoid.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships no types

    try:
        model = onnx.load_from_string(model_path.read_bytes())
    except DecodeError as error:
        raise DataError(f"{model_path.name} is not a valid ONNX model; verify the bundle") from error
    outputs = list(model.graph.output)
    last = next((node for node in model.graph.node if outputs[0].name in node.output), None)
    if len(outputs) != 1 or last is None or last.op_type != "Sigmoid":
        found = "nothing" if last is None else last.op_type
        raise DataError(f"{model_path.name} must end in one Sigmoid to answer with logits, it ends in {found}")
    outputs[0].name = last.input[0]
    model.graph.node.remove(last)
    with TemporaryDirectory() as folder:
        copy = Path(folder) / model_path.name
        copy.write_bytes(model.SerializeToString())
        yield copy
