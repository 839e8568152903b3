"""From a trained network to ``model.onnx``: what comes before and after it inside the graph, half-precision weights.

The file takes pixels as they leave the preparation, 0 to 255, so whoever runs it can get neither mean nor scale wrong.
Weights are stored as float16 and cast to float32 where they are used: half the size, the arithmetic of float32.
"""

from __future__ import annotations

import copy
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from graven.errors import DefectError, InputError
from graven.io.fs import write_bytes_atomic
from graven.io.onnx_check import INPUT_NAME, MAP_NAME, OUTPUT_NAME
from graven.nets.gate import Gate
from graven.train.folding import fold_norms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.train.task import Standardised

__all__ = [
    "OPSET",
    "Export",
    "export_onnx",
    "halve_weights",
    "probabilities",
]

OPSET = 18
"""ONNX operator set: the lowest in which PyTorch's exporter writes without converting, read by OpenVINO since 2024."""
MIN_HALVED = 64
HALF_SUFFIX = "_half"
"""Ends the name of a weight that is stored in half precision."""
WHOLE_PREFIX = "model."
"""Begins the names of weights in the file: what is exported wraps the standardised network."""
MAX_DIFFERENCE = 1e-3


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
    graph_difference : float
        Largest difference of any output on `check_input` between the file, run by the reference evaluator of ONNX, and
        torch with the same stored weights.
    half_difference : float
        Largest difference that storing the weights in half precision makes, in torch.
    check_input : ndarray of shape (N, C, H, W), uint8 or float32
        The batch compared, for the bundle's self-test.
    check_output : ndarray, float32
        What torch answers with the stored weights.
    """

    path: Path
    n_bytes: int
    opset: int
    graph_difference: float
    half_difference: float
    check_input: NDArray[np.uint8] | NDArray[np.float32]
    check_output: NDArray[np.float32]


class _Probable(nn.Module):
    """Pixels in, probabilities out."""

    def __init__(self, model: Standardised) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        return self.model.probabilities(self.model(image))


class _Explained(nn.Module):
    """Pixels in; the probability of the tile and its class activation map out."""

    def __init__(self, model: Standardised) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        gate: Any = self.model.net
        logits, cam = gate.forward_with_cam((image - self.model.mean) / self.model.std)
        return torch.sigmoid(logits), torch.sigmoid(gate.cell_logits(cam))


def export_onnx(
    model: Standardised, path: Path, *, check_input: NDArray[np.uint8] | NDArray[np.float32], half: bool = True
) -> Export:
    """Write a network as ONNX and compare it with torch.

    Parameters
    ----------
    model : Standardised
        A trained network; not changed.
    path : Path
        Target, ``model.onnx``.
    check_input : ndarray of shape (N, C, H, W), uint8, or float32 for a network that takes numbers as they are
        Prepared pixels on which the file is compared; sizes are multiples of what the network needs. Small ones do: the
        reference evaluator is slow.
    half : bool
        Store weights of 64 values and more as float16.

    Returns
    -------
    Export
        With the differences found.

    Raises
    ------
    InputError
        If `check_input` is not a batch of uint8 or float32.
    DefectError
        If the file does not answer as torch does with the same stored weights (more than 1e-3 apart).
    OutputError, DiskFull
        If the file cannot be written.

    Notes
    -----
    Input ``image`` (N, C, H, W) float32, 0 to 255; output ``probability`` (N, K, H, W) of
    the foreground classes, or (N, K) of a gate, which has
    a second output ``activation`` (N, K, h, w), 0 to 1: its class activation map. N, H and W are free, C and K fixed.
    Batch normalisation is folded into the convolutions before.
    """
    import onnx
    from onnx.reference import ReferenceEvaluator

    if check_input.ndim != 4 or check_input.dtype not in (np.uint8, np.float32):
        raise InputError(
            f"check_input must be a batch (N, C, H, W) of uint8 or float32, got {check_input.shape} of "
            f"{check_input.dtype}"
        )
    pixels = check_input.astype(np.float32)
    folded = fold_norms(copy.deepcopy(model).cpu().to(memory_format=torch.contiguous_format).eval())
    full = probabilities(folded, pixels)
    if half:
        _round_weights(folded)
    expected = _outputs(folded, pixels)
    proto = onnx.load_from_string(_trace(folded, torch.from_numpy(pixels)))
    _strip_remarks(proto)
    if half:
        proto = halve_weights(proto)
    onnx.checker.check_model(proto)
    answers: Any = ReferenceEvaluator(proto).run(None, {INPUT_NAME: pixels})
    pairs = [(np.asarray(answer, np.float32), truth) for answer, truth in zip(answers, expected, strict=True)]
    same_shape = all(found.shape == truth.shape for found, truth in pairs)
    difference = max(float(np.abs(found - truth).max()) for found, truth in pairs) if same_shape else float("inf")
    if not difference <= MAX_DIFFERENCE:
        raise DefectError(f"{path.name} does not answer as torch does; please report the network and its options")
    data: bytes = proto.SerializeToString()
    write_bytes_atomic(path, data)
    return Export(
        path=path,
        n_bytes=len(data),
        opset=OPSET,
        graph_difference=difference,
        half_difference=float(np.abs(full - expected[0]).max()),
        check_input=check_input,
        check_output=expected[0],
    )


def probabilities(model: Standardised, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a network on the CPU in float32.

    Parameters
    ----------
    model : Standardised
        In evaluation mode, on the CPU.
    pixels : ndarray of shape (N, C, H, W), float32, 0 to 255
        Prepared pixels.

    Returns
    -------
    ndarray of shape (N, K, H, W) or (N, K), float32, 0 to 1
        Probabilities.
    """
    return _outputs(model, pixels)[0]


