"""The portable engine: ONNX Runtime on the CPU in float32, for systems that OpenVINO does not serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.errors import DataError, MissingExtra
from graven.predict.engine_base import NetworkEngine, default_parallel, first_line, require

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["OnnxRuntimeEngine"]


class OnnxRuntimeEngine(NetworkEngine):
    """A network in ONNX Runtime on the CPU, in float32.

    Parameters
    ----------
    model_path : Path
        ``model.onnx``.
    n_threads : int, optional
        Threads of one inference; default is 1, and then an answer does not depend on the number of cores.
    precision : {"auto", "float32"}
        There is only one.
    device : {"auto", "cpu"}
        There is only one.
    n_parallel : int, optional
        Calls that compute at once in the one session; default is one per usable core, at most 8.
    takes_floats : bool
        Whether the network is given numbers as they are, and not prepared pixels of 0 to 255.

    Raises
    ------
    MissingExtra
        If ONNX Runtime is not installed.
    DataError
        If ONNX Runtime cannot load the file.
    """

    name = "onnxruntime"

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
        require(self.name, "precision", precision, ("float32",))
        require(self.name, "device", device, ("cpu",))
        try:
            import onnxruntime
            from onnxruntime.capi import onnxruntime_pybind11_state as state
        except ImportError as error:
            raise MissingExtra(
                "the engine onnxruntime needs ONNX Runtime, which is not installed; run: pip install 'graven[fast]'"
            ) from error
        failures = (state.Fail, state.InvalidArgument, state.RuntimeException, state.NotImplemented, RuntimeError)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n_threads or 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised as well
        try:
            self._session = onnxruntime.InferenceSession(str(model_path), options, providers=["CPUExecutionProvider"])
        except (state.InvalidProtobuf, state.InvalidGraph, state.NoSuchFile, *failures) as error:
            raise DataError(
                f"ONNX Runtime cannot load {model_path.name}: {first_line(error)}; verify the bundle"
            ) from error
        (port,) = self._session.get_inputs()
        self._input = port.name
        self._dtype = np.dtype(np.uint8 if port.type == "tensor(uint8)" else np.float32)
        super().__init__(
            version=onnxruntime.__version__,
            precision="float32",
            device="cpu",
            n_parallel=n_parallel or default_parallel(n_threads or 1),
            takes_floats=takes_floats,
            failures=failures,
        )

    def _run(self, pixels: NDArray[np.uint8] | NDArray[np.float32]) -> Sequence[NDArray[np.float32]]:
        answers: Sequence[NDArray[np.float32]] = self._session.run(
            None, {self._input: pixels.astype(self._dtype, copy=False)}
        )
        return answers
