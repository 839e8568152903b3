"""Patches are what networks take, whatever the photographs were; names never collide."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from graven.api.prepare import prepare
from graven.errors import DataError


class Ear:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def say(self, text: str) -> None:
        self.heard.append(text)

    def event(self, kind: str, **facts: Any) -> None:
        pass

    def progress(self, description: str) -> AbstractContextManager[Any]:
        del description
        return nullcontext(lambda *_: None)


def _set(folder: Path, image: np.ndarray) -> None:
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for name in ("a", "b", "c"):
        photometric = "rgb" if image.ndim == 3 else "minisblack"
        tifffile.imwrite(folder / "images" / f"{name}.tif", image, photometric=photometric)
        Image.fromarray(np.full(image.shape[:2], 255, np.uint8)).save(folder / "masks" / f"{name}.png")


@pytest.mark.parametrize("kind", ["grey", "deep"])
def test_grey_and_deep_photographs_become_three_bytes(tmp_path: Path, kind: str) -> None:
    grey = np.random.default_rng(3).integers(0, 256, (40, 40), np.uint8)
    image = grey if kind == "grey" else np.stack([grey.astype(np.uint16) * 257] * 3, axis=-1)
    _set(tmp_path / "set", image)
    ear = Ear()
    done = prepare(tmp_path / "set", out=tmp_path / "out", patch_px=40, test_share=0.3, val_share=0.3, monitor=ear)
    assert sum(done.counts.values()) == 3
    patches = list((tmp_path / "out").rglob("images/*.png"))
    assert len(patches) == 3
    for path in patches:
        np.testing.assert_array_equal(np.asarray(Image.open(path)), np.stack([grey] * 3, axis=-1))
    said = "the grey band was repeated 3 times" if kind == "grey" else "16-bit values were divided by 257"
    assert ear.heard == [f"{name}: {said}" for name in ("a", "b", "c")]


def test_images_of_one_name_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / "x").mkdir(parents=True)
    for name in ("x/a.png", "x__a.png"):
        Image.new("RGB", (40, 40)).save(folder / name)
    images = [{"id": n, "file_name": name} for n, name in enumerate(("x/a.png", "x__a.png"))]
    (folder / "coco.json").write_text(json.dumps({"images": images, "annotations": []}), encoding="utf-8")
    with pytest.raises(DataError, match="would both be named 'x__a'"):
        prepare(folder, layout="coco", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
