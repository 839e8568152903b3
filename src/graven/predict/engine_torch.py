"""The engine for a GPU: PyTorch running the same ``model.onnx``; the library is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graven.errors import MissingExtra, UsageError
from graven.predict.engine_base import NetworkEngine, require

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["TorchEngine"]

PRECISIONS = {
    "cpu": ("float32", "bfloat16"),
    "cuda": ("float32", "bfloat16", "float16"),
    "mps": ("float32",),
}
"""What can be asked for on each device."""


class TorchEngine(NetworkEngine):
    """A network in PyTorch.

    Parameters
    ----------
    model_path : Path
        ``model.onnx``.
    n_threads : int, optional
        Threads of one inference on the CPU. PyTorch has one number for the whole process, so giving it sets that.
    precision : {"auto", "float32", "bfloat16", "float16"}
        ``auto`` is bfloat16 where the device multiplies it in hardware; else float16 on a CUDA device and float32
        elsewhere.
    device : {"auto", "cpu", "cuda", "mps"}
        ``auto`` is a CUDA device, else an Apple GPU, else the CPU.
    n_parallel : int, optional
        Calls that compute at once; default is 1 on the CPU, where one call uses all threads, and 2 elsewhere.
    takes_floats : bool
        Whether the network is given numbers as they are, and not prepared pixels of 0 to 255.

    Raises
    ------
    MissingExtra
        If PyTorch is not installed.
    UsageError
        If there is no such device, or it does not compute in that precision.
    DataError
        If the graph has an operator that `graven.nets.onnx_graph` does not know, or cannot be read.

    Notes
    -----
    Convolutions are computed in `precision` with the channels last; their inputs are cast where needed. Sums, exponents
    and the final activation are float32. On the CPU the last bits may depend on the number of threads.
    """

    name = "torch"

    def __init__(
        self,
        model_path: Path,
        *,
        n_threads: int | None = None,
        precision: str = "auto",
        device: str = "auto",
        n_parallel: int | None = None,
        takes_floats: bool = False,
    ) -> None:
        torch = _import_torch()
        from graven.nets.onnx_graph import OnnxGraph

        place = _find_device(torch, device)
        precision = _find_precision(torch, precision, place)
        if n_threads is not None:
            torch.set_num_threads(n_threads)
        self._torch = torch
        self._place = torch.device(place)
        graph = OnnxGraph(model_path.read_bytes(), compute=getattr(torch, precision), name=model_path.name)
        self._graph = graph.eval().to(self._place)
        super().__init__(
            version=torch.__version__,
            precision=precision,
            device=place,
            n_parallel=n_parallel or (1 if place == "cpu" else 2),
            takes_floats=takes_floats,
        )

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Give the devices that PyTorch finds on this machine, the CPU first."""
        return tuple(reversed(_devices(_import_torch())))

    def _run(self, pixels: NDArray[np.uint8] | NDArray[np.float32]) -> list[NDArray[np.float32]]:
        with self._torch.inference_mode():
            answers = self._graph(self._torch.tensor(pixels, device=self._place))
            return [answer.float().contiguous().cpu().numpy() for answer in answers]


def _import_torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtra(
            "the engine torch needs PyTorch, which is not installed; run: pip install 'graven[ml]'"
        ) from error
    return torch


def _devices(torch: Any) -> tuple[str, ...]:
    """Give the devices that are here, the one to prefer first."""
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return tuple(name for name, is_there in found.items() if is_there)


def _find_device(torch: Any, device: str) -> str:
    require("torch", "device", device, tuple(PRECISIONS))
    found = _devices(torch)
    if device == "auto":
        return found[0]
    if device not in found:
        raise UsageError(f"torch {torch.__version__} finds no device {device!r} here; it finds {', '.join(found)}")
    return device


def _find_precision(torch: Any, precision: str, device: str) -> str:
    require(f"torch on {device}", "precision", precision, PRECISIONS[device])
    from graven.nets.precision import has_bf16

    is_native = has_bf16(torch.device(device))
    if precision == "auto":
        return "bfloat16" if is_native else "float16" if device == "cuda" else "float32"
    if precision == "bfloat16" and not is_native:
        raise UsageError(f"this {device} device does not compute in bfloat16; give --precision auto or float32")
    return precision
