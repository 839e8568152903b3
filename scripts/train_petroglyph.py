"""Train the gate and the segmenter that are bundled for petroglyphs, from nothing, on procedural panels.

The whole job in one script: grow the panels and prepare them once, train both networks from their recipes, choose
thresholds, write both bundles. Each part is skipped when its result is there, and ``--resume`` continues a
training that was stopped. ``--evaluate`` measures the bundles on the frozen test sets.

::

    python scripts/train_petroglyph.py --out runs/petroglyph                 # about two hours on one core with bfloat16
    python scripts/train_petroglyph.py --out runs/petroglyph --evaluate
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from graven.errors import GravenError
from graven.io.bundle import Bundle, read_bundle, write_bundle
from graven.io.fs import write_text_atomic
from graven.methods.prediction import Tracer
from graven.methods.screening import coarse_factor, screen_coarse
from graven.metrics import BinaryCounts, MatchCounts, binary_counts, boundary_counts, total
from graven.predict.engines import load_engine
from graven.predict.stream import MemoryRows, predict_raster
from graven.prepare.chain import PrepareChain
from graven.prepare.frame import working_frame
from graven.prepare.reduced import reduced_view
from graven.synthetic.testsets import (
    GENERATOR_VERSION,
    PETROGLYPH_TEST_ORDINARY,
    PETROGLYPH_TEST_SEVERE,
    PETROGLYPH_TEST_UNSEEN_ROCK,
    PETROGLYPH_VAL,
    TEST_PIXEL_SIZE_MM,
    TEST_SIZE_PX,
    PanelSpec,
    train_seeds,
)
from graven.train.checkpoint import load_tensors
from graven.train.dataset import validation_tiles
from graven.train.export import export_onnx
from graven.train.panels import Panel, PanelStore, ReadPanel, band_statistics, write_store
from graven.train.recipe import Recipe, read_recipe
from graven.train.run import build_model, train
from graven.train.scores import binary_scores, rank_score
from graven.types import (
    PETROGLYPH_CLASSES,
    Engine,
    ModelSpec,
    Normalisation,
    PrepareStep,
    TileGrid,
    raster_from_array,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from graven.train.task import Standardised

N_PANELS = 720
N_CALIBRATION = 24
SEVERE_EVERY = 4
RECIPES = {"gate": "petroglyph-gate", "segment": "petroglyph-segment"}
BUNDLES = {"gate": "petroglyph-gate", "segment": "petroglyph"}
VERSIONS = {"gate": "2.0", "segment": "1.1"}
THRESHOLDS = tuple(round(0.3 + 0.025 * i, 3) for i in range(17))
TILE_PX, OVERLAP_PX = 512, 128
GATE_OVERLAP_PX = 64
MIN_SHARE = 0.001
CHECK_PX = 128
WORKED_SHARE = 0.25
MIN_OBJECT_MM2 = 60.0


def say(text: str) -> None:
    """Print a line with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def chain_of(recipe: Recipe) -> PrepareChain:
    """Join the preparation that a recipe names."""
    return PrepareChain(tuple(PrepareStep(step.name, step.options) for step in recipe.prepare), n_bands=3)


def grow(spec: PanelSpec, chain: PrepareChain, factor: int) -> ReadPanel:
    """Give a function that grows a panel, reduces it and prepares it; a reduced pixel is worked from a quarter on."""

    def read() -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_] | None]:
        panel = spec.make()
        raster = reduced_view(raster_from_array(panel.image, valid=panel.valid), factor)
        share = panel.mask.reshape(raster.height, factor, raster.width, factor).mean(axis=(1, 3))
        return chain.view(raster).read().astype(np.uint8), share >= WORKED_SHARE, raster.read_valid(raster.bounds)

    return read


def reduction(recipe: Recipe) -> int:
    """Give how many pixels of a generated panel make one of the network's."""
    return round((recipe.data.pixel_size_mm or TEST_PIXEL_SIZE_MM) / TEST_PIXEL_SIZE_MM)


def training_specs(n: int) -> list[PanelSpec]:
    """List the panels that may be learnt from; every fourth is severely degraded."""
    return [
        PanelSpec(seed, "severe" if seed % SEVERE_EVERY == SEVERE_EVERY - 1 else "ordinary") for seed in train_seeds(n)
    ]


def calibration_specs() -> list[PanelSpec]:
    """List further panels from the range of validation seeds, for the gate's threshold."""
    return [
        PanelSpec(8_500_000 + i, "severe" if i % SEVERE_EVERY == SEVERE_EVERY - 1 else "ordinary")
        for i in range(N_CALIBRATION)
    ]


