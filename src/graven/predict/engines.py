"""What runs a network: one protocol (`graven.types.Engine`), one literal table of engines, and the choice between them.

Prediction needs no PyTorch. An engine is called with prepared pixels, 0 to 255; standardisation and the final
activation are inside the graph. Each library is imported when its engine is loaded.
"""

from __future__ import annotations

import ctypes
import hashlib
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from graven.errors import DataError, MissingExtra, UsageError
from graven.predict.engine_onnxruntime import OnnxRuntimeEngine
from graven.predict.engine_openvino import OpenVinoEngine
from graven.predict.engine_torch import TorchEngine
from graven.predict.features import with_features
from graven.predict.logits import without_sigmoid

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from graven.types import ExplainingEngine

__all__ = ["ENGINES", "Choice", "choose_engine", "installed_engines", "load_engine", "load_variants"]

ENGINES: dict[str, type[OpenVinoEngine | TorchEngine | OnnxRuntimeEngine]] = {
    "openvino": OpenVinoEngine,
    "torch": TorchEngine,
    "onnxruntime": OnnxRuntimeEngine,
}
"""Engines by name, which is that of the library as well."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine and why it was taken.

    Attributes
    ----------
    name : str
        A key of `ENGINES`.
    device : str
        What to hand to it: ``"auto"`` or a device.
    why : str
        Half a sentence.
    """

    name: str
    device: str
    why: str


def installed_engines() -> tuple[str, ...]:
    """Give the names of the engines whose library is installed, without importing it, in the order of `ENGINES`."""
    return tuple(name for name in ENGINES if find_spec(name) is not None)


def choose_engine(model_path: Path | None = None, *, device: str = "auto") -> Choice:
    """Choose an engine: PyTorch on a CUDA device, else OpenVINO, else ONNX Runtime, else PyTorch on the CPU.

    Parameters
    ----------
    model_path : Path, optional
        ``model.onnx``; with it, PyTorch is taken only if it knows all its operators.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute, if that matters.

    Returns
    -------
    Choice
        With the reason.

    Raises
    ------
    MissingExtra
        If no engine is installed that serves the device.

    Notes
    -----
    PyTorch takes seconds to import, so it is asked for a CUDA device only where a driver of one is found.
    """
    there = installed_engines()
    if device in ("cuda", "mps"):
        if "torch" not in there:
            raise MissingExtra(f"the device {device} needs PyTorch, which is not installed; pip install 'graven[ml]'")
        return Choice("torch", device, f"it alone computes on {device}")
    against = "the CPU was asked for" if device == "cpu" else _against_cuda(model_path)
    if against is None:
        return Choice("torch", "cuda", "it finds a CUDA device")
    if "openvino" in there:
        return Choice("openvino", "cpu", against)
    if "onnxruntime" in there:
        return Choice("onnxruntime", "cpu", f"{against}, and OpenVINO is not installed")
    if "torch" in there:
        return Choice("torch", "cpu", f"{against}, and neither OpenVINO nor ONNX Runtime is installed")
    raise MissingExtra("prediction needs OpenVINO, which is not installed; run: pip install openvino")


