"""``graven models verify``: what agrees is listed with its figures, what does not is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from graven.api.models import verify
from graven.errors import DataError, InputError, MismatchError, UsageError
from graven.io.bundle import write_bundle
from graven.predict.agreement import MAX_F1_CHANGE
from graven.predict.engines import installed_engines
from graven.types import ENGRAVING_CLASSES, PETROGLYPH_CLASSES, ModelSpec, Normalisation, PrepareStep

INPUT = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32), dtype=np.uint8)
ANSWER = INPUT[:, :1].astype(np.float32) / 255


def _bundle(folder: Path, operator: str = "Relu", check: tuple[np.ndarray, np.ndarray] | None = (INPUT, ANSWER)) -> str:
    """Write a model that answers with red / 255."""
    weight = np.array([1 / 255, 0, 0], np.float32).reshape(1, 3, 1, 1)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "w"], ["red"]), helper.make_node(operator, ["red"], ["probability"])],
        "red",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        [numpy_helper.from_array(weight, "w")],
    )
    network = folder.with_suffix(".onnx")
    network.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )
    spec = ModelSpec(
        name="red",
        version="1.0",
        method="petroglyph",
        role="segment",
        network="by_hand",
        network_options={},
        classes=PETROGLYPH_CLASSES,
        bands=("red", "green", "blue"),
        pixel_size_mm=0.5,
        tile_px=256,
        overlap_px=64,
        normalisation=Normalisation((0.0,) * 3, (1.0,) * 3),
        prepare=(),
        threshold=0.5,
        min_object_mm2=0.0,
        companions={},
        sha256="",
    )
    return str(write_bundle(folder, spec, network, "# red\n", check=check).path)


def test_every_installed_engine_is_compared_with_the_stored_answer() -> None:
    rows = [row for row in verify("petroglyph") if "engine" in row]
    assert {row["engine"] for row in rows} == set(installed_engines())
    assert {row["engine"] for row in rows if row["precision"] == "float32"} == set(installed_engines())
    for row in rows:
        assert row["mean_difference"] <= row["p999_difference"] < 0.05
        assert "gives the stored answer" in row["check"]
    assert all(row["flipped_share"] == 0 for row in rows if row["precision"] == "float32")


def test_one_engine_can_be_named(tmp_path: Path) -> None:
    path = _bundle(tmp_path / "red")
    rows = [row for row in verify(path, engine="auto") if "engine" in row]
    assert len(rows) == 1
    with pytest.raises(UsageError, match="no engine 'all of them'"):
        verify(path, engine="all of them")


def test_another_answer_than_the_stored_one_is_refused(tmp_path: Path) -> None:
    path = _bundle(tmp_path / "red", check=(INPUT, ANSWER * np.float32(0.99)))
    with pytest.raises(MismatchError, match=r"in float32 \(cpu\) does not answer as float32 did: the mean difference"):
        verify(path)
    path = _bundle(tmp_path / "other", check=(INPUT, ANSWER[:, :, :16]))
    with pytest.raises(MismatchError, match=r"must have the shape \(2, 1, 16, 32\), got \(2, 1, 32, 32\)"):
        verify(path)


def test_a_bundle_without_stored_answer_says_so(tmp_path: Path) -> None:
    rows = verify(_bundle(tmp_path / "red", check=None), engine="openvino")
    assert [row["check"] for row in rows][-1] == "no input is stored with it, so no answer was compared"


def test_torch_may_decline_unless_it_was_named(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    path = _bundle(tmp_path / "red", operator="Abs", check=None)
    assert any(row.get("engine") == "torch" and "the operator Abs" in row["check"] for row in verify(path))
    with pytest.raises(DataError, match="the operator Abs"):
        verify(path, engine="torch")


@pytest.mark.parametrize(("name", "least"), [("petroglyph", 0.7), ("petroglyph-gate", 0.5), ("condition", 0.5)])
def test_scores_on_panels_are_those_of_float32(name: str, least: float) -> None:
    rows = [row for row in verify(name, engine="openvino", n_panels=1) if "f1" in row]
    assert rows[0]["precision"] == "float32"
    assert rows[0]["f1_change"] == rows[0]["flipped_share"] == 0
    for row in rows:
        assert row["f1"] > least
        assert abs(row["f1_change"]) <= MAX_F1_CHANGE
        assert row["f1_change"] == pytest.approx(row["f1"] - rows[0]["f1"], abs=1e-12)


def test_panels_can_be_run_out_of(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are 16 validation panels; --panels takes 0 to that, got 17"):
        verify(_bundle(tmp_path / "red"), n_panels=17)


def _engraving(folder: Path, *, role: str = "segment", steps: tuple[str, ...] = ("highpass",)) -> str:
    """Write a model that takes what lies deep for engraved: sigmoid(0.2 * (89.5 - height)), of the first band."""
    bands = {"segment": ("height",), "refine": ("height", "logit", "hint")}[role]
    if steps != ("highpass",):
        bands = (*bands, "albedo")
    weight = np.zeros((1, len(bands), 1, 1), np.float32)
    weight[0, 0] = -0.2
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["image", "w", "b"], ["logits"]),
            helper.make_node("Sigmoid", ["logits"], ["probability"]),
        ],
        "deep",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", len(bands), "h", "w"])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(np.array([17.9], np.float32), "b")],
    )
    network = folder.with_suffix(".onnx")
    network.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )
    spec = ModelSpec(
        name="deep",
        version="1.0",
        method="engraving",
        role=role,
        network="by_hand",
        network_options={},
        classes=ENGRAVING_CLASSES,
        bands=bands,
        pixel_size_mm=0.05,
        tile_px=256,
        overlap_px=128,
        normalisation=Normalisation((0.0,) * len(bands), (1.0,) * len(bands)),
        prepare=tuple(PrepareStep(name) for name in steps),
        threshold=0.5,
        min_object_mm2=0.0,
        companions={},
        sha256="",
    )
    return str(write_bundle(folder, spec, network, "# deep\n").path)


@pytest.mark.slow
def test_engines_are_compared_on_bronzes_for_a_model_of_heights(tmp_path: Path) -> None:
    rows = [row for row in verify(_engraving(tmp_path / "deep"), engine="openvino", n_panels=1) if "f1" in row]
    assert rows[0]["precision"] == "float32"
    assert rows[0]["f1_change"] == 0
    assert all(0.1 < row["f1"] < 0.9 for row in rows)  # chance is below 0.1, and depth alone does not make a groove


def test_panels_that_do_not_suit_a_model_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="betters what another one answers by a person's strokes"):
        verify(_engraving(tmp_path / "refiner", role="refine"), n_panels=1)
    with pytest.raises(InputError, match=r"takes height and albedo of 0\.05 mm, verify it without them"):
        verify(_engraving(tmp_path / "both", steps=("highpass", "albedo")), n_panels=1)
