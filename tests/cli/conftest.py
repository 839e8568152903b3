"""A model that one can compute by hand, a panel with known figures, and the command line in this process."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from graven.cli.main import run
from graven.io.bundle import write_bundle
from graven.types import PETROGLYPH_CLASSES, ModelSpec, Normalisation

FLOAT = TensorProto.FLOAT
HEIGHT, WIDTH, PIXEL_MM = 300, 420, 0.5


@dataclass(frozen=True)
class Result:
    """What a command left."""

    code: int
    out: str
    err: str

    def lines(self) -> list[dict[str, object]]:
        """Parse standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture(scope="session")
def canonical() -> Callable[[Path], dict[str, object]]:
    """Reduce a record to what must be equal between runs: bytes, but content for GeoPackage."""

    def reduce(folder: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        for path in sorted(folder.iterdir()):
            if path.suffix == ".gpkg":
                with sqlite3.connect(path) as db:
                    found[path.name] = db.execute("SELECT * FROM regions ORDER BY fid").fetchall()
            elif path.name != "run.json":
                found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found

    return reduce


@pytest.fixture
def graven(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Result]:
    """Run a command in this process, in an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def call(*args: str | Path) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            run([str(arg) for arg in args])
        streams = capsys.readouterr()
        return Result(int(caught.value.code or 0), streams.out, streams.err)

    return call


def _network(path: Path, *, gate: bool) -> Path:
    """Mean of red over 3 x 3 pixels, through a steep sigmoid at 128; its gate takes the maximum."""
    weight = np.zeros((1, 3, 3, 3), np.float32)
    weight[0, 0] = 1 / 9
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=FLOAT),
        helper.make_node("Pad", ["pixels", "pads"], ["padded"], mode="edge"),
        helper.make_node("Conv", ["padded", "weight"], ["red"]),
        helper.make_node("Sub", ["red", "middle"], ["centred"]),
        helper.make_node("Mul", ["centred", "gain"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["probs" if gate else "probability"]),
    ]
    axes: list[str | int] = ["n", 1, "h", "w"]
    if gate:
        nodes += [
            helper.make_node("GlobalMaxPool", ["probs"], ["largest"]),
            helper.make_node("Flatten", ["largest"], ["probability"]),
            helper.make_node("MaxPool", ["probs"], ["activation"], kernel_shape=[16, 16], strides=[16, 16]),
        ]
        axes = ["n", 1]
    constants = {"weight": weight, "middle": np.array(128, np.float32), "gain": np.array(0.1, np.float32)}
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    initializers.append(numpy_helper.from_array(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64), "pads"))
    outputs = [helper.make_tensor_value_info("probability", FLOAT, axes)]
    if gate:
        outputs.append(helper.make_tensor_value_info("activation", FLOAT, ["n", 1, "rows", "cols"]))
    image = helper.make_tensor_value_info("image", FLOAT, ["n", 3, "h", "w"])
    graph = helper.make_graph(nodes, "bright", [image], outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A bundle that finds bright pixels, with its gate beside it."""
    for name, role, companions in (("bright", "segment", {"gate": "bright-gate"}), ("bright-gate", "gate", {})):
        spec = ModelSpec(
            name=name,
            version="1.0",
            method="petroglyph",
            role=role,
            network="by_hand",
            network_options={},
            classes=PETROGLYPH_CLASSES,
            bands=("red", "green", "blue"),
            pixel_size_mm=PIXEL_MM,
            tile_px=128,
            overlap_px=32,
            normalisation=Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
            prepare=(),
            threshold=0.5,
            min_object_mm2=10.0,
            companions=companions,
            sha256="",
        )
        onnx = _network(tmp_path / f"{name}.onnx", gate=role == "gate")
        write_bundle(tmp_path / "models" / name, spec, onnx, f"# {name}\n\nMade by hand for tests.\n")
    return tmp_path / "models" / "bright"


def disc_and_frame() -> np.ndarray:
    """A disc of radius 30 px and a square frame, away from each other and from the border."""
    rows, cols = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    mask = np.hypot(rows - 100, cols - 90) < 30
    mask[200:260, 300:380] = True
    mask[220:240, 320:360] = False
    return mask


@pytest.fixture
def panel(tmp_path: Path) -> Path:
    """A GeoTIFF with CRS on which the figures are bright; one isolated speck of 9 px is too small to count."""
    import rasterio

    pixels = np.full((3, HEIGHT, WIDTH), 40, np.uint8)
    pixels[:, disc_and_frame()] = 220
    pixels[:, 50:53, 250:253] = 220
    path = tmp_path / "panel.tif"
    metres = PIXEL_MM / 1000
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=HEIGHT,
        width=WIDTH,
        count=3,
        dtype="uint8",
        crs="EPSG:32632",
        transform=rasterio.Affine(metres, 0, 600000, 0, -metres, 5100000),
        tiled=True,
        blockxsize=128,
        blockysize=128,
    ) as dataset:
        dataset.write(pixels)
    return path
