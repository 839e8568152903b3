"""Engines answer as the graph says, agree with one another, take calls from several threads, and fail in one line."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from graven.errors import DataError, DefectError, InputError, MissingExtra, UsageError
from graven.io.bundle import list_bundles, read_bundle, read_check
from graven.predict.agreement import Comparison, check_agreement
from graven.predict.engines import ENGINES, choose_engine, installed_engines, load_engine, load_variants
from graven.types import ExplainingEngine

BATCH = np.random.default_rng(0).integers(0, 256, (2, 3, 9, 14), dtype=np.uint8)
SEGMENTER = read_bundle("petroglyph").model_path


@pytest.fixture(params=sorted(ENGINES))
def name(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(request.param)
    return request.param


def _pixels(seed: int, shape: tuple[int, ...] = (1, 3, 64, 96)) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def _hide(monkeypatch: pytest.MonkeyPatch, *libraries: str) -> None:
    """Let importing these libraries fail, as where they are not installed."""
    for library in libraries:
        monkeypatch.setitem(sys.modules, library, None)


# answers


def test_agrees_with_the_onnx_reference(write_onnx: Callable[..., Path], name: str) -> None:
    path = write_onnx()
    expected = ReferenceEvaluator(onnx.load(path)).run(None, {"image": BATCH.astype(np.float32)})[0]
    found = load_engine(path, engine=name, precision="float32")(BATCH)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_gate_answers_per_tile(write_onnx: Callable[..., Path]) -> None:
    found, maps = load_engine(write_onnx("gate"), precision="float32").explain(BATCH)
    np.testing.assert_allclose(found[:, 0], BATCH[:, 0].mean(axis=(1, 2)) / 255, atol=1e-6)
    assert maps is None


@pytest.mark.parametrize("bundle", list_bundles())
def test_every_engine_and_precision_agrees_with_the_stored_answer(bundle: str, name: str) -> None:
    found = read_bundle(bundle)
    check = read_check(found)
    assert check is not None
    for engine in load_variants(found.model_path, name, takes_floats=found.spec.takes_floats):
        comparison = Comparison(found.spec.threshold)
        comparison.add(engine(check[0]), check[1])
        check_agreement(comparison.result(), engine.precision, what=engine.reason)


def test_logits_can_be_had_whole(name: str) -> None:
    pixels = _pixels(5)
    probs = load_engine(SEGMENTER, engine=name, precision="float32")(pixels)
    logits = load_engine(SEGMENTER, engine=name, precision="float32", gives_logits=True)(pixels)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(1 / (1 + np.exp(-logits.astype(np.float64))), probs, atol=1e-5)
    assert logits.min() < -1


def test_a_network_that_ends_otherwise_gives_no_logits(write_onnx: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="must end in one Sigmoid to answer with logits"):
        load_engine(write_onnx("gate"), gives_logits=True)


def test_bfloat16_is_really_used_and_float32_can_be_had() -> None:
    pixels = _pixels(1)
    plain, fast = (load_engine(SEGMENTER, precision=precision) for precision in ("float32", "auto"))
    expected = ReferenceEvaluator(onnx.load(SEGMENTER)).run(None, {"image": pixels.astype(np.float32)})[0]
    assert plain.precision == "float32"
    assert np.abs(plain(pixels) - expected).max() < 1e-5
    if fast.precision == "bfloat16":
        assert 1e-4 < np.abs(fast(pixels) - expected).max() < 0.1


def test_one_engine_takes_any_batch_and_size(name: str) -> None:
    engine = load_engine(SEGMENTER, engine=name, precision="float32")
    tiles = _pixels(2, (3, 3, 64, 96))
    together = engine(tiles)
    assert together.shape == (3, 1, 64, 96)
    assert engine(_pixels(3, (1, 3, 32, 32))).shape == (1, 1, 32, 32)
    for index in range(3):
        np.testing.assert_allclose(engine(tiles[index : index + 1]), together[index : index + 1], atol=1e-5)


def test_float32_pixels_are_rounded_to_bytes(name: str) -> None:
    engine = load_engine(SEGMENTER, engine=name)
    pixels = _pixels(4)
    expected = engine(pixels)
    np.testing.assert_array_equal(engine(pixels.astype(np.float32)), expected)
    np.testing.assert_array_equal(engine(np.clip(pixels + np.float32(0.4), 0, 255)), expected)
    for wrong in (-1.0, 256.0, np.nan):
        with pytest.raises(InputError, match="prepared pixels of 0 to 255"):
            engine(np.full((1, 3, 32, 32), wrong, np.float32))


def test_a_network_of_bytes_gets_bytes(write_onnx: Callable[..., Path], name: str) -> None:
    engine = load_engine(write_onnx(elem_type=onnx.TensorProto.UINT8), engine=name, precision="float32")
    np.testing.assert_allclose(engine(BATCH), BATCH[:, :1] / 255, atol=1e-6)


# several threads


def test_eight_threads_get_the_answers_of_one(name: str) -> None:
    engine = load_engine(SEGMENTER, engine=name, n_parallel=3)
    batches = [_pixels(seed, (1 + seed % 2, 3, 64, 96)) for seed in range(8)]
    expected = [engine(batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(engine, batches * 4))
    for index, answer in enumerate(found):
        np.testing.assert_array_equal(answer, expected[index % 8])


def test_answers_are_kept_when_the_engine_is_called_again(name: str) -> None:
    engine = load_engine(SEGMENTER, engine=name, n_parallel=1)
    first = engine(_pixels(5))
    copy = first.copy()
    engine(_pixels(6))
    np.testing.assert_array_equal(first, copy)
    first[:] = 0  # the caller owns it


def test_bytes_do_not_depend_on_how_many_calls_run_at_once(name: str) -> None:
    if name == "torch":
        pytest.skip("computes one call with all threads")
    one, many = (load_engine(SEGMENTER, engine=name, n_parallel=n)(_pixels(7)) for n in (1, 4))
    np.testing.assert_array_equal(one, many)


# choice


def test_an_engine_says_what_it_is(name: str) -> None:
    engine = load_engine(SEGMENTER, engine=name, device="cpu", n_parallel=1)
    assert isinstance(engine, ExplainingEngine)
    assert (engine.name, engine.device, engine.n_parallel) == (name, "cpu", 1)
    assert engine.version[0].isdigit()
    assert engine.reason == f"{name} on the CPU in {engine.precision} (asked for)"
    assert load_engine(SEGMENTER, engine=name, n_threads=1).n_parallel >= 1


def test_auto_says_what_and_why() -> None:
    engine = load_engine(SEGMENTER, device="cpu")
    assert engine.name == "openvino"
    assert engine.reason == f"openvino on the CPU in {engine.precision} (chosen by auto: the CPU was asked for)"
    chosen = choose_engine(SEGMENTER)
    assert load_engine(SEGMENTER).reason.endswith(f"(chosen by auto: {chosen.why})")


def test_auto_takes_the_next_engine_where_one_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("torch")
    _hide(monkeypatch, "openvino")
    assert installed_engines() == ("torch", "onnxruntime")
    engine = load_engine(SEGMENTER, device="cpu")
    assert engine.name == "onnxruntime"
    assert engine.reason.endswith("(chosen by auto: the CPU was asked for, and OpenVINO is not installed)")
    _hide(monkeypatch, "onnxruntime")
    assert load_engine(SEGMENTER, device="cpu").name == "torch"
    _hide(monkeypatch, "torch")
    assert installed_engines() == ()
    with pytest.raises(MissingExtra, match="run: pip install openvino"):
        load_engine(SEGMENTER)


@pytest.mark.parametrize(
    ("engine", "cure"),
    [("openvino", "pip install openvino"), ("torch", r"graven\[ml\]"), ("onnxruntime", r"graven\[fast\]")],
)
def test_a_named_engine_is_never_replaced(monkeypatch: pytest.MonkeyPatch, engine: str, cure: str) -> None:
    _hide(monkeypatch, engine)
    with pytest.raises(MissingExtra, match=cure) as caught:
        load_engine(SEGMENTER, engine=engine)
    assert "\n" not in str(caught.value)


def test_an_apple_or_cuda_device_needs_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    _hide(monkeypatch, "torch")
    with pytest.raises(MissingExtra, match="the device mps needs PyTorch"):
        load_engine(SEGMENTER, device="mps")


def test_what_an_engine_does_not_offer_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=rf"the engine {name}.* has no precision 'int8'; choose from auto, float32"):
        load_engine(SEGMENTER, engine=name, precision="int8")
    with pytest.raises(UsageError, match=f"the engine {name} has no device 'tpu'; choose from auto, cpu"):
        load_engine(SEGMENTER, engine=name, device="tpu")
    with pytest.raises(UsageError, match="at least one thread and one call"):
        load_engine(SEGMENTER, engine=name, n_parallel=0)


def test_a_device_that_is_not_there_is_refused() -> None:
    torch = pytest.importorskip("torch")
    missing = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(UsageError, match=f"finds no device '{missing}' here; it finds .*cpu"):
        load_engine(SEGMENTER, engine="torch", device=missing)


def test_an_unknown_engine_names_the_choices(write_onnx: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match="no engine 'tensorrt'; choose from auto, onnxruntime, openvino, torch"):
        load_engine(write_onnx(), engine="tensorrt")


# files and batches that do not fit


def test_torch_names_the_operator_that_it_does_not_know(write_onnx: Callable[..., Path]) -> None:
    pytest.importorskip("torch")
    with pytest.raises(DataError, match=r"operator Flatten, GlobalAveragePool, .* choose --engine openvino"):
        load_engine(write_onnx("gate"), engine="torch")


def test_the_hash_is_checked(write_onnx: Callable[..., Path]) -> None:
    path = write_onnx()
    load_engine(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(DataError, match="the bundle names 000000000000"):
        load_engine(path, sha256="0" * 64)


def test_missing_and_damaged_files_are_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="there is no network at"):
        load_engine(tmp_path / "none.onnx", engine=name)
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"this is not a network")
    with pytest.raises(DataError, match=r"cannot load broken\.onnx") as caught:
        load_engine(path, engine=name)
    assert "\n" not in str(caught.value)


def test_a_batch_that_does_not_fit_is_refused(name: str) -> None:
    engine = load_engine(SEGMENTER, engine=name, n_parallel=1)
    with pytest.raises(InputError, match=r"shape \(N, C, H, W\)"):
        engine(_pixels(8)[0])
    for _ in range(2):  # the place of a call that failed is free again
        with pytest.raises(DefectError, match=rf"{name} failed on a batch of shape \(1, 2, 64, 96\)"):
            engine(_pixels(8)[:, :2])
    assert engine(_pixels(8)).shape == (1, 1, 64, 96)


CTRL_C_AFTER_ENGINES = """
import gc, signal, sys
from pathlib import Path
from graven.predict.engines import load_engine
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite that runs in the background ignores it
first, second = (load_engine(Path(sys.argv[1]), engine="openvino") for _ in range(2))
del first
gc.collect()
del second
gc.collect()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("stopped")
"""


def test_ctrl_c_is_heard_after_engines_went_in_the_order_they_came(write_onnx: Callable[..., Path]) -> None:
    command = [sys.executable, "-c", CTRL_C_AFTER_ENGINES, str(write_onnx())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr


FIRST_CALLS_TOGETHER = """
import sys, threading
from pathlib import Path
import numpy as np
from graven.predict.engines import load_engine
sys.setswitchinterval(1e-6)
engine = load_engine(Path(sys.argv[1]), engine="openvino", n_parallel=2)
barrier = threading.Barrier(4)

def call():
    barrier.wait()
    engine(np.zeros((1, 3, 64, 64), np.uint8))

threads = [threading.Thread(target=call) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.slow
def test_threads_that_call_together_for_the_first_time_do_not_wait_for_each_other(
    write_onnx: Callable[..., Path],
) -> None:
    # Without the first use in `_core` about one process in ten hung here, and nothing but a new process shows it.
    command = [sys.executable, "-c", FIRST_CALLS_TOGETHER, str(write_onnx())]
    for _ in range(30):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
