"""What all engines share: how pixels enter and answers leave, how many calls run at once, and how failures are told."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import DefectError, InputError, OutOfMemory, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.types import Engine

__all__ = [
    "MAX_PARALLEL",
    "NetworkEngine",
    "as_bytes",
    "as_floats",
    "default_parallel",
    "engine_facts",
    "first_line",
    "require",
    "usable_cores",
]

MAX_PARALLEL = 8
"""Most calls at once by default: each holds a tile's features in memory."""


class NetworkEngine(ABC):
    """A network in some library; see `graven.types.ExplainingEngine` for what callers may rely on.

    Parameters
    ----------
    version : str
        Release of the library.
    precision : {"float32", "bfloat16", "float16"}
        What the convolutions are computed in.
    device : {"cpu", "cuda", "mps"}
        Where.
    n_parallel : int, >= 1
        Calls that compute at the same time; further ones wait.
    takes_floats : bool
        Whether the network is given numbers as they are, and not prepared pixels of 0 to 255.
    failures : tuple of exception types
        What the library raises when a network cannot take a batch.

    Attributes
    ----------
    reason : str
        What was chosen; `graven.predict.engines.load_engine` adds why.
    """

    name: str

    def __init__(
        self,
        *,
        version: str,
        precision: str,
        device: str,
        n_parallel: int,
        takes_floats: bool = False,
        failures: tuple[type[Exception], ...] = (RuntimeError,),
    ) -> None:
        self.version = version
        self.precision = precision
        self.device = device
        self.n_parallel = n_parallel
        where = {"cpu": "the CPU", "cuda": "the CUDA device", "mps": "the Apple GPU"}[device]
        self.reason = f"{self.name} on {where} in {precision}"
        self._cast = as_floats if takes_floats else as_bytes
        self._failures: tuple[type[BaseException], ...] = (MemoryError, *failures)
        self._places = threading.BoundedSemaphore(n_parallel)

    def __call__(self, batch: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict a batch; see `graven.types.Engine`."""
        return self._answers(batch)[0]

    def explain(
        self, batch: NDArray[np.uint8] | NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Predict a batch with the maps of a gate; see `graven.types.ExplainingEngine`."""
        answers = self._answers(batch)
        return answers[0], answers[1] if len(answers) == 2 else None

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Give the devices of this machine that the engine can use; the library must be installed."""
        return ("cpu",)

    @abstractmethod
    def _run(self, pixels: NDArray[np.uint8] | NDArray[np.float32]) -> Sequence[NDArray[np.float32]]:
        """Run the network on a contiguous batch and give its one or two outputs, in memory of their own."""

    def _answers(self, batch: NDArray[np.uint8] | NDArray[np.float32]) -> Sequence[NDArray[np.float32]]:
        pixels = self._cast(batch)
        try:
            with self._places:
                return self._run(pixels)
        except self._failures as error:
            text = first_line(error)
            if isinstance(error, MemoryError) or "alloc" in text.lower() or "memory" in text.lower():
                raise OutOfMemory(f"no memory left for a batch of {batch.shape}; use a smaller --tile") from error
            raise DefectError(f"{self.name} failed on a batch of shape {batch.shape}: {text}") from error


def as_bytes(batch: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.uint8]:
    """Give a batch as contiguous bytes, which is what prepared pixels are.

    Parameters
    ----------
    batch : ndarray of shape (N, C, H, W), uint8, or float32 of 0 to 255
        Prepared pixels.

    Returns
    -------
    ndarray of shape (N, C, H, W), uint8
        float32 is rounded to the nearest whole number; uint8 is not copied where it is contiguous.

    Raises
    ------
    InputError
        If there are not four axes, or a number is outside 0 to 255.

    Examples
    --------
    >>> as_bytes(np.array([[[[0.4, 254.6]]]], np.float32)).tolist()
    [[[[0, 255]]]]
    """
    if batch.ndim != 4:
        raise InputError(f"a network takes a batch of shape (N, C, H, W), got {batch.shape}")
    if batch.dtype != np.uint8:
        batch = np.rint(batch)
        if batch.size and not (batch.min() >= 0 and batch.max() <= 255):
            raise InputError(
                f"a network takes prepared pixels of 0 to 255, got {batch.min():g} to {batch.max():g}; prepare them "
                "with graven.prepare.chain"
            )
    return np.ascontiguousarray(batch, np.uint8)


def as_floats(batch: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Give a batch as contiguous float32.

    Parameters
    ----------
    batch : ndarray of shape (N, C, H, W), uint8 or float32
        Input of a network that takes numbers as they are.

    Returns
    -------
    ndarray of shape (N, C, H, W), float32
        The same values.

    Raises
    ------
    InputError
        If there are not four axes, or a number is not finite.
    """
    if batch.ndim != 4:
        raise InputError(f"a network takes a batch of shape (N, C, H, W), got {batch.shape}")
    values = np.ascontiguousarray(batch, np.float32)
    if not np.isfinite(values).all():
        raise InputError("a network takes finite numbers, got infinite ones or NaN; hints are -1, 0 and 1")
    return values


def usable_cores() -> int:
    """Give the number of logical cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_parallel(n_threads: int) -> int:
    """Give how many calls of `n_threads` threads each the usable cores can compute at once, at most `MAX_PARALLEL`."""
    return max(1, min(MAX_PARALLEL, usable_cores() // n_threads))


def require(engine: str, what: str, got: str, known: tuple[str, ...]) -> None:
    """Refuse a precision or device that an engine does not offer.

    Parameters
    ----------
    engine : str
        Name in the message.
    what : {"precision", "device"}
        What was asked for.
    got : str
        The choice.
    known : tuple of str
        All that there are, ``"auto"`` apart.

    Raises
    ------
    UsageError
        If `got` is neither ``"auto"`` nor in `known`.
    """
    if got != "auto" and got not in known:
        raise UsageError(f"the engine {engine} has no {what} {got!r}; choose from auto, {', '.join(known)}")


def engine_facts(engine: Engine) -> dict[str, str]:
    """Give what the bytes of an answer depend on: library, release, precision and device."""
    return {"name": engine.name, "version": engine.version, "precision": engine.precision, "device": engine.device}


def first_line(error: BaseException) -> str:
    """Give the last line that a library wrote about an error: it is the one that says what happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
