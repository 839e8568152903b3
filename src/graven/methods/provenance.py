"""The chain of steps from a photograph to its record, as the record tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graven.types import Provenance, Step

if TYPE_CHECKING:
    from graven.methods.tracing import TracePlan, Tracer

__all__ = ["provenance"]

_FRAMED = {
    "tile": "Brought the picture upright and to the model's scale where needed",
    "stretch": "Brought the picture upright where needed and stretched it to one input of the model",
    "letterbox": "Brought the picture upright where needed and fitted it into one input of the model, undistorted",
}
_PREDICTED = "Predicted probabilities tile by tile and blended the tiles."


def provenance(planned: TracePlan, segmenter: Tracer, gate: Tracer | None) -> Provenance:
    """Tell the steps from the file to the record.

    Parameters
    ----------
    planned : TracePlan
        What was decided.
    segmenter : Tracer
        What predicted.
    gate : Tracer or None
        What left tiles out.

    Returns
    -------
    Provenance
        Oldest step first.
    """
    raster, spec = planned.raster, segmenter.spec
    size = raster.pixel_size
    scale: dict[str, Any] = (
        {"pixel_size_mm": None}
        if size is None
        else {"pixel_size_mm": [size.x_mm, size.y_mm], "source": size.source, "sigma_rel": size.sigma_rel}
    )
    chain = Provenance((Step("read", f"Read {raster.name}.", scale, raster.source_sha256),))
    chain = chain.then(
        Step(
            "prepare",
            f"{_FRAMED[planned.mode]}, then prepared it as the model asks.",
            {
                "mode": planned.mode,
                "matrix": list(planned.frame.matrix),
                "steps": [{"name": step.name, **step.options} for step in planned.steps],
            },
        )
    )
    if gate is not None:
        settings = {"model": gate.spec.name, "version": gate.spec.version, "threshold": gate.spec.threshold}
        chain = chain.then(
            Step("predict", "Left out tiles in which the gate sees nothing.", settings, gate.spec.sha256)
        )
    chain = chain.then(
        Step(
            "predict",
            _PREDICTED if planned.mode == "tile" else "Predicted probabilities of the whole picture at once.",
            {
                "model": spec.name,
                "version": spec.version,
                "engine": segmenter.engine.name,
                "tile_px": planned.grid.tile_px,
                "overlap_px": planned.grid.overlap_px,
                "tta": planned.tta,
            },
            spec.sha256,
        )
    )
    return chain.then(
        Step(
            "measure",
            "Cut the probability, dropped small objects, traced what is left and measured it.",
            {"threshold": planned.threshold, "min_area_px": planned.min_area_px},
        )
    )
