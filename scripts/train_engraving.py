"""Train the two networks that are bundled for engravings, from nothing, on procedural bronzes.

The whole job in one script: grow the bronzes once and prepare their heights, train the first network from its recipe,
then the one that refines its answers by strokes, write both bundles. Each part is skipped when its result is there, and
``--resume`` continues a training that was stopped. ``--evaluate`` measures the bundles on the frozen test sets.

::

    python scripts/train_engraving.py --out runs/engraving                 # some hours on two cores
    python scripts/train_engraving.py --out runs/engraving --evaluate
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from graven.api.bundling import best_network, check_pixels, refining_pixels
from graven.errors import GravenError
from graven.io.bundle import Bundle, read_bundle, write_bundle
from graven.io.fs import write_text_atomic
from graven.metrics import BinaryCounts, MatchCounts, binary_counts, iou, precision, recall, total
from graven.metrics.pseudo import pseudo_counts
from graven.predict.engines import load_engine
from graven.prepare.chain import PrepareChain
from graven.studies.baselines import blackhat_otsu
from graven.studies.class_scores import predict_labels
from graven.synthetic.bronze_scan import measured_height
from graven.synthetic.testsets import (
    BRONZE_VERSION,
    ENGRAVING_TEST_ORDINARY,
    ENGRAVING_TEST_SEVERE,
    ENGRAVING_TEST_UNSEEN,
    ENGRAVING_VAL,
    BronzeSpec,
    train_seeds,
)
from graven.train.checkpoint import load_tensors
from graven.train.dataset import validation_tiles
from graven.train.export import export_onnx
from graven.train.panels import Panel, PanelStore, band_statistics, write_store
from graven.train.recipe import Recipe, read_recipe
from graven.train.refine_task import RefineTask, standardised_for_refining
from graven.train.run import build_model, build_task, train
from graven.train.task import collate
from graven.types import ENGRAVING_CLASSES, ModelSpec, Normalisation, PixelSize, PrepareStep, raster_from_array

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from graven.train.dataset import Sample
    from graven.train.task import Standardised

ROLES = {"segment": "engraving-segment", "refine": "engraving-refine"}
BUNDLES = {"segment": "engraving", "refine": "engraving-refiner"}
BANDS = {"segment": ("height",), "refine": ("height", "logit", "hint")}
VERSION = "1.0"
N_BRONZES = 360
SEVERE_EVERY = 4
TILE_PX, OVERLAP_PX = 256, 128
MIN_OBJECT_MM2 = 0.05
BATCH = 16
PIXEL_SIZE_MM = 0.05
TEST_SETS = {
    "ordinary": ENGRAVING_TEST_ORDINARY,
    "severe": ENGRAVING_TEST_SEVERE,
    "unseen styles": ENGRAVING_TEST_UNSEEN,
}


def say(text: str) -> None:
    """Print a line with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def grow(spec: BronzeSpec) -> Callable[[], tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]]:
    """Give a function that grows a bronze, measures its height as a scan would, and prepares that for the networks."""

    def read() -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
        panel = spec.make()
        height = measured_height(panel, np.random.default_rng(panel.seed))
        raster = raster_from_array(height[None], valid=panel.object_mask & np.isfinite(height)).with_pixel_size(
            PixelSize(PIXEL_SIZE_MM, PIXEL_SIZE_MM, "user")
        )
        steps = tuple(PrepareStep(step.name, step.options) for step in read_recipe(ROLES["segment"]).prepare)
        prepared = PrepareChain(steps, n_bands=1).view(raster)
        known = prepared.read_valid(prepared.bounds)
        return np.rint(prepared.read()).astype(np.uint8), panel.mask & known, known

    return read


def training_specs(n: int) -> list[BronzeSpec]:
    """List the bronzes that may be learnt from; every fourth is severely degraded."""
    return [
        BronzeSpec(seed, "severe" if seed % SEVERE_EVERY == SEVERE_EVERY - 1 else "ordinary") for seed in train_seeds(n)
    ]


def build_cache(cache: Path, n_bronzes: int) -> dict[str, PanelStore]:
    """Grow all bronzes once; what is there already is kept."""
    stores = {}
    for part, specs in (("val", ENGRAVING_VAL), ("train", training_specs(n_bronzes))):
        items = [(f"{spec.seed}_{spec.degradation}", str(spec.seed), grow(spec)) for spec in specs]
        stores[part] = write_store(cache / part, items, origin={"generator": BRONZE_VERSION, "part": part})
        say(f"{part}: {len(stores[part].entries)} bronzes")
    return stores


