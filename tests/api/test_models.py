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
from graven.types import PETROGLYPH_CLASSES, ModelSpec, Normalisation

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
