"""Measure what the bundled petroglyph models do on real photographs: the numbers of the model card.

    python scripts/measure_real_images.py --data ../shared/data [--per-set 40] [--pictures DIR]

No set holds petroglyphs. Cuneiform signs are the nearest to worked marks that have a mask; cracks are *not* art,
so whatever is marked there is a false alarm. The pictures show photographs whose terms forbid passing them on: look at
them, do not commit them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from graven.io.bundle import read_bundle, read_companion
from graven.io.images import open_raster
from graven.io.maskfolders import read_binary_mask
from graven.methods import petroglyph, tracing
from graven.metrics import score_masks
from graven.predict.engines import load_engine
from graven.report import evaluation_overlay
from graven.types import Window

ART = ("rockart/cuneiform_signs",)
NOT_ART = ("cracks/crackforest", "cracks/uav75", "cracks/masonry224", "cracks/deepcrack_crops")
SUFFIXES = {".jpg", ".jpeg", ".png", ".tif"}


def _tracers(name: str) -> tuple[tracing.Tracer, tracing.Tracer]:
    bundle = read_bundle(name)
    found = [bundle, read_companion(bundle, "gate")]
    loaded = [tracing.Tracer(entry.spec, load_engine(entry.model_path)) for entry in found]
    return loaded[0], loaded[1]


def _trace(path: Path, segmenter: tracing.Tracer, gate: tracing.Tracer) -> tuple[np.ndarray, int, int]:
    """Give the mask, the number of tiles and how many the gate left out."""
    raster = open_raster(path, hash_source=False)
    planned = tracing.plan(raster, segmenter.spec, tracing.TraceSettings())
    with tempfile.TemporaryDirectory() as work:
        record = petroglyph.trace(planned, segmenter, gate, Path(work))
        mask = record.read_mask(Window(0, 0, raster.height, raster.width)) == 1
    return mask, record.summary.n_tiles, record.summary.n_gated


def _measure(
    folder: Path, tracers: tuple[Any, Any], *, per_set: int, art: bool, pictures: Path | None
) -> dict[str, Any]:
    images = sorted(path for path in (folder / "images").iterdir() if path.suffix.lower() in SUFFIXES)
    images = images[:: max(1, len(images) // per_set)][:per_set]
    shares, scores, tiles, gated = [], [], 0, 0
    for path in images:
        mask, n_tiles, n_gated = _trace(path, *tracers)
        tiles, gated = tiles + n_tiles, gated + n_gated
        shares.append(float(mask.mean()))
        truth = read_binary_mask(folder / "masks" / f"{path.stem}.png", size=mask.shape)
        if art:
            scores.append(score_masks(mask, truth))
        if pictures is not None:
            photo = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            shown = evaluation_overlay(mask, truth if art else np.zeros_like(mask), photo=photo)
            target = pictures / f"{folder.name}_{path.stem}.png"
            cv2.imwrite(str(target), np.hstack([photo, shown])[..., ::-1])
    row = {
        "set": folder.name,
        "images": len(images),
        "marked_share_mean": round(float(np.mean(shares)), 4),
        "marked_share_max": round(float(np.max(shares)), 4),
        "images_with_marks": int(np.sum(np.array(shares) > 0)),
        "tiles": tiles,
        "gated": gated,
    }
    if scores:
        row |= {
            name: round(float(np.mean([s[name] for s in scores])), 4) for name in ("precision", "recall", "f1", "miou")
        }
    return row


def main() -> int:
    """Print one JSON line per set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with cracks/ and rockart/")
    parser.add_argument("--model", default="petroglyph", help="name or path of a bundle")
    parser.add_argument("--per-set", type=int, default=40, help="images per set, spread evenly")
    parser.add_argument("--pictures", type=Path, help="folder for pictures to look at; never commit them")
    options = parser.parse_args()
    if not options.data.is_dir():
        sys.stderr.write(f"no data at {options.data}; give --data\n")
        return 2
    if options.pictures is not None:
        options.pictures.mkdir(parents=True, exist_ok=True)
    tracers = _tracers(options.model)
    for name in (*ART, *NOT_ART):
        folder = options.data / name
        if folder.is_dir():
            row = _measure(folder, tracers, per_set=options.per_set, art=name in ART, pictures=options.pictures)
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
