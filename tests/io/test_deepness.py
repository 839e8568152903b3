"""The Deepness export answers like the bundle, or says why it cannot be made."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from graven.errors import DataError
from graven.io.bundle import Bundle, write_bundle
from graven.io.deepness import deepness_metadata, export_deepness
from graven.types import ClassDefinition, ClassTable, ModelSpec, Normalisation, PrepareStep

CLASSES = ClassTable(
    (
        ClassDefinition(1, "crack", "#D55E00", "dots", "line", "C"),
        ClassDefinition(2, "loss", "#0072B2", "cross", "area", "L"),
    )
)
SPEC = ModelSpec(
    name="plain",
    version="1",
    method="condition",
    role="segment",
    network="compact",
    network_options={},
    classes=CLASSES,
    bands=("red", "green", "blue"),
    pixel_size_mm=0.5,
    tile_px=16,
    overlap_px=4,
    normalisation=Normalisation((0.0,) * 3, (1.0,) * 3),
    prepare=(),
    threshold=0.4,
    min_object_mm2=4.0,
    companions={},
    sha256="",
)


def _bundle(folder: Path, spec: ModelSpec = SPEC, *, elem_type: int = TensorProto.FLOAT) -> Bundle:
    weight = np.random.default_rng(0).uniform(0, 1 / 255 / 3, (2, 3, 1, 1)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("Conv", ["pixels", "weight"], ["probability"]),
        ],
        "two",
        [helper.make_tensor_value_info("image", elem_type, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n", 2, "h", "w"])],
        [numpy_helper.from_array(weight, "weight")],
    )
    path = folder / "net.onnx"
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )
    return write_bundle(folder / "plain", spec, path, "# plain\n")


@pytest.mark.parametrize("elem_type", [TensorProto.FLOAT, TensorProto.UINT8])
def test_the_exported_graph_answers_like_the_bundle(tmp_path: Path, elem_type: int) -> None:
    bundle = _bundle(tmp_path, elem_type=elem_type)
    exported = onnx.load(export_deepness(bundle, tmp_path / "plain_qgis.onnx"))
    pixels = np.random.default_rng(1).integers(0, 256, (1, 3, 16, 16), dtype=np.uint8)
    given = pixels if elem_type == TensorProto.UINT8 else pixels.astype(np.float32)
    expected = ReferenceEvaluator(str(bundle.model_path)).run(None, {"image": given})[0]
    found = ReferenceEvaluator(exported).run(None, {"image": (pixels / 255).astype(np.float32)})[0]
    assert found.shape == (1, 3, 16, 16)
    np.testing.assert_allclose(found[:, 1:], expected, atol=1e-5)
    np.testing.assert_allclose(found[:, 0], 1 - expected.max(axis=1), atol=1e-5)


def test_the_metadata_is_what_deepness_reads(tmp_path: Path) -> None:
    exported = onnx.load(export_deepness(_bundle(tmp_path), tmp_path / "plain_qgis.onnx"))
    found = {entry.key: json.loads(entry.value) for entry in exported.metadata_props}
    assert found == {
        "model_type": "Segmentor",
        "class_names": {"0": "background", "1": "crack", "2": "loss"},
        "resolution": 0.05,
        "tiles_size": 16,
        "tiles_overlap": 25,
        "standardization_mean": [0.0, 0.0, 0.0],
        "standardization_std": [1.0, 1.0, 1.0],
        "seg_thresh": 0.4,
        "seg_small_segment": 4,
    }
    assert [d.dim_value for d in exported.graph.input[0].type.tensor_type.shape.dim] == [1, 3, 16, 16]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"prepare": (PrepareStep("rotation"), PrepareStep("clahe"))}, r"its preparation \(rotation, clahe\) cannot"),
        ({"role": "gate"}, "it is a gate"),
        ({"pixel_size_mm": None}, "it states no pixel size"),
    ],
)
def test_a_model_that_cannot_run_there_is_refused_with_the_reason(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        deepness_metadata(replace(SPEC, **changes))


def test_a_refused_model_leaves_no_file(tmp_path: Path) -> None:
    bundle = _bundle(tmp_path, replace(SPEC, prepare=(PrepareStep("clahe"),)))
    with pytest.raises(DataError, match="cannot be exported to Deepness"):
        export_deepness(bundle, tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()
