"""Engines answer as the graph says, agree with the ONNX reference, and fail in one line."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from graven.errors import DataError, DefectError, InputError, UsageError
from graven.predict.engines import load_engine

BATCH = np.random.default_rng(0).uniform(0, 255, (2, 3, 9, 14)).astype(np.float32)


@pytest.mark.parametrize("kind", ["segment", "gate"])
def test_agrees_with_the_onnx_reference(write_onnx: Callable[..., Path], kind: str) -> None:
    path = write_onnx(kind)
    expected = ReferenceEvaluator(onnx.load(path)).run(None, {"image": BATCH})[0]
    found = load_engine(path)(BATCH)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_one_engine_takes_any_batch_and_size(write_onnx: Callable[..., Path]) -> None:
    engine = load_engine(write_onnx(), n_threads=1)
    for shape in ((1, 3, 4, 4), (3, 3, 8, 5), (1, 3, 4, 4)):
        batch = np.full(shape, 51.0, np.float32)
        np.testing.assert_allclose(engine(batch), np.full((shape[0], 1, *shape[2:]), 0.2), atol=1e-6)


def test_answers_are_kept_when_the_engine_is_called_again(write_onnx: Callable[..., Path]) -> None:
    engine = load_engine(write_onnx())
    first = engine(BATCH)
    copy = first.copy()
    engine(BATCH * 0)
    np.testing.assert_array_equal(first, copy)


def test_a_network_of_bytes_gets_bytes(write_onnx: Callable[..., Path]) -> None:
    engine = load_engine(write_onnx(elem_type=onnx.TensorProto.UINT8))
    np.testing.assert_allclose(engine(BATCH), np.rint(BATCH[:, :1]) / 255, atol=1e-6)


def test_auto_says_what_and_why(write_onnx: Callable[..., Path]) -> None:
    engine = load_engine(write_onnx())
    assert engine.name == "openvino"
    assert engine.reason == "openvino on the CPU in float32 (chosen by auto: it needs no PyTorch)"
    assert load_engine(write_onnx(), engine="openvino").reason.endswith("(asked for)")


def test_an_unknown_engine_names_the_choices(write_onnx: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match="no engine 'tensorrt'; choose from auto, openvino"):
        load_engine(write_onnx(), engine="tensorrt")


def test_the_hash_is_checked(write_onnx: Callable[..., Path]) -> None:
    path = write_onnx()
    load_engine(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(DataError, match="the bundle names 000000000000"):
        load_engine(path, sha256="0" * 64)


def test_missing_and_damaged_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no network at"):
        load_engine(tmp_path / "none.onnx")
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"this is not a network")
    with pytest.raises(DataError, match=r"OpenVINO cannot load broken\.onnx") as caught:
        load_engine(path)
    assert "\n" not in str(caught.value)


def test_a_batch_that_does_not_fit_is_refused(write_onnx: Callable[..., Path]) -> None:
    engine = load_engine(write_onnx())
    with pytest.raises(InputError, match=r"shape \(N, C, H, W\)"):
        engine(BATCH[0])
    with pytest.raises(DefectError, match=r"failed on a batch of shape \(2, 2, 9, 14\)"):
        engine(BATCH[:, :2])
