"""What runs a network: one protocol (`graven.types.Engine`), one literal table of engines.

Prediction needs no PyTorch. An engine is called with prepared pixels, 0 to 255; standardisation and the final
activation are inside the graph.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError, DefectError, InputError, MissingExtra, OutOfMemory, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.types import Engine

__all__ = ["ENGINES", "OpenVinoEngine", "load_engine"]


class OpenVinoEngine:
    """A network in OpenVINO on the CPU, in float32.

    Parameters
    ----------
    model_path : Path
        ``model.onnx``.
    n_threads : int, optional
        Threads of one inference; default is OpenVINO's own choice.

    Attributes
    ----------
    name : str
        ``"openvino"``.
    version : str
        Release of OpenVINO, on which the last bits of an answer depend.
    reason : str
        What was chosen and why, for log and report.

    Raises
    ------
    MissingExtra
        If OpenVINO is not installed.
    DataError
        If OpenVINO cannot load the file.
    """

    name = "openvino"

    def __init__(self, model_path: Path, *, n_threads: int | None = None) -> None:
        try:
            import openvino
        except ImportError as error:
            raise MissingExtra(
                "prediction needs OpenVINO, which is not installed; run: pip install openvino"
            ) from error
        self.version: str = openvino.__version__
        options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": "1"}
        if n_threads is not None:
            options["INFERENCE_NUM_THREADS"] = str(n_threads)
        try:
            self._compiled = openvino.Core().compile_model(str(model_path), "CPU", options)
        except RuntimeError as error:
            raise DataError(
                f"OpenVINO cannot load {model_path.name}: {_first_line(error)}; verify the bundle"
            ) from error
        if len(self._compiled.inputs) != 1 or len(self._compiled.outputs) not in (1, 2):
            raise DataError(
                f"{model_path.name} must have one input and one output, and of a gate perhaps a map; got "
                f"{len(self._compiled.inputs)} and {len(self._compiled.outputs)}"
            )
        self._dtype = np.dtype(self._compiled.inputs[0].get_element_type().to_dtype())
        self._request = self._compiled.create_infer_request()
        self.reason = "openvino on the CPU in float32"

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict a batch; see `graven.types.Engine`."""
        return self._infer(batch)[0]

    def explain(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Predict a batch with the maps of a gate; see `graven.types.ExplainingEngine`."""
        answers = self._infer(batch)
        return answers[0], answers[1] if len(answers) == 2 else None

    def _infer(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        if batch.ndim != 4:
            raise InputError(f"a network takes a batch of shape (N, C, H, W), got {batch.shape}")
        pixels = batch if self._dtype == batch.dtype else np.rint(batch).astype(self._dtype)
        try:
            answers = self._request.infer([np.ascontiguousarray(pixels)])
        except RuntimeError as error:
            text = _first_line(error)
            if "alloc" in text.lower() or "memory" in text.lower():
                raise OutOfMemory(f"no memory left for a batch of {batch.shape}; use a smaller --tile") from error
            raise DefectError(f"OpenVINO failed on a batch of shape {batch.shape}: {text}") from error
        return [np.array(answers[output], np.float32) for output in self._compiled.outputs]


ENGINES = {"openvino": OpenVinoEngine}
"""Engines by name; ``auto`` takes the first."""


def load_engine(
    model_path: Path, *, engine: str = "auto", sha256: str | None = None, n_threads: int | None = None
) -> Engine:
    """Load a network into an engine.

    Parameters
    ----------
    model_path : Path
        ``model.onnx`` of a bundle.
    engine : str
        ``"auto"`` or a name in `ENGINES`. The engine's ``reason`` says what was chosen and why.
    sha256 : str, optional
        Expected hash of the file, from the bundle's description.
    n_threads : int, optional
        Threads of one inference.

    Returns
    -------
    Engine
        Ready to be called.

    Raises
    ------
    UsageError
        If there is no such engine or file.
    DataError
        If the file has another hash or cannot be loaded.
    MissingExtra
        If the engine is not installed.
    """
    if engine != "auto" and engine not in ENGINES:
        raise UsageError(f"there is no engine {engine!r}; choose from auto, {', '.join(sorted(ENGINES))}")
    if not model_path.is_file():
        raise UsageError(f"there is no network at {model_path}; give the model.onnx of a bundle")
    if sha256 is not None:
        with model_path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != sha256:
            raise DataError(
                f"{model_path.name} has the hash {digest[:12]}, the bundle names {sha256[:12]}; fetch the bundle again"
            )
    name = next(iter(ENGINES)) if engine == "auto" else engine
    loaded = ENGINES[name](model_path, n_threads=n_threads)
    loaded.reason += " (chosen by auto: it needs no PyTorch)" if engine == "auto" else " (asked for)"
    return loaded


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
