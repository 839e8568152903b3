"""Importing is cheap, silent, and brings neither PyTorch nor GDAL where they are not asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parent.parent / "src"
HEAVY = ["torch", "lightning", "timm", "segmentation_models_pytorch", "rasterio", "osgeo", "pyogrio", "cv2", "openvino"]
TORCH = ["torch", "lightning", "timm", "segmentation_models_pytorch"]
NEEDS_TORCH = ("graven.nets", "graven.losses", "graven.train", "graven.studies")

LOADED = """
import json, sys
heavy = json.loads(sys.argv[1])
{action}
print("\\n" + json.dumps([name for name in heavy if name in sys.modules]))
"""
HELP = """
from graven.cli.main import run
try:
    run(["--help"])
except SystemExit as leave:
    assert not leave.code, leave.code
"""


def modules() -> list[str]:
    files = sorted(path.relative_to(SRC).with_suffix("") for path in (SRC / "graven").rglob("*.py"))
    return [".".join(path.parts).removesuffix(".__init__") for path in files if path.name != "__main__"]


def run_python(action: str, heavy: list[str]) -> tuple[list[str], str]:
    """Run code in a fresh interpreter where warnings are errors; give the heavy modules it loaded and its output."""
    code = LOADED.format(action=action)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, json.dumps(heavy)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    text, _, last = done.stdout.rstrip().rpartition("\n")
    return json.loads(last), text


def test_import_graven_loads_nothing_heavy_and_warns_of_nothing() -> None:
    assert run_python("import graven", HEAVY)[0] == []


def test_help_loads_nothing_heavy() -> None:
    loaded, text = run_python(HELP, HEAVY)
    assert loaded == []
    assert "segment" in text


@pytest.mark.parametrize("name", ["graven.types", "graven.errors", "graven.metrics", "graven.cli.main"])
def test_vocabulary_metrics_and_verbs_load_neither_torch_nor_gdal(name: str) -> None:
    assert run_python(f"import {name}", [*TORCH, "rasterio", "osgeo", "pyogrio"])[0] == []


def test_everything_but_training_imports_without_torch() -> None:
    # A machine with the base install only has no torch: a module-level import there would be an ImportError.
    base = [name for name in modules() if not name.startswith(NEEDS_TORCH)]
    assert "graven.types.window" in base
    assert run_python("\n".join(f"import {name}" for name in base), TORCH)[0] == []