def build_cache(cache: Path, recipe: Recipe, *, n_panels: int) -> dict[str, PanelStore]:
    """Grow, reduce and prepare all panels once; what is there already is kept."""
    chain, factor = chain_of(recipe), reduction(recipe)
    parts: dict[str, Iterable[PanelSpec]] = {
        "val": PETROGLYPH_VAL,
        "calibration": calibration_specs(),
        "train": training_specs(n_panels),
    }
    stores = {}
    for part, specs in parts.items():
        origin = {
            "generator": GENERATOR_VERSION,
            "part": part,
            "size_px": TEST_SIZE_PX // factor,
            "pixel_size_mm": TEST_PIXEL_SIZE_MM * factor,
            "prepare": [{"name": step.name, "options": step.options} for step in recipe.prepare],
        }
        items = [(f"{spec.seed}_{spec.degradation}", str(spec.seed), grow(spec, chain, factor)) for spec in specs]
        stores[part] = write_store(cache / part, items, origin=origin)
        say(f"{part}: {len(stores[part].entries)} panels")
    return stores


def train_one(role: str, args: argparse.Namespace, stores: dict[str, PanelStore]) -> None:
    """Train one network; what is finished is skipped."""
    out = args.out / RECIPES[role]
    if (out / "result.json").is_file():
        say(f"{role}: {out / 'result.json'} is there, training skipped")
        return
    recipe = read_recipe(RECIPES[role])
    if args.steps is not None:
        recipe = dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, max_steps=args.steps))
    panels, val = stores["train"].open(), stores["val"].open()
    if role == "gate":
        val = (*val, *stores["calibration"].open())
    mean, std = statistics(out, panels)
    _, result = train(
        recipe,
        panels,
        val,
        out,
        mean=mean,
        std=std,
        data_sha256=stores["train"].sha256,
        resume=args.resume and (out / "checkpoints").is_dir(),
        accelerator=args.device,
        say=say,
    )
    say(f"{role}: {result}")


