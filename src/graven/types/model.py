"""What a model bundle says about itself, and the protocol of what runs it.

The same values drive training, prediction and the workbench, so a model can never be run with the wrong preparation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from graven.types.labels import ClassTable

__all__ = ["Blending", "Engine", "ExplainingEngine", "Method", "ModelSpec", "Normalisation", "PrepareStep", "Role"]

Method = Literal["petroglyph", "engraving", "condition", "relief"]
Role = Literal["segment", "gate", "refine"]
Blending = Literal["linear", "squared"]


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Standardisation inside the network graph: ``(value - mean) / std`` per band, values in 0 to 255."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PrepareStep:
    """One step of the preparation chain, by name, with its options.

    Attributes
    ----------
    name : str
        ``rotation``, ``reversal``, ``clahe`` or ``highpass``; what each does stands in `graven.prepare`.
    options : dict
        JSON-ready options of the step.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Everything needed to run one network correctly.

    Attributes
    ----------
    name, version : str
        As ``graven models list`` prints them.
    method : str
        One of the four methods.
    role : {"segment", "gate", "refine"}
        What the network answers: a probability per pixel, or one per tile. One that refines answers per pixel as well,
        but its input is a prepared band, the logits of the first network, and the hints of a person (-1, 0, 1).
    network : str
        Name in the table of `graven.nets`.
    network_options : dict
        Its arguments.
    classes : ClassTable
        Classes of the output bands, in order.
    bands : tuple of str
        Meaning of the input bands, ``("red", "green", "blue")``.
    pixel_size_mm : float or None
        Scale it was trained at; None for a network that has none.
    tile_px, overlap_px : int
        Network input and shared border.
    normalisation : Normalisation
        Standardisation that the graph applies to values in 0 to 255.
    prepare : tuple of PrepareStep
        Chain before the network, in order.
    threshold : float, 0 to 1
        A pixel (or tile) is positive at or above it.
    min_object_mm2 : float
        Objects below this area are dropped; 0 keeps all.
    companions : dict of str to str
        Other bundles that the method needs, by role (``{"gate": "petroglyph-gate"}``).
    sha256 : str
        Hash of ``model.onnx``.
    """

    name: str
    version: str
    method: Method
    role: Role
    network: str
    network_options: dict[str, Any]
    classes: ClassTable
    bands: tuple[str, ...]
    pixel_size_mm: float | None
    tile_px: int
    overlap_px: int
    normalisation: Normalisation
    prepare: tuple[PrepareStep, ...]
    threshold: float
    min_object_mm2: float
    companions: dict[str, str]
    sha256: str

    @property
    def takes_floats(self) -> bool:
        """Whether the network takes numbers as they are, and not prepared pixels of 0 to 255."""
        return self.role == "refine"

    @property
    def blending(self) -> Blending:
        """How tiles that overlap are weighed, as `graven.predict.weights` has it: engravings as they were published."""
        return "squared" if self.method == "engraving" else "linear"


class Engine(Protocol):
    """What runs a network: called with prepared pixels, answers with probabilities.

    Attributes
    ----------
    name : {"openvino", "torch", "onnxruntime"}
        The library.
    version : str
        Its release, on which the last bits of an answer depend.
    precision : {"float32", "bfloat16", "float16"}
        What the convolutions are computed in; answers are float32 always.
    device : {"cpu", "cuda", "mps"}
        Where.
    n_parallel : int, >= 1
        Calls worth making at the same time, each from a thread of its own.
    reason : str
        What was chosen and why, in one line for log and report.
    """

    name: str
    version: str
    precision: str
    device: str
    n_parallel: int
    reason: str

    def __call__(self, batch: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict a batch; several threads may call at once.

        Parameters
        ----------
        batch : ndarray of shape (N, C, H, W), uint8, or float32 of 0 to 255
            Prepared pixels, not yet standardised (the graph does that); float32 is rounded to whole numbers.

        Returns
        -------
        ndarray of shape (N, K, H, W) or (N, K), float32, 0 to 1
            Probabilities per class and pixel, or per class for a gate. The caller owns the memory.
        """
        ...


@runtime_checkable
class ExplainingEngine(Engine, Protocol):
    """An engine that also shows where a gate looked, if its network tells."""

    def explain(
        self, batch: NDArray[np.uint8] | NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Predict a batch, with the class activation map of each tile.

        Parameters
        ----------
        batch : ndarray of shape (N, C, H, W), uint8, or float32 of 0 to 255
            Prepared pixels.

        Returns
        -------
        probs : ndarray of shape (N, K), float32, 0 to 1
            As the call gives them.
        maps : ndarray of shape (N, K, h, w), float32, 0 to 1, or None
            What each cell alone would answer; None where the network has no such output.
        """
        ...
