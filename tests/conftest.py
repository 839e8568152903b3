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
