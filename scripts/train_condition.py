"""Train the model that is bundled for paintings, from nothing, on procedural paintings.

The whole job in one script: grow the paintings once, train the network from its recipe, write the bundle, and measure
it on the frozen test sets beside black-hat and Otsu's threshold. Each part is skipped when its result is there, and
``--resume`` continues a training that was stopped.

::

    python scripts/train_condition.py --out runs/condition                 # some hours on two cores with bfloat16
    python scripts/train_condition.py --out runs/condition --evaluate --data ../shared/data
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

from graven.api.bundling import best_network
from graven.errors import GravenError
from graven.io.bundle import Bundle, read_bundle, write_bundle
from graven.io.fs import write_text_atomic
from graven.io.images import open_raster
from graven.io.maskfolders import read_binary_mask
from graven.metrics import multiclass_scores
from graven.predict.engines import load_engine
from graven.prepare.bands import bands_view
from graven.studies.baselines import blackhat_otsu, clahe_otsu
from graven.studies.class_scores import add_counts, count_classes, predict_labels, scores_of
from graven.synthetic.painting import UNKNOWN
from graven.synthetic.testsets import (
    CONDITION_TEST_ORDINARY,
    CONDITION_TEST_SEVERE,
    CONDITION_TEST_UNSEEN,
    CONDITION_VAL,
    PaintingSpec,
    train_seeds,
)
from graven.train.checkpoint import load_tensors, tensor_hash
from graven.train.export import export_onnx
from graven.train.panels import PanelStore, band_statistics, write_store
from graven.train.recipe import read_recipe
from graven.train.run import build_model, train
from graven.types import CONDITION_CLASSES, ModelSpec, Normalisation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from graven.studies.class_scores import ClassCounts
    from graven.train.task import Standardised
    from graven.types import ClassTable, Engine

STAGES = ("condition-segment", "condition-segment-2")
BUNDLE, VERSION = "condition", "1.0"
N_PAINTINGS = 480
SEVERE_EVERY = 4
TILE_PX, OVERLAP_PX = 512, 128
CHECK_PX = 128
MIN_OBJECT_MM2 = 0.2
GENERATOR = "condition-1"
TEST_SETS = {
    "ordinary": CONDITION_TEST_ORDINARY,
    "severe": CONDITION_TEST_SEVERE,
    "unseen styles": CONDITION_TEST_UNSEEN,
}
PHOTOGRAPHS = {
    "craquelure/craquelure_graphs": "craquelure",
    "cracks/crackforest": "craquelure",
    "cracks/deepcrack_crops": "craquelure",
    "cracks/masonry224": "craquelure",
    "cracks/uav75": "craquelure",
    "paintloss/fresco_details": "paint_loss",
}
"""Sets of photographs below ``--data``, each with ``images`` and ``masks``, and the class that its masks show."""

BASELINES: dict[str, Callable[..., NDArray[np.bool_]]] = {"craquelure": blackhat_otsu, "paint_loss": clahe_otsu}


def say(text: str) -> None:
    """Print a line with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def grow(spec: PaintingSpec) -> Callable[[], tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]]:
    """Give a function that grows a painting: pixels, class numbers, and where the class is known."""

    def read() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]:
        panel = spec.make()
        known = panel.classes != UNKNOWN
        return panel.image, np.where(known, panel.classes, 0).astype(np.uint8), known

    return read


def training_specs(n: int) -> list[PaintingSpec]:
    """List the paintings that may be learnt from; every fourth is severely degraded."""
    return [
        PaintingSpec(seed, "severe" if seed % SEVERE_EVERY == SEVERE_EVERY - 1 else "ordinary")
        for seed in train_seeds(n)
    ]


def build_cache(cache: Path, n_paintings: int) -> dict[str, PanelStore]:
    """Grow all paintings once; what is there already is kept."""
    stores = {}
    for part, specs in (("val", CONDITION_VAL), ("train", training_specs(n_paintings))):
        items = [(f"{spec.seed}_{spec.degradation}", str(spec.seed), grow(spec)) for spec in specs]
        stores[part] = write_store(cache / part, items, origin={"generator": GENERATOR, "part": part})
        say(f"{part}: {len(stores[part].entries)} paintings")
    return stores


