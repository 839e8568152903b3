"""Measure what test-time augmentation gains on the frozen validation panels, and how much longer it takes.

::

    python scripts/measure_tta.py --panels 16
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from graven.io.bundle import read_bundle
from graven.metrics import BinaryCounts, MatchCounts, binary_counts, boundary_counts, total
from graven.predict.augmented import AUGMENTATIONS, augmented
from graven.predict.engines import load_engine
from graven.predict.stream import MemoryRows, predict_raster
from graven.prepare.chain import PrepareChain
from graven.synthetic.testsets import PETROGLYPH_VAL, make_panels
from graven.train.scores import binary_scores
from graven.types import TileGrid, raster_from_array


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--panels", type=int, default=len(PETROGLYPH_VAL))
    n_panels = parser.parse_args().panels
    bundle = read_bundle("petroglyph")
    spec = bundle.spec
    engine = load_engine(bundle.model_path, sha256=spec.sha256)
    chain = PrepareChain(tuple(step for step in spec.prepare if step.name != "rotation"), n_bands=len(spec.bands))
    counts: dict[str, list[BinaryCounts]] = {kind: [] for kind in AUGMENTATIONS}
    edges: dict[str, list[MatchCounts]] = {kind: [] for kind in AUGMENTATIONS}
    seconds = dict.fromkeys(AUGMENTATIONS, 0.0)
    for panel in make_panels(PETROGLYPH_VAL[:n_panels]):
        raster = raster_from_array(panel.image, valid=panel.valid)
        grid = TileGrid(raster.height, raster.width, tile_px=spec.tile_px, overlap_px=spec.overlap_px)
        prepared = raster_from_array(chain.view(raster).read(), valid=panel.valid)
        for kind in AUGMENTATIONS:
            sink, begun = MemoryRows(), time.perf_counter()
            predict_raster(prepared, grid, augmented(engine, kind), n_classes=1, sink=sink)
            seconds[kind] += time.perf_counter() - begun
            preds = sink.probs[0] >= np.ceil(spec.threshold * 255)
            counts[kind].append(binary_counts(preds, panel.mask, panel.valid))
            edges[kind].append(boundary_counts(preds, panel.mask, panel.valid, tolerance_px=2.0))
    print(f"{engine.reason}; {n_panels} validation panels, threshold {spec.threshold}")
    print("| --tta | views | F1 | MIoU | boundary F, 2 px | time over none |")
    print("|---|---|---|---|---|---|")
    for kind, views in AUGMENTATIONS.items():
        scores = binary_scores(counts[kind])
        print(
            f"| {kind} | {len(views)} | {scores['f1']:.4f} | {scores['miou']:.4f} | {total(edges[kind]).f1:.4f} "
            f"| {seconds[kind] / seconds['none']:.1f} |"
        )


if __name__ == "__main__":
    main()