def load_engine(
    model_path: Path,
    *,
    engine: str = "auto",
    sha256: str | None = None,
    n_threads: int | None = None,
    precision: str = "auto",
    device: str = "auto",
    n_parallel: int | None = None,
    takes_floats: bool = False,
    gives_logits: bool = False,
    gives_features: bool = False,
) -> ExplainingEngine:
    """Load a network into an engine.

    Parameters
    ----------
    model_path : Path
        ``model.onnx`` of a bundle.
    engine : str
        ``"auto"`` (see `choose_engine`) or a name in `ENGINES`, which is then used or refused, never replaced.
    sha256 : str, optional
        Expected hash of the file, from the bundle's description.
    n_threads : int, optional
        Threads of one inference.
    precision : {"auto", "float32", "bfloat16", "float16"}
        What convolutions are computed in; ``auto`` takes the fastest that the device has in hardware.
    device : {"auto", "cpu", "cuda", "mps"}
        Where.
    n_parallel : int, optional
        Calls that compute at once; default is one per usable core for engines that use one thread each, at most 8.
    takes_floats : bool
        Whether the network is given numbers as they are (`ModelSpec.takes_floats`), and not pixels of 0 to 255.
    gives_logits : bool
        Answer with logits in place of probabilities; the network must end in a sigmoid.
    gives_features : bool
        Answer with logits, and explain them by the input of the last convolution (`graven.predict.features`).

    Returns
    -------
    ExplainingEngine
        Ready to be called, from several threads if wanted. Its ``reason`` says what was chosen and why.

    Raises
    ------
    UsageError
        If there is no such engine, precision, device or file.
    DataError
        If the file has another hash or cannot be loaded.
    MissingExtra
        If the engine is not installed.
    """
    if engine != "auto" and engine not in ENGINES:
        raise UsageError(f"there is no engine {engine!r}; choose from auto, {', '.join(sorted(ENGINES))}")
    for count in (n_threads, n_parallel):
        if count is not None and count < 1:
            raise UsageError(f"an engine needs at least one thread and one call at a time, got {count}")
    if not model_path.is_file():
        raise UsageError(f"there is no network at {model_path}; give the model.onnx of a bundle")
    if sha256 is not None:
        _check_hash(model_path, sha256)
    choice = choose_engine(model_path, device=device) if engine == "auto" else Choice(engine, device, "asked for")
    with _cut(model_path, gives_logits=gives_logits, gives_features=gives_features) as path:
        loaded = ENGINES[choice.name](
            path,
            n_threads=n_threads,
            precision=precision,
            device=choice.device,
            n_parallel=n_parallel,
            takes_floats=takes_floats,
        )
    loaded.reason += f" ({'chosen by auto: ' if engine == 'auto' else ''}{choice.why})"
    return loaded


def load_variants(model_path: Path, name: str, *, takes_floats: bool = False) -> list[ExplainingEngine]:
    """Load a network into an engine in every way that this machine offers.

    Parameters
    ----------
    model_path : Path
        ``model.onnx`` of a bundle.
    name : str
        A key of `ENGINES`.
    takes_floats : bool
        As in `load_engine`.

    Returns
    -------
    list of ExplainingEngine
        On each device in float32, and in what ``auto`` takes there where that is another precision.

    Raises
    ------
    DataError
        If the file cannot be loaded.
    MissingExtra
        If the engine is not installed.
    """
    found: list[ExplainingEngine] = []
    for device in ENGINES[name].devices():
        plain, fast = (
            load_engine(model_path, engine=name, precision=precision, device=device, takes_floats=takes_floats)
            for precision in ("float32", "auto")
        )
        found += [plain] if fast.precision == "float32" else [plain, fast]
    return found


def _cut(model_path: Path, *, gives_logits: bool, gives_features: bool) -> AbstractContextManager[Path]:
    """Give the network as a file that answers with what is wanted of it."""
    if gives_features:
        return with_features(model_path)
    return without_sigmoid(model_path) if gives_logits else nullcontext(model_path)


def _check_hash(model_path: Path, sha256: str) -> None:
    with model_path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != sha256:
        raise DataError(
            f"{model_path.name} has the hash {digest[:12]}, the bundle names {sha256[:12]}; fetch the bundle again"
        )


def _against_cuda(model_path: Path | None) -> str | None:
    """Say what speaks against PyTorch on a CUDA device; None where nothing does."""
    if not _has_cuda_driver():
        return "no CUDA device"
    if "torch" not in installed_engines():
        return "a CUDA driver is here, but PyTorch is not installed"
    import torch

    if not torch.cuda.is_available():
        return "PyTorch finds no CUDA device"
    if model_path is not None:
        from graven.nets.onnx_graph import OnnxGraph

        try:
            OnnxGraph(model_path.read_bytes(), name=model_path.name)
        except DataError as error:
            return f"not PyTorch on the CUDA device: {str(error).partition(';')[0]}"
    return None


def _has_cuda_driver() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