def train_network(args: argparse.Namespace, stores: dict[str, PanelStore]) -> None:
    """Train the stages, each from the best weights of the one before; what is finished is skipped."""
    initial = None
    for stage in STAGES:
        if (args.out / stage / "result.json").is_file():
            say(f"{args.out / stage / 'result.json'} is there, training skipped")
        else:
            train_stage(args, stage, stores, initial)
        initial = best_of(args.out, stage)


def best_of(out: Path, stage: str) -> Standardised:
    """Build the network with the best weights of a stage."""
    content = json.loads((out / "normalisation.json").read_text(encoding="utf-8"))
    recipe = read_recipe(out / stage / "recipe.yaml")
    return best_network(build_model(recipe, mean=content["mean"], std=content["std"]), out / stage)


def train_stage(
    args: argparse.Namespace, stage: str, stores: dict[str, PanelStore], initial: Standardised | None
) -> None:
    """Train one stage."""
    out = args.out / stage
    recipe = read_recipe(stage)
    if args.steps is not None:
        recipe = dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, max_steps=args.steps))
    panels = stores["train"].open()
    path = args.out / "normalisation.json"
    if not path.is_file():
        mean, std = band_statistics(panels)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text_atomic(path, json.dumps({"mean": mean, "std": std}, indent=1) + "\n")
    content = json.loads(path.read_text(encoding="utf-8"))
    _, result = train(
        recipe,
        panels,
        stores["val"].open(),
        out,
        mean=content["mean"],
        std=content["std"],
        data_sha256=stores["train"].sha256
        + stores["val"].sha256
        + ("" if initial is None else tensor_hash(initial.state_dict())),
        initial=initial,
        judge_initial=False,
        resume=args.resume and (out / "checkpoints").is_dir(),
        accelerator=args.device,
        say=say,
        class_names=[entry.name for entry in CONDITION_CLASSES.classes],
    )
    say(str(result))


