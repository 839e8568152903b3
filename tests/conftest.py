"""Shared fixtures: where the reference data and vectors are, and which device the tests run on."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from graven.io.gdalenv import apply_gdal_settings

# A shell lets what it starts in the background ignore Ctrl-C; tests that send it need the usual handler.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Some tests import rasterio themselves, before graven does; GDAL reads its settings once, when it is loaded.
apply_gdal_settings()

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", default="cpu", choices=["cpu", "cuda"], help="device of the network tests")


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> str:
    """Name of the torch device that network and loss tests run on."""
    name: str = request.config.getoption("--device")
    if name == "cuda":
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.exit("--device=cuda was asked for, but torch finds no CUDA device", returncode=2)
    return name


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of real images with ground truth, read in place and never copied."""
    path = Path(os.environ.get("GRAVEN_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"real data not found at {path}; set GRAVEN_DATA to the folder that holds it")
    return path


@pytest.fixture(scope="session")
def vectors() -> dict[str, dict[str, Any]]:
    """Independent test vectors by id, each with ``inputs``, ``expected`` and ``tolerance``."""
    default = ROOT.parent / "shared" / "methods" / "test-vectors.json"
    path = Path(os.environ.get("GRAVEN_VECTORS", default))
    if not path.is_file():
        pytest.skip(f"test vectors not found at {path}; set GRAVEN_VECTORS to test-vectors.json")
    entries = json.loads(path.read_text(encoding="utf-8"))["vectors"]
    return {entry["id"]: entry for entry in entries}


@pytest.fixture(scope="session")
def damage_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle for paintings that one can compute by hand.

    Dark is craquelure and bright is paint loss, through steep sigmoids of red at 70 and 190.
    """
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    from graven.io.bundle import write_bundle
    from graven.types import CONDITION_CLASSES, ModelSpec, Normalisation

    folder = tmp_path_factory.mktemp("damage")
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["pixels", "weight"], ["red"]),
        helper.make_node("Add", ["red", "offset"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["probability"]),
    ]
    weight = np.zeros((2, 3, 1, 1), np.float32)
    weight[:, 0, 0, 0] = -0.2, 0.2
    values = {"weight": weight, "offset": np.array([14, -38], np.float32).reshape(1, 2, 1, 1)}
    graph = helper.make_graph(
        nodes,
        "dark and bright",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n", 2, "h", "w"])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    spec = ModelSpec(
        name="damage",
        version="1.0",
        method="condition",
        role="segment",
        network="by_hand",
        network_options={},
        classes=CONDITION_CLASSES,
        bands=("red", "green", "blue"),
        pixel_size_mm=0.1,
        tile_px=128,
        overlap_px=32,
        normalisation=Normalisation((0.0,) * 3, (1.0,) * 3),
        prepare=(),
        threshold=0.5,
        min_object_mm2=0.05,
        companions={},
        sha256="",
    )
    return write_bundle(folder / "damage", spec, folder / "model.onnx", "# damage\n\nMade by hand for tests.\n").path