def statistics(out: Path, panels: Iterable[Panel]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of the training panels, computed once for a run."""
    path = out / "normalisation.json"
    if not path.is_file():
        mean, std = band_statistics(panels)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text_atomic(path, json.dumps({"mean": mean, "std": std}, indent=1) + "\n")
    content = json.loads(path.read_text(encoding="utf-8"))
    return tuple(content["mean"]), tuple(content["std"])


def load_best(role: str, out: Path) -> tuple[Recipe, Standardised, dict[str, Any]]:
    """Build a network with its best weights."""
    recipe = read_recipe(out / RECIPES[role] / "recipe.yaml")
    content = json.loads((out / RECIPES[role] / "normalisation.json").read_text(encoding="utf-8"))
    model = build_model(recipe, mean=content["mean"], std=content["std"])
    tensors, facts = load_tensors(out / RECIPES[role] / "best.safetensors")
    model.load_state_dict(tensors)
    return recipe, model.eval(), facts


def calibrate_segment(engine: Engine, stores: dict[str, PanelStore]) -> dict[str, Any]:
    """Choose the threshold of best pooled F1 on validation panels, seen whole."""
    panels = [*stores["val"].open(), *stores["calibration"].open()]
    tiles = [tile for panel in panels for tile in validation_tiles([panel], tile_px=TEST_SIZE_PX)]
    counts: dict[float, list[BinaryCounts]] = {threshold: [] for threshold in THRESHOLDS}
    for tile in tiles:
        probs = engine(tile.image[None].astype(np.float32))[0, 0]
        for threshold, found in counts.items():
            found.append(binary_counts(probs >= threshold, tile.target > 0, tile.valid))
    table = {threshold: binary_scores(found) for threshold, found in counts.items()}
    best = max(table, key=lambda threshold: table[threshold]["f1"])
    say(f"segment: threshold {best} gives F1 {table[best]['f1']:.4f} on {len(tiles)} validation panels")
    return {"threshold": best, "f1_by_threshold": {str(t): v["f1"] for t, v in table.items()}}


def calibrate_gate(engine: Engine, stores: dict[str, PanelStore]) -> dict[str, Any]:
    """Choose the highest threshold that loses no tile with pecking, on severe panels as well."""
    grid, factor = TileGrid(TEST_SIZE_PX, TEST_SIZE_PX, TILE_PX, OVERLAP_PX), reduction(read_recipe(RECIPES["gate"]))
    highest, shares, pixels = [], [], []
    for panel in [*stores["val"].open(), *stores["calibration"].open()]:
        seen = np.rint(255 * engine(panel.image[None])[0, 0]).astype(np.uint8)
        for tile_row, tile_col, window in grid.windows():
            whole, core = (
                np.s_[part.row // factor : -(-part.row_end // factor), part.col // factor : -(-part.col_end // factor)]
                for part in (window, grid.core(tile_row, tile_col))
            )
            highest.append(int(seen[whole].max()))
            shares.append(float(panel.target[whole].mean()))
            pixels.append(int(panel.target[core].sum()))
    scores, empty, worked = np.array(highest), np.array(shares) == 0, np.array(pixels)
    positive = np.array(shares) >= MIN_SHARE
    level = max(1, int(scores[positive].min()))
    kept = scores >= level
    result = {
        "threshold": level / 255,
        "n_tiles": len(scores),
        "n_positive": int(positive.sum()),
        "n_empty": int(empty.sum()),
        "recall": float(kept[positive].mean()),
        "pixel_recall": float(worked[kept].sum() / worked.sum()),
        "skipped_share_of_empty": float((~kept)[empty].mean()),
        "auc": rank_score(scores / 255, positive),
    }
    say(f"gate: {result}")
    return result


CALIBRATE = {"gate": calibrate_gate, "segment": calibrate_segment}


def write_model(role: str, out: Path, stores: dict[str, PanelStore]) -> Bundle:
    """Export a network, calibrate what was exported, and write its bundle."""
    recipe, model, facts = load_best(role, out)
    content = json.loads((out / RECIPES[role] / "normalisation.json").read_text(encoding="utf-8"))
    panel = stores["val"].open()[0]
    quarter = panel.image.shape[1] // 4
    check = np.stack(
        [panel.image[:, at : at + CHECK_PX, quarter : quarter + CHECK_PX] for at in (quarter, 2 * quarter)]
    )
    bundles = out / "bundles"
    bundles.mkdir(parents=True, exist_ok=True)
    export = export_onnx(model, bundles / f"{BUNDLES[role]}.onnx", check_input=check)
    engine = load_engine(export.path, precision="float32")
    calibration = {"step": facts["step"], **CALIBRATE[role](engine, stores)}
    spec = ModelSpec(
        name=BUNDLES[role],
        version=VERSIONS[role],
        method="petroglyph",
        role="gate" if role == "gate" else "segment",
        network=recipe.network.name,
        network_options=recipe.network.options,
        classes=PETROGLYPH_CLASSES,
        bands=("red", "green", "blue"),
        pixel_size_mm=recipe.data.pixel_size_mm,
        tile_px=TILE_PX,
        overlap_px=GATE_OVERLAP_PX if role == "gate" else OVERLAP_PX,
        normalisation=Normalisation(tuple(content["mean"]), tuple(content["std"])),
        prepare=(PrepareStep("rotation"), *(PrepareStep(step.name, step.options) for step in recipe.prepare)),
        threshold=calibration["threshold"],
        min_object_mm2=0.0 if role == "gate" else MIN_OBJECT_MM2,
        companions={} if role == "gate" else {"gate": BUNDLES["gate"]},
        sha256="",
    )
    result = json.loads((out / RECIPES[role] / "result.json").read_text(encoding="utf-8"))
    card = {
        "training": {key: result[key] for key in ("steps", "best_step", "best_score", "elapsed_s", "images_per_s")},
        "validation": facts["scores"],
        "calibration": calibration,
        "export": {
            "bytes": export.n_bytes,
            "opset": export.opset,
            "graph_difference": export.graph_difference,
            "half_difference": export.half_difference,
        },
        "data": {part: {"n_panels": len(store.entries), "sha256": store.sha256} for part, store in stores.items()},
        "generator": GENERATOR_VERSION,
        "recipe": RECIPES[role],
    }
    write_text_atomic(out / f"{BUNDLES[role]}.card.json", json.dumps(card, indent=1) + "\n")
    bundle = write_bundle(
        bundles / BUNDLES[role],
        spec,
        export.path,
        card_text(spec, card),
        check=(export.check_input, export.check_output),
    )
    export.path.unlink()
    say(f"{role}: {bundle.path}, model.onnx {export.n_bytes} bytes, {card['export']}")
    return bundle


def evaluate(out: Path) -> dict[str, Any]:
    """Measure the bundles on the frozen test sets, through the tiles, engine and blending that users get."""
    segment, gate = (load_tracer(out, role) for role in ("segment", "gate"))
    sets = {
        "ordinary": PETROGLYPH_TEST_ORDINARY,
        "severe": PETROGLYPH_TEST_SEVERE,
        "unseen rock": PETROGLYPH_TEST_UNSEEN_ROCK,
    }
    results = {name: evaluate_set(segment, gate, specs, name=name) for name, specs in sets.items()}
    results["ordinary"]["whole_pass"] = compare_with_whole(segment.spec, segment.engine, PETROGLYPH_TEST_ORDINARY)
    write_text_atomic(out / "test.json", json.dumps(results, indent=1) + "\n")
    return results


def load_tracer(out: Path, role: str) -> Tracer:
    """Load a bundle that was written."""
    bundle = read_bundle(out / "bundles" / BUNDLES[role])
    return Tracer(bundle.spec, load_engine(bundle.model_path, sha256=bundle.spec.sha256, precision="float32"))


def upright_chain(spec: ModelSpec) -> PrepareChain:
    """Give the preparation without the rotation: generated panels stand upright."""
    return PrepareChain(tuple(step for step in spec.prepare if step.name != "rotation"), n_bands=len(spec.bands))


def evaluate_set(segment: Tracer, gate: Tracer, specs: Sequence[PanelSpec], *, name: str) -> dict[str, Any]:
    """Score one test set, with and without the gate."""
    spec = segment.spec
    step, factor = int(np.ceil(spec.threshold * 255)), coarse_factor(spec, gate.spec)
    counts: dict[str, list[BinaryCounts]] = {"gated": [], "ungated": []}
    edges: dict[str, list[MatchCounts]] = {"gated": [], "ungated": []}
    tiles = {"positive": 0, "positive_kept": 0, "empty": 0, "empty_skipped": 0}
    for panel_spec in specs:
        panel = panel_spec.make()
        raster = raster_from_array(panel.image, valid=panel.valid)
        frame = working_frame(raster)
        grid = TileGrid(raster.height, raster.width, tile_px=spec.tile_px, overlap_px=spec.overlap_px)
        prepared = upright_chain(spec).view(raster)
        with TemporaryDirectory(prefix="graven-") as folder:
            screening = screen_coarse(
                raster, frame, grid, gate.spec, gate.engine, Path(folder), factor=factor, key="", resume=False
            )
        for kind, states in (("gated", screening.states), ("ungated", None)):
            sink = MemoryRows()
            predict_raster(prepared, grid, segment.engine, n_classes=1, sink=sink, states=states)
            preds = sink.probs[0] >= step
            counts[kind].append(binary_counts(preds, panel.mask, panel.valid))
            edges[kind].append(boundary_counts(preds, panel.mask, panel.valid, tolerance_px=2.0))
        tally(tiles, grid, "".join(screening.states), panel.mask, panel.valid)
    found = {
        kind: {**binary_scores(counts[kind]), "boundary_f1_2px": total(edges[kind]).f1} for kind in ("gated", "ungated")
    }
    result = {
        "n_panels": len(specs),
        **found,
        "gate": {
            **tiles,
            "recall": tiles["positive_kept"] / max(1, tiles["positive"]),
            "pixel_recall": sum(c.tp for c in counts["gated"]) / max(1, sum(c.tp for c in counts["ungated"])),
            "skipped_share": tiles["empty_skipped"] / max(1, tiles["empty"]),
        },
    }
    gated, ungated = found["gated"], found["ungated"]
    say(f"{name}: F1 {gated['f1']:.4f}, MIoU {gated['miou']:.4f}; without the gate {ungated['f1']:.4f}")
    say(f"{name}: gate {result['gate']}")
    return result


def compare_with_whole(spec: ModelSpec, engine: Engine, specs: Sequence[PanelSpec]) -> dict[str, float]:
    """Say how far overlapping tiles differ from one pass over the whole panel, in probability and in decisions."""
    chain = upright_chain(spec)
    step = int(np.ceil(spec.threshold * 255))
    differences: list[NDArray[np.int64]] = []
    changed = n_pixels = 0
    for panel_spec in specs:
        panel = panel_spec.make()
        raster = raster_from_array(panel.image, valid=panel.valid)
        prepared = chain.view(raster)
        answers = []
        for tile_px, overlap_px in ((spec.tile_px, spec.overlap_px), (max(raster.height, raster.width), 0)):
            sink = MemoryRows()
            grid = TileGrid(raster.height, raster.width, tile_px=tile_px, overlap_px=overlap_px)
            predict_raster(prepared, grid, engine, n_classes=1, sink=sink)
            answers.append(sink.probs[0].astype(np.int16))
        tiled, whole = (answer[panel.valid] for answer in answers) if panel.valid is not None else answers
        differences.append(np.bincount(np.abs(tiled - whole).ravel(), minlength=256))
        changed += int(((tiled >= step) != (whole >= step)).sum())
        n_pixels += tiled.size
    counts = np.sum(differences, axis=0)
    result = {
        "mean_difference": float(counts @ np.arange(256)) / 255 / n_pixels,
        "p99_difference": float(np.searchsorted(np.cumsum(counts), 0.99 * n_pixels)) / 255,
        "max_difference": float(counts.nonzero()[0].max()) / 255,
        "changed_share": changed / n_pixels,
    }
    say(f"tiles against one whole pass: {result}")
    return result


def tally(
    tiles: dict[str, int], grid: TileGrid, states: str, mask: NDArray[np.bool_], valid: NDArray[np.bool_]
) -> None:
    """Count what the gate did to tiles with and without pecking."""
    places = [(row, col) for row in range(grid.n_rows) for col in range(grid.n_cols)]
    for place, state in zip(places, states, strict=True):
        if state == "i":
            continue
        window = grid.window(*place).intersection(grid.bounds).slices()
        known = valid[window]
        share = float((mask[window] & known).sum()) / max(1, int(known.sum()))
        if share >= MIN_SHARE:
            tiles["positive"] += 1
            tiles["positive_kept"] += state == "p"
        elif share == 0:
            tiles["empty"] += 1
            tiles["empty_skipped"] += state == "g"


def card_text(spec: ModelSpec, card: dict[str, Any]) -> str:
    """Write what was measured as a page."""
    n_panels = card["data"]["train"]["n_panels"]
    origin = (
        f"{spec.network} ({spec.role}), trained on {n_panels} procedural rock panels of {TEST_SIZE_PX} px "
        f"at {spec.pixel_size_mm} mm per pixel ({card['generator']}), by "
        f"`scripts/train_petroglyph.py` with the recipe {card['recipe']}."
    )
    chain = ", ".join(step.name for step in spec.prepare)
    lines = [f"# {spec.name} {spec.version}", "", origin, ""]
    lines += [f"Preparation: {chain}. Threshold {spec.threshold:.4g}, chosen on validation panels.", ""]
    lines += ["## Training", "", *(f"- {key}: {value:.6g}" for key, value in card["training"].items()), ""]
    lines += ["## Validation, best weights", ""]
    lines += [*(f"- {key}: {value:.4f}" for key, value in card["validation"].items()), ""]
    if "test" in card:
        lines += ["## Frozen test sets", ""]
        for name, scores in card["test"].items():
            lines += [f"### {name} ({scores['n_panels']} panels)", ""]
            for kind in ("gated", "ungated"):
                lines += [f"{kind}:", "", *(f"- {key}: {value:.4f}" for key, value in scores[kind].items()), ""]
            for part in ("gate", "whole_pass"):
                if part in scores:
                    lines += [f"{part}:", "", *(f"- {key}: {value:.6g}" for key, value in scores[part].items()), ""]
    return "\n".join(lines) + "\n"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="folder of runs and bundles")
    parser.add_argument("--cache", type=Path, help="folder of prepared panels; <out>/panels by default")
    parser.add_argument("--only", choices=["panels", "gate", "segment"], help="do one part")
    parser.add_argument("--panels", type=int, default=N_PANELS, help="training panels")
    parser.add_argument("--steps", type=int, help="length of each training in place of the recipes', to try the script")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--threads", type=int, help="threads of torch")
    parser.add_argument("--resume", action="store_true", help="continue what was stopped")
    parser.add_argument("--evaluate", action="store_true", help="measure the bundles on the frozen test sets")
    return parser.parse_args(arguments)


def measure(out: Path) -> None:
    """Evaluate both bundles and put the result into their cards."""
    results = evaluate(out)
    for role in ("gate", "segment"):
        bundle = read_bundle(out / "bundles" / BUNDLES[role])
        path = out / f"{BUNDLES[role]}.card.json"
        card = {**json.loads(path.read_text(encoding="utf-8")), "test": results}
        write_text_atomic(path, json.dumps(card, indent=1) + "\n")
        write_text_atomic(bundle.path / "MODEL_CARD.md", card_text(bundle.spec, card))


def main(arguments: list[str] | None = None) -> int:
    """Do the job and give the exit code."""
    args = parse(arguments)
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        if args.evaluate:
            measure(args.out)
            return 0
        cache = args.cache or args.out / "panels"
        roles = [role for role in ("gate", "segment") if args.only in (None, "panels", role)]
        stores = {role: build_cache(cache / role, read_recipe(RECIPES[role]), n_panels=args.panels) for role in roles}
        for role in roles if args.only != "panels" else ():
            train_one(role, args, stores[role])
        for role in roles if args.only != "panels" else ():
            write_model(role, args.out, stores[role])
    except GravenError as error:
        say(f"{type(error).__name__}: {error}")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