def write_model(out: Path, stores: dict[str, PanelStore]) -> Bundle:
    """Export the best weights and write the bundle."""
    recipe = read_recipe(out / STAGES[-1] / "recipe.yaml")
    content = json.loads((out / "normalisation.json").read_text(encoding="utf-8"))
    model = best_of(out, STAGES[-1])
    _, facts = load_tensors(out / STAGES[-1] / "best.safetensors")
    panel = stores["val"].open()[0]
    places = (panel.image.shape[1] // 4, panel.image.shape[1] // 2)
    check = np.stack([panel.image[:, at : at + CHECK_PX, at : at + CHECK_PX] for at in places])
    bundles = out / "bundles"
    bundles.mkdir(parents=True, exist_ok=True)
    export = export_onnx(model.eval(), bundles / f"{BUNDLE}.onnx", check_input=check)
    spec = ModelSpec(
        name=BUNDLE,
        version=VERSION,
        method="condition",
        role="segment",
        network=recipe.network.name,
        network_options=recipe.network.options,
        classes=CONDITION_CLASSES,
        bands=("red", "green", "blue"),
        pixel_size_mm=recipe.data.pixel_size_mm,
        tile_px=TILE_PX,
        overlap_px=OVERLAP_PX,
        normalisation=Normalisation(tuple(content["mean"]), tuple(content["std"])),
        prepare=(),
        threshold=0.5,
        min_object_mm2=MIN_OBJECT_MM2,
        companions={},
        sha256="",
    )
    card = {
        "training": {stage: json.loads((out / stage / "result.json").read_text(encoding="utf-8")) for stage in STAGES},
        "validation": facts["scores"],
        "export": {"bytes": export.n_bytes, "half_difference": export.half_difference},
        "data": {part: {"n_paintings": len(store.entries), "sha256": store.sha256} for part, store in stores.items()},
    }
    write_text_atomic(out / "card.json", json.dumps(card, indent=1) + "\n")
    text = f"# {BUNDLE} {VERSION}\n\nTrained by `scripts/train_condition.py`; figures: card.json and test.json.\n"
    bundle = write_bundle(bundles / BUNDLE, spec, export.path, text, check=(export.check_input, export.check_output))
    export.path.unlink()
    say(f"{bundle.path}, model.onnx {export.n_bytes} bytes")
    return bundle


def evaluate(out: Path, data: Path | None) -> dict[str, Any]:
    """Measure the bundle on the frozen test sets and on photographs, through the tiles and blending that users get."""
    bundle = read_bundle(out / "bundles" / BUNDLE)
    engine = load_engine(bundle.model_path, sha256=bundle.spec.sha256, precision="float32")
    results = {name: evaluate_set(bundle.spec, engine, specs) for name, specs in TEST_SETS.items()}
    for name, found in results.items():
        say(f"{name}: {found}")
    if data is not None:
        results["photographs"] = evaluate_photographs(bundle.spec, engine, data)
    write_text_atomic(out / "test.json", json.dumps(results, indent=1) + "\n")
    return results


def evaluate_photographs(spec: ModelSpec, engine: Engine, data: Path) -> dict[str, Any]:
    """Score photographs that nothing was trained on, at their own pixels, for the one class that each set knows."""
    results = {}
    for folder, name in PHOTOGRAPHS.items():
        class_id = [entry.name for entry in spec.classes.classes].index(name) + 1
        counts, baseline = [], []
        for path in sorted((data / folder / "images").iterdir()):
            image = bands_view(open_raster(path, hash_source=False), n_bands=3)[0].read()
            truth = np.where(read_binary_mask(data / folder / "masks" / f"{path.stem}.png"), class_id, 0).astype(
                np.uint8
            )
            preds = predict_labels(spec, engine, image)
            counts.append(count_classes(np.where(preds == class_id, preds, 0), truth, None, classes=spec.classes))
            marked = np.where(BASELINES[name](image), class_id, 0).astype(np.uint8)
            baseline.append(count_classes(marked, truth, None, classes=spec.classes))
        results[folder] = {
            "n_photographs": len(counts),
            "class": name,
            "model": one_class(add_counts(counts), spec.classes, name),
            "baseline": one_class(add_counts(baseline), spec.classes, name),
        }
        say(f"{folder}: {results[folder]}")
    return results


def one_class(counts: ClassCounts, classes: ClassTable, name: str) -> dict[str, float]:
    """Keep the scores of one class."""
    scores = scores_of(counts, classes)
    return {key.removesuffix(f"_{name}"): value for key, value in scores.items() if key.endswith(name)}


def evaluate_set(spec: ModelSpec, engine: Engine, specs: Sequence[PaintingSpec]) -> dict[str, Any]:
    """Score one test set: classes pooled over all pixels, cracks also with tolerance, and a baseline beside them."""
    counts, baseline = [], []
    for painting in specs:
        panel = painting.make()
        known = panel.classes != UNKNOWN
        preds = predict_labels(spec, engine, panel.image)
        cracks = blackhat_otsu(panel.image).astype(np.uint8)
        counts.append(count_classes(preds, panel.classes, known, classes=spec.classes))
        baseline.append(count_classes(cracks, panel.classes, known, classes=spec.classes))
    summed = add_counts(counts)
    return {
        "n_paintings": len(specs),
        "model": {**scores_of(summed, spec.classes), "accuracy": multiclass_scores(summed.matrix).accuracy},
        "blackhat_otsu": scores_of(add_counts(baseline), spec.classes),
    }


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="folder of the run and the bundle")
    parser.add_argument("--cache", type=Path, help="folder of grown paintings; <out>/paintings by default")
    parser.add_argument("--paintings", type=int, default=N_PAINTINGS, help="paintings to learn from")
    parser.add_argument("--steps", type=int, help="length of the training in place of the recipe's, to try the script")
    parser.add_argument("--grow-only", action="store_true", help="grow the paintings and stop")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--threads", type=int, help="threads of torch")
    parser.add_argument("--resume", action="store_true", help="continue what was stopped")
    parser.add_argument("--evaluate", action="store_true", help="measure the bundle on the frozen test sets")
    parser.add_argument("--data", type=Path, help="folder of photographs with truth, to be measured with --evaluate")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Do the job and give the exit code."""
    args = parse(arguments)
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        if args.evaluate:
            evaluate(args.out, args.data)
            return 0
        stores = build_cache(args.cache or args.out / "paintings", args.paintings)
        if not args.grow_only:
            train_network(args, stores)
            write_model(args.out, stores)
    except GravenError as error:
        say(f"{type(error).__name__}: {error}")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
