"""Export for Deepness, a plug-in that runs ONNX models inside QGIS.

Deepness divides bytes by 255, cuts square tiles at the resolution that the model names, and takes the largest class
per pixel. What a model needs beyond that cannot be expressed there; such a model is refused, not run wrongly.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from graven.errors import DataError, OutputError
from graven.io.fs import write_bytes_atomic
from graven.io.onnx_check import INPUT_NAME, OUTPUT_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from graven.io.bundle import Bundle
    from graven.types import ModelSpec

__all__ = ["deepness_metadata", "export_deepness", "why_not_deepness"]


def why_not_deepness(spec: ModelSpec) -> str | None:
    """Say why a model cannot run in Deepness, or None where it can.

    Parameters
    ----------
    spec : ModelSpec
        The model.

    Returns
    -------
    str or None
        The reason.
    """
    if spec.role != "segment":
        return f"it is a {spec.role}, and Deepness runs segmentation only"
    if spec.prepare:
        names = ", ".join(step.name for step in spec.prepare)
        return f"its preparation ({names}) cannot be expressed in Deepness, and without it the answers are wrong"
    if spec.pixel_size_mm is None:
        return "it states no pixel size, which Deepness needs as its resolution"
    return None


def deepness_metadata(spec: ModelSpec) -> dict[str, Any]:
    """Give the metadata that Deepness reads from the model.

    Parameters
    ----------
    spec : ModelSpec
        A model that `why_not_deepness` accepts.

    Returns
    -------
    dict
        JSON-ready: resolution in centimetres per pixel, overlap in per cent, class names by index with the background
        first. `min_object_mm2` becomes the side of a square of that area in pixels.

    Raises
    ------
    DataError
        If the model cannot run in Deepness.
    """
    reason = why_not_deepness(spec)
    if reason is not None or spec.pixel_size_mm is None:
        raise DataError(f"the model {spec.name!r} cannot be exported to Deepness: {reason}")
    names = {0: "background"} | {index: entry.name for index, entry in enumerate(spec.classes.classes, start=1)}
    return {
        "model_type": "Segmentor",
        "class_names": names,
        "resolution": spec.pixel_size_mm / 10,
        "tiles_size": spec.tile_px,
        "tiles_overlap": round(100 * spec.overlap_px / spec.tile_px),
        "standardization_mean": [0.0] * len(spec.bands),
        "standardization_std": [1.0] * len(spec.bands),
        "seg_thresh": spec.threshold,
        "seg_small_segment": math.ceil(math.sqrt(spec.min_object_mm2) / spec.pixel_size_mm),
    }


def export_deepness(bundle: Bundle, target: Path) -> Path:
    """Write a model as a single ONNX file that runs in QGIS through Deepness.

    Parameters
    ----------
    bundle : Bundle
        A segmenter without a preparation chain.
    target : Path
        File to write.

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    DataError
        If the preparation of the model cannot be expressed in Deepness; the reason is given.
    OutputError
        If the file cannot be written or what was built is not a valid model.

    Notes
    -----
    The graph is the bundle's own between two adapters: values from 0 to 1 are multiplied by 255 first, and a background
    band, 1 minus the largest class, is put before the others at the end. Tile and batch sizes become fixed.
    """
    import onnx
    from onnx import TensorProto, helper

    spec = bundle.spec
    metadata = deepness_metadata(spec)
    model = onnx.load(bundle.model_path)
    graph = model.graph
    stored = {tensor.name for tensor in graph.initializer}
    is_bytes = next(v for v in graph.input if v.name == INPUT_NAME).type.tensor_type.elem_type == TensorProto.UINT8
    inner = {name: f"graven_{name}" for name in (INPUT_NAME, OUTPUT_NAME)}
    for node in graph.node:
        node.input[:] = [inner.get(name, name) for name in node.input]
        node.output[:] = [inner.get(name, name) for name in node.output]
    scaled = "graven_scaled" if is_bytes else inner[INPUT_NAME]
    before = [helper.make_node("Mul", [INPUT_NAME, "graven_255"], [scaled])]
    if is_bytes:
        before.append(helper.make_node("Round", [scaled], ["graven_rounded"]))
        before.append(helper.make_node("Cast", ["graven_rounded"], [inner[INPUT_NAME]], to=TensorProto.UINT8))
    after = [
        helper.make_node("ArgMax", [inner[OUTPUT_NAME]], ["graven_best"], axis=1, keepdims=1),
        helper.make_node("GatherElements", [inner[OUTPUT_NAME], "graven_best"], ["graven_largest"], axis=1),
        helper.make_node("Sub", ["graven_one", "graven_largest"], ["graven_background"]),
        helper.make_node("Concat", ["graven_background", inner[OUTPUT_NAME]], [OUTPUT_NAME], axis=1),
    ]
    nodes = [*before, *graph.node, *after]
    del graph.node[:]
    graph.node.extend(nodes)
    for name, value in (("graven_255", 255.0), ("graven_one", 1.0)):
        graph.initializer.append(helper.make_tensor(name, TensorProto.FLOAT, [], [value]))
    side, n_bands, n_classes = spec.tile_px, len(spec.bands), len(spec.classes)
    kept = [value for value in graph.input if value.name in stored]
    del graph.input[:], graph.output[:], graph.value_info[:]
    graph.input.extend([helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, [1, n_bands, side, side]), *kept])
    graph.output.append(helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, [1, n_classes + 1, side, side]))
    del model.metadata_props[:]
    helper.set_model_props(model, {key: json.dumps(value) for key, value in metadata.items()})
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise OutputError(
            f"the Deepness model of {spec.name!r} is not valid: {first_line}; please report this"
        ) from error
    write_bytes_atomic(target, model.SerializeToString())
    return target