def normalisation(out: Path, stores: dict[str, PanelStore]) -> tuple[float, float]:
    """Give mean and deviation of the prepared heights, measured once."""
    path = out / "normalisation.json"
    if not path.is_file():
        (mean,), (std,) = band_statistics(stores["train"].open())
        out.mkdir(parents=True, exist_ok=True)
        write_text_atomic(path, json.dumps({"mean": mean, "std": std}, indent=1) + "\n")
    content = json.loads(path.read_text(encoding="utf-8"))
    return content["mean"], content["std"]


def standardisation(out: Path, stores: dict[str, PanelStore], role: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Give the standardisation of a network, band by band."""
    mean, std = normalisation(out, stores)
    return ((mean,), (std,)) if role == "segment" else standardised_for_refining(mean, std)


def best_of(out: Path, stores: dict[str, PanelStore], role: str) -> Standardised:
    """Build a network with its best weights."""
    mean, std = standardisation(out, stores, role)
    run = out / ROLES[role]
    return best_network(build_model(read_recipe(run / "recipe.yaml"), mean=mean, std=std), run)


def train_network(args: argparse.Namespace, role: str, stores: dict[str, PanelStore]) -> None:
    """Train one of the two; what is finished is skipped."""
    out = args.out / ROLES[role]
    if (out / "result.json").is_file():
        say(f"{out / 'result.json'} is there, training skipped")
        return
    recipe = read_recipe(ROLES[role])
    if args.steps is not None:
        recipe = dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, max_steps=args.steps))
    mean, std = standardisation(args.out, stores, role)
    first = best_of(args.out, stores, "segment") if role == "refine" else None
    _, result = train(
        recipe,
        stores["train"].open(),
        stores["val"].open(),
        out,
        mean=mean,
        std=std,
        data_sha256=stores["train"].sha256 + stores["val"].sha256,
        first=first,
        resume=args.resume and (out / "checkpoints").is_dir(),
        accelerator=args.device,
        say=say,
    )
    say(str(result))


def check_batch(out: Path, stores: dict[str, PanelStore], role: str) -> NDArray[Any]:
    """Give the input on which a bundle tests itself; the refiner's with a first answer and a stroke."""
    panel: Panel = stores["val"].open()[0]
    pixels = check_pixels(panel)
    if role == "segment":
        return pixels
    return refining_pixels(refining(out, stores), panel, tile_px=TILE_PX)


def refining(out: Path, stores: dict[str, PanelStore]) -> RefineTask:
    """Give the task of the refiner: its first network, and the person who draws."""
    task = build_task(read_recipe(out / ROLES["refine"] / "recipe.yaml"), first=best_of(out, stores, "segment"))
    if not isinstance(task, RefineTask):
        raise TypeError(f"the recipe {ROLES['refine']!r} is for {type(task).__name__}")
    return task


def write_model(args: argparse.Namespace, role: str, stores: dict[str, PanelStore]) -> Bundle:
    """Export the best weights and write the bundle."""
    out = args.out
    recipe: Recipe = read_recipe(out / ROLES[role] / "recipe.yaml")
    mean, std = standardisation(out, stores, role)
    _, facts = load_tensors(out / ROLES[role] / "best.safetensors")
    bundles = out / "bundles"
    bundles.mkdir(parents=True, exist_ok=True)
    name = BUNDLES[role]
    model = best_of(out, stores, role).eval()
    export = export_onnx(model, bundles / f"{name}.onnx", check_input=check_batch(out, stores, role))
    spec = ModelSpec(
        name=name,
        version=VERSION,
        method="engraving",
        role="segment" if role == "segment" else "refine",
        network=recipe.network.name,
        network_options=recipe.network.options,
        classes=ENGRAVING_CLASSES,
        bands=BANDS[role],
        pixel_size_mm=recipe.data.pixel_size_mm,
        tile_px=TILE_PX,
        overlap_px=OVERLAP_PX,
        normalisation=Normalisation(mean, std),
        prepare=tuple(PrepareStep(step.name, step.options) for step in recipe.prepare),
        threshold=0.5,
        min_object_mm2=MIN_OBJECT_MM2 if role == "segment" else 0.0,
        companions={"refine": BUNDLES["refine"]} if role == "segment" else {},
        sha256="",
    )
    card = {
        "training": json.loads((out / ROLES[role] / "result.json").read_text(encoding="utf-8")),
        "validation": facts["scores"],
        "export": {"bytes": export.n_bytes, "half_difference": export.half_difference},
        "data": {part: {"n_bronzes": len(store.entries), "sha256": store.sha256} for part, store in stores.items()},
    }
    write_text_atomic(out / f"card-{name}.json", json.dumps(card, indent=1) + "\n")
    text = f"# {name} {VERSION}\n\nTrained by `scripts/train_engraving.py`; figures: card-{name}.json and test.json.\n"
    bundle = write_bundle(bundles / name, spec, export.path, text, check=(export.check_input, export.check_output))
    export.path.unlink()
    say(f"{bundle.path}, model.onnx {export.n_bytes} bytes")
    return bundle


def evaluate(out: Path, stores: dict[str, PanelStore]) -> dict[str, Any]:
    """Measure both networks on the frozen test sets: the first as users get it, the second by one stroke per tile."""
    bundle = read_bundle(out / "bundles" / BUNDLES["segment"])
    engine = load_engine(bundle.model_path, sha256=bundle.spec.sha256, precision="float32")
    task, refiner = refining(out, stores), best_of(out, stores, "refine")
    results: dict[str, Any] = {}
    for name, specs in TEST_SETS.items():
        counts: dict[str, list[tuple[BinaryCounts, MatchCounts]]] = {"model": [], "blackhat_otsu": []}
        rows = []
        for bronze in specs:
            image, truth, known = grow(bronze)()
            found = {
                "model": predict_labels(bundle.spec, engine, image) > 0,
                "blackhat_otsu": blackhat_otsu(np.repeat(image, 3, axis=0)),
            }
            for who, mask in found.items():
                counts[who].append((binary_counts(mask, truth, known), pseudo_counts(mask, truth, known)))
            tiles = validation_tiles([Panel("test", "test", image, truth, known)], tile_px=TILE_PX)
            rows.append(judged(task, refiner, tiles))
        results[name] = {
            "n_bronzes": len(specs),
            **{who: scores_of(listed) for who, listed in counts.items()},
            "refiner": task.scores(np.concatenate(rows)),
        }
        say(f"{name}: {results[name]}")
    write_text_atomic(out / "test.json", json.dumps(results, indent=1) + "\n")
    return results


@torch.inference_mode()
def judged(task: RefineTask, refiner: Standardised, tiles: Sequence[Sample]) -> NDArray[np.float64]:
    """Let the refiner answer to one stroke on each tile."""
    rows = []
    for start in range(0, len(tiles), BATCH):
        batch = collate(tiles[start : start + BATCH])
        _, logits = task.outputs(refiner, batch)
        rows.append(task.judge(refiner.probabilities(logits).numpy(), batch))
    return np.concatenate(rows)


def scores_of(listed: list[tuple[BinaryCounts, MatchCounts]]) -> dict[str, float]:
    """Pool counts over a set."""
    pixels, lines = total([pixels for pixels, _ in listed]), total([line for _, line in listed])
    return {"iou": iou(pixels), "precision": precision(pixels), "recall": recall(pixels), "pfm": lines.f1}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="folder of the run and the bundles")
    parser.add_argument("--cache", type=Path, help="folder of grown bronzes; <out>/bronzes by default")
    parser.add_argument("--bronzes", type=int, default=N_BRONZES, help="bronzes to learn from")
    parser.add_argument("--steps", type=int, help="length of each training in place of the recipe's, to try the script")
    parser.add_argument("--only", choices=list(ROLES), help="train one of the two networks")
    parser.add_argument("--grow-only", action="store_true", help="grow the bronzes and stop")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--threads", type=int, help="threads of torch")
    parser.add_argument("--resume", action="store_true", help="continue what was stopped")
    parser.add_argument("--evaluate", action="store_true", help="measure the bundles on the frozen test sets")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Do the job and give the exit code."""
    args = parse(arguments)
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        stores = build_cache(args.cache or args.out / "bronzes", args.bronzes)
        if args.evaluate:
            evaluate(args.out, stores)
        elif not args.grow_only:
            for role in ROLES if args.only is None else (args.only,):
                train_network(args, role, stores)
                write_model(args, role, stores)
    except GravenError as error:
        say(f"{type(error).__name__}: {error}")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
