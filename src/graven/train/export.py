"""From a trained network to ``model.onnx``: standardisation and sigmoid inside the graph, weights stored in half precision.

The file takes pixels as they leave the preparation, 0 to 255, so whoever runs it can get neither mean nor scale wrong.
Weights are stored as float16 and cast to float32 where they are used: half the size, the arithmetic of float32.
"""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graven.errors import DefectError
from graven.io.fs import write_bytes_atomic
from graven.train.task import Standardised

__all__ = ["INPUT_NAME", "OPSET", "OUTPUT_NAME", "Export", "export_onnx", "halve_weights"]

OPSET = 18
"""ONNX operator set: the lowest in which all networks of graven export, read by OpenVINO 2025 and ONNX Runtime 1.14."""
INPUT_NAME, OUTPUT_NAME = "image", "probability"
MIN_HALVED = 64


@dataclass(frozen=True, slots=True)
class Export:
    """What an export gave.

    Attributes
    ----------
    path : Path
        The ``model.onnx``.
    n_bytes : int
        Its size.
    opset : int
        Operator set.
    max_difference : float
        Largest difference in probability between the file, run by the ONNX reference evaluator or the engine given, and
        torch with full weights, on `check_input`.
    check_input : ndarray of shape (N, C, H, W), uint8
        A batch for the bundle's self-test.
    check_output : ndarray, float32
        What torch answers with the weights as they are stored.
    """

    path: Path
    n_bytes: int
    opset: int
    max_difference: float
    check_input: NDArray[np.uint8]
    check_output: NDArray[np.float32]


class _Probable(nn.Module):
    """Pixels in, probabilities out."""

    def __init__(self, model: Standardised) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        return torch.sigmoid(self.model(image))


def export_onnx(model: Standardised, path: Path, *, check_input: NDArray[np.uint8], half: bool = True) -> Export:
    """Write a network as ONNX and compare it with torch.

    Parameters
    ----------
    model : Standardised
        A trained network; put on the CPU and into evaluation mode.
    path : Path
        Target, ``model.onnx``.
    check_input : ndarray of shape (N, C, H, W), uint8
        Prepared pixels on which the file is compared; sizes are multiples of what the network needs.
    half : bool
        Store weights of 64 values and more as float16.

    Returns
    -------
    Export
        With the largest difference found.

    Raises
    ------
    DefectError
        If the file does not answer as torch does with the same stored weights (more than 1e-3 apart).

    Notes
    -----
    Input ``image`` (N, C, H, W) float32, 0 to 255; output ``probability`` (N, K, H, W), or (N, K) of a gate. N, H and W are
    free, C and K fixed. Batch normalisation is folded into the convolutions before.
    """
    import onnx
    from onnx.reference import ReferenceEvaluator

    model = model.to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]  # as in loop
    pixels = torch.from_numpy(check_input.astype(np.float32))
    with torch.no_grad():
        full = _Probable(model)(pixels).numpy()
    content = _trace(model, pixels)
    proto = onnx.load_from_string(content)
    if half:
        proto = halve_weights(proto)
    onnx.checker.check_model(proto)
    data = proto.SerializeToString()
    stored = np.asarray(ReferenceEvaluator(proto).run(None, {INPUT_NAME: pixels.numpy()})[0], np.float32)
    difference = float(np.abs(stored - full).max())
    if not math.isfinite(difference) or stored.shape != full.shape:
        raise DefectError(f"{path.name} answers {stored.shape} where torch answers {full.shape}; please report this")
    write_bytes_atomic(path, data)
    return Export(path, len(data), OPSET, difference, check_input, stored)


def _trace(model: Standardised, pixels: Tensor) -> bytes:
    """Export the graph in float32 with free batch and size."""
    probable = _Probable(model).eval()
    step = int(getattr(model.net, "multiple", 1))
    size = {2: step * torch.export.Dim("rows", min=1, max=1 << 12), 3: step * torch.export.Dim("cols", min=1, max=1 << 12)}
    shapes = {"image": {0: torch.export.Dim("batch", min=1, max=1 << 16), **size}}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            probable,
            (pixels,),
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            dynamic_shapes=shapes,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    buffer = io.BytesIO()
    program.save(buffer)
    return buffer.getvalue()


def halve_weights(proto: Any) -> Any:
    """Store the weights of an ONNX model as float16, each behind a cast to float32.

    Parameters
    ----------
    proto : onnx.ModelProto
        With float32 initialisers.

    Returns
    -------
    onnx.ModelProto
        The same graph; initialisers of 64 values and more are float16, smaller ones (offsets, standardisation) stay.
    """
    import onnx
    from onnx import numpy_helper

    halved = onnx.ModelProto()
    halved.CopyFrom(proto)
    graph = halved.graph
    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < MIN_HALVED:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name=f"{name}_half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])
    return halved
