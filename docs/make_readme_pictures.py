"""Make the pictures of the README from a finished demo.

::

    make demo
    .venv/bin/python docs/make_readme_pictures.py graven-demo [--chromium /usr/bin/chromium]

``docs/pictures/demo.jpg`` shows surface, tracing and agreement, one row per method. ``docs/pictures/report.jpg`` shows
the first part of the report of the rock panel as a browser shows it; it is made only where a Chromium is named.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from graven.io.images import open_raster
from graven.report import evaluation_overlay, outline_overlay, overview
from graven.types import CONDITION_CLASSES, ENGRAVING_CLASSES, NODATA, PETROGLYPH_CLASSES, ClassTable

PICTURES = Path(__file__).resolve().parent / "pictures"
SIDE_PX = 512
GAP_PX = 8
LIMIT_BYTES = 300_000


def _small(path: Path, how: str) -> np.ndarray:
    palette = "rgb" if how == "mean" else "index"
    raster = open_raster(path, palette=palette, hash_source=False)
    return overview(raster.read, height=raster.height, width=raster.width, how=how, long_side_px=SIDE_PX)


def _save(picture: np.ndarray, name: str) -> Path:
    """Write the best JPEG that stays under the limit."""
    target = PICTURES / name
    for quality in range(92, 40, -4):
        Image.fromarray(picture).save(target, quality=quality, optimize=True, progressive=True)
        if target.stat().st_size <= LIMIT_BYTES:
            break
    return target


def demo_picture(demo: Path) -> Path:
    """Put surface, tracing and agreement side by side, one row per method."""
    mirror = demo / "engraving"
    rows = [
        _row(demo / "petroglyph" / "input", demo / "petroglyph" / "record", PETROGLYPH_CLASSES),
        _row(demo / "condition" / "input", demo / "condition" / "record", CONDITION_CLASSES),
        _row(mirror / "input", mirror / "refined", ENGRAVING_CLASSES),
    ]
    gap = np.full((GAP_PX, rows[0].shape[1], 3), 255, np.uint8)
    return _save(np.vstack([rows[0], gap, rows[1], gap, rows[2]]), "demo.jpg")


def _row(made: Path, record: Path, classes: ClassTable) -> np.ndarray:
    """Put one surface, its tracing and their agreement side by side."""
    (image,) = made.glob("*_image.tif")
    (mask,) = record.glob("*_mask.tif")
    photo = np.ascontiguousarray(np.moveaxis(_small(image, "mean")[:3], 0, -1))
    found = _small(mask, "labels")[0]
    truth = _small(image.with_name(image.name.replace("_image", "_mask")), "labels")[0]
    known = [np.where(labels == NODATA, 0, labels) > 0 for labels in (found, truth)]
    panels = [photo, outline_overlay(photo, found, classes), evaluation_overlay(*known, photo=photo)]
    gap = np.full((photo.shape[0], GAP_PX, 3), 255, np.uint8)
    return np.hstack([panels[0], gap, panels[1], gap, panels[2]])


def report_picture(demo: Path, chromium: str) -> Path:
    """Take a picture of the upper part of the report."""
    (page,) = (demo / "petroglyph" / "record").glob("*_report.html")
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "report.png"
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
        size = ["--window-size=1180,2560", f"--screenshot={shot}", f"--user-data-dir={folder}/profile"]
        subprocess.run([chromium, *flags, *size, page.resolve().as_uri()], check=True, capture_output=True, timeout=120)
        with Image.open(shot) as picture:
            half = picture.convert("RGB").resize(
                (picture.width * 3 // 4, picture.height * 3 // 4), Image.Resampling.LANCZOS
            )
            return _save(np.asarray(half), "report.jpg")


def main() -> int:
    """Make what can be made and say what was."""
    parser = argparse.ArgumentParser(description="Make the pictures of the README from a finished demo.")
    parser.add_argument("demo", type=Path, help="folder that graven demo left")
    parser.add_argument("--chromium", help="path of a Chromium, for the picture of the report")
    options = parser.parse_args()
    written = [demo_picture(options.demo)]
    if options.chromium:
        written.append(report_picture(options.demo, options.chromium))
    for path in written:
        sys.stdout.write(f"{path.name}: {path.stat().st_size} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
