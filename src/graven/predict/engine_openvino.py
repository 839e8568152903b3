"""The engine of the base install: OpenVINO on the CPU, in bfloat16 where the processor multiplies it."""

from __future__ import annotations

import queue
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError, MissingExtra, UsageError
from graven.predict.engine_base import NetworkEngine, default_parallel, first_line, require

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["OpenVinoEngine"]

_FIRST = threading.Lock()


class OpenVinoEngine(NetworkEngine):
    """A network in OpenVINO on the CPU.

    Parameters
    ----------
    model_path : Path
        ``model.onnx``.
    n_threads : int, optional
        Threads of one inference; default is 1, and then an answer does not depend on the number of cores.
    precision : {"auto", "float32", "bfloat16"}
        ``auto`` is bfloat16 where the processor has instructions for it.
    device : {"auto", "cpu"}
        There is only one.
    n_parallel : int, optional
        Streams, each of which computes one call; default is one per usable core, at most 8.
    takes_floats : bool
        Whether the network is given numbers as they are, and not prepared pixels of 0 to 255.

    Raises
    ------
    MissingExtra
        If OpenVINO is not installed.
    UsageError
        If the processor has no bfloat16 and it was asked for.
    DataError
        If OpenVINO cannot load the file.

    Notes
    -----
    Prepared pixels enter the graph as bytes and become numbers inside it. Streams are not tied to cores, since reading,
    preparing and writing share them.
    """

    name = "openvino"

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
        require(self.name, "precision", precision, ("float32", "bfloat16"))
        require(self.name, "device", device, ("cpu",))
        try:
            import openvino
        except ImportError as error:
            raise MissingExtra(
                "prediction needs OpenVINO, which is not installed; run: pip install openvino"
            ) from error
        core = _core()
        has_bfloat16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "bfloat16" and not has_bfloat16:
            raise UsageError("this processor does not compute in bfloat16; give --precision auto or float32")
        in_bfloat16 = has_bfloat16 and precision != "float32"
        n_threads = n_threads or 1
        n_streams = n_parallel or default_parallel(n_threads)
        options = {
            "INFERENCE_PRECISION_HINT": "bf16" if in_bfloat16 else "f32",
            "NUM_STREAMS": str(n_streams),
            "INFERENCE_NUM_THREADS": str(n_streams * n_threads),
            "ENABLE_CPU_PINNING": False,
        }
        try:
            graph = core.read_model(str(model_path))
            _check_ports(graph, model_path)
            steps = openvino.preprocess.PrePostProcessor(graph)
            steps.input().tensor().set_element_type(openvino.Type.f32 if takes_floats else openvino.Type.u8)
            self._compiled = core.compile_model(steps.build(), "CPU", options)
        except RuntimeError as error:
            raise DataError(
                f"OpenVINO cannot load {model_path.name}: {first_line(error)}; verify the bundle"
            ) from error
        n_streams = int(self._compiled.get_property("NUM_STREAMS"))  # never more than there are cores
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(n_streams):
            self._requests.put(self._compiled.create_infer_request())
        super().__init__(
            version=openvino.__version__,
            precision="bfloat16" if in_bfloat16 else "float32",
            device="cpu",
            n_parallel=n_streams,
            takes_floats=takes_floats,
        )

    def _run(self, pixels: NDArray[np.uint8] | NDArray[np.float32]) -> list[NDArray[np.float32]]:
        request = self._requests.get()
        try:
            request.start_async([pixels], share_inputs=True)
            request.wait()
            return [np.array(request.get_output_tensor(i).data) for i in range(len(self._compiled.outputs))]
        finally:
            self._requests.put(request)


@cache
def _core() -> Any:
    """Give the one OpenVINO core of this process.

    Each core loads the CPU plugin, which gives the thread an alternate signal stack and takes it away when it is
    unloaded. Cores that go in another order than they came leave a stack that is no longer mapped, and the next Ctrl-C
    is then a segmentation fault (OpenVINO 2026.4).

    What binds OpenVINO to NumPy is set up when a type or an array first passes between them. Two threads that come
    there at once can wait for each other for ever: one lets go of the interpreter within a guard that the other waits
    for with the interpreter in hand. So both ways are gone once here, before there are threads.
    """
    import openvino

    with _FIRST:
        openvino.Type.u8.to_dtype()
        np.array(openvino.Tensor(np.zeros((1, 1), np.uint8), shared_memory=True).data)
        return openvino.Core()


def _check_ports(graph: Any, model_path: Path) -> None:
    if len(graph.inputs) != 1 or len(graph.outputs) not in (1, 2):
        raise DataError(
            f"{model_path.name} must have one input and one output, and of a gate perhaps a map; got "
            f"{len(graph.inputs)} and {len(graph.outputs)}"
        )
