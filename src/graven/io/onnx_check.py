"""Whether a ``model.onnx`` is what its description says, found without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graven.errors import DataError, MismatchError

if TYPE_CHECKING:
    from graven.types import ModelSpec

__all__ = ["INPUT_NAME", "MAP_NAME", "OUTPUT_NAME", "check_onnx"]

INPUT_NAME = "image"
"""Name of the one input: ``(N, C, H, W)``, 0 to 255."""

OUTPUT_NAME = "probability"
"""Name of the output: ``(N, K, H, W)``, or ``(N, K)`` of a gate that judges whole tiles."""

MAP_NAME = "activation"
"""Name of the second output that a gate may have, its class activation map: ``(N, K, h, w)``, 0 to 1."""

_ALLOWED_DOMAINS = frozenset({"", "ai.onnx"})
_INPUT_TYPES = {1: "float32", 2: "uint8"}


def check_onnx(content: bytes, spec: ModelSpec) -> str:
    """Compare a network with its description.

    Parameters
    ----------
    content : bytes
        The file.
    spec : ModelSpec
        Its description.

    Returns
    -------
    str
        One sentence on what was found in order.

    Raises
    ------
    DataError
        If the file is not a valid ONNX model, keeps data outside itself, or uses operators outside the ONNX standard.
    MismatchError
        If names, number of axes, bands or classes differ from the description.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships no types

    try:
        model = onnx.load_from_string(content)
        tensors = list(model.graph.initializer)
        if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors):
            raise DataError(f"model.onnx of {spec.name!r} keeps its weights in another file; export it as one file")
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError, ValueError) as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"model.onnx of {spec.name!r} is not a valid ONNX model: {first_line}") from error
    foreign = sorted({entry.domain for entry in model.opset_import} - _ALLOWED_DOMAINS)
    if foreign:
        raise DataError(
            f"model.onnx of {spec.name!r} uses operators of {', '.join(foreign)}; export it with standard ones only"
        )
    stored = {tensor.name for tensor in tensors}
    inputs = [value for value in model.graph.input if value.name not in stored]
    outputs = list(model.graph.output)
    _check_value(inputs, INPUT_NAME, n_axes=4, channels=len(spec.bands), what="bands", spec=spec)
    if spec.role == "gate" and len(outputs) == 2:
        _check_value(outputs[1:], MAP_NAME, n_axes=4, channels=len(spec.classes), what="classes", spec=spec)
        outputs = outputs[:1]
    per_tile = spec.role == "gate" and len(outputs) == 1 and len(outputs[0].type.tensor_type.shape.dim) == 2
    n_axes = 2 if per_tile else 4  # a gate answers per tile, or per pixel where it is coarse
    _check_value(outputs, OUTPUT_NAME, n_axes=n_axes, channels=len(spec.classes), what="classes", spec=spec)
    elem_type = inputs[0].type.tensor_type.elem_type
    if elem_type not in _INPUT_TYPES:
        raise MismatchError(f"the input of {spec.name!r} must be float32 or uint8, got ONNX type {elem_type}")
    return (
        f"model.onnx takes {len(spec.bands)} bands of {_INPUT_TYPES[elem_type]} and gives {len(spec.classes)} "
        f"probabilities per {'tile' if per_tile else 'pixel'}"
    )


def _check_value(values: list[Any], name: str, *, n_axes: int, channels: int, what: str, spec: ModelSpec) -> None:
    names = [value.name for value in values]
    if names != [name]:
        raise MismatchError(f"model.onnx of {spec.name!r} must have one {name!r}, got {', '.join(names) or 'nothing'}")
    axes = values[0].type.tensor_type.shape.dim
    if len(axes) != n_axes:
        raise MismatchError(f"{name!r} of {spec.name!r} must have {n_axes} axes, got {len(axes)}")
    if axes[1].dim_value != channels:
        found = axes[1].dim_value or axes[1].dim_param or "an unknown number"
        raise MismatchError(f"{name!r} of {spec.name!r} must have {channels} {what} as in model.json, got {found}")
