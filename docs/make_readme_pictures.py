"""Make the pictures of the README from a finished demo.

::

    make demo
    .venv/bin/python docs/make_readme_pictures.py graven-demo [--chromium /usr/bin/chromium]

``docs/pictures/demo.jpg`` shows panel, tracing and agreement. ``docs/pictures/report.jpg`` shows the first part of the
report as a browser shows it; it is made only where a Chromium is named.
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
from graven.types import PETROGLYPH_CLASSES

PICTURES = Path(__file__).resolve().parent / "pictures"
SIDE_PX = 640
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
    """Put panel, tracing and agreement side by side."""
    (image,) = (demo / "petroglyph" / "input").glob("*_image.tif")
    (mask,) = (demo / "petroglyph" / "record").glob("*_mask.tif")
    photo = np.ascontiguousarray(np.moveaxis(_small(image, "mean")[:3], 0, -1))
    found = _small(mask, "labels")[0]
    truth = _small(image.with_name(image.name.replace("_image", "_mask")), "labels")[0]
    panels = [
        photo,
        outline_overlay(photo, found, PETROGLYPH_CLASSES),
        evaluation_overlay(found == 1, truth == 1, photo=photo),
    ]
    gap = np.full((photo.shape[0], GAP_PX, 3), 255, np.uint8)
    return _save(np.hstack([panels[0], gap, panels[1], gap, panels[2]]), "demo.jpg")


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
