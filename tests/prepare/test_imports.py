"""Preparing and predicting load neither PyTorch nor GDAL, nor an engine before one is asked for."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import graven.predict.blending, graven.predict.engines, graven.predict.stream
import graven.prepare.chain, graven.prepare.dstretch, graven.prepare.frame, graven.prepare.splits
print(sorted({"torch", "rasterio", "openvino", "onnx"} & set(sys.modules)))
"""


def test_no_heavy_library_at_module_level() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