@torch.no_grad()
def _outputs(model: Standardised, pixels: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """Run what is exported: probabilities, and the map of a gate."""
    answers = _whole(model)(torch.from_numpy(pixels))
    return tuple(answer.numpy() for answer in (answers if isinstance(answers, tuple) else (answers,)))


def _whole(model: Standardised) -> nn.Module:
    return _Explained(model) if isinstance(model.net, Gate) else _Probable(model)


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
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name=f"{name}{HALF_SUFFIX}"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}{HALF_SUFFIX}"], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])
    return halved


def _strip_remarks(proto: Any) -> None:
    """Remove what the exporter notes on every node: source lines and paths of the machine it ran on."""
    graph = proto.graph
    for part in (proto, graph, *graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


@torch.no_grad()
def _round_weights(model: nn.Module) -> None:
    """Round what `halve_weights` will store as float16."""
    for parameter in model.parameters():
        if parameter.numel() >= MIN_HALVED:
            parameter.copy_(parameter.half().float())


def _exported(*given: Any, **options: Any) -> Any:
    """Call the exporter of PyTorch; what it cannot write is said in a line."""
    try:
        return torch.onnx.export(*given, **options)
    except torch.onnx.OnnxExporterError as error:
        reason = str(error).strip().split("\n")[0]
        raise DefectError(f"PyTorch cannot export this network ({reason}); please report it") from error


def _trace(model: Standardised, pixels: Tensor) -> bytes:
    """Export the graph in float32 with free batch and size."""
    step = int(getattr(model.net, "multiple", 1))
    rows, cols = torch.export.Dim("rows", min=1, max=1 << 12), torch.export.Dim("cols", min=1, max=1 << 12)
    free: dict[int, Any] = {0: torch.export.Dim("batch", min=1, max=1 << 16), 2: step * rows, 3: step * cols}
    with warnings.catch_warnings(), torch.no_grad(), tempfile.TemporaryDirectory(prefix="graven-") as folder:
        warnings.simplefilter("ignore")  # of the exporter, about its own internals
        program = _exported(
            _whole(model).eval(),
            (pixels,),
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME, MAP_NAME] if isinstance(model.net, Gate) else [OUTPUT_NAME],
            dynamic_shapes={"image": free},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
        if program is None:
            raise DefectError("the exporter gave no program; please report this")
        path = Path(folder) / "model.onnx"
        program.save(str(path), external_data=False)
        return path.read_bytes()
