"""Measure what fine-tuning the condition bundle on 20 photographs of CrackForest brings on 16 others.

::

    GRAVEN_DATA=../shared/data python scripts/measure_finetune.py -o finetune-study [--steps 200]

The 20 are drawn with a fixed seed from the training part of `graven.studies.crack_sets`; ``graven finetune`` chooses
the moment and judges on some of them. The figures here are of the test part, which no choice has seen. The photographs
may not be passed on, so neither may the model: the folder is for looking at.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graven.api.finetune import finetune
from graven.api.finetune_page import defined
from graven.cli.console import Console
from graven.io.bundle import read_bundle
from graven.io.fs import write_text_atomic
from graven.predict.engines import load_engine
from graven.studies.baselines import blackhat_otsu
from graven.studies.class_scores import add_counts, count_classes, predict_labels, scores_of
from graven.studies.crack_sets import CRACK_SETS, list_sides
from graven.studies.sources import scaled_source
from graven.train.recipe import read_recipe, recipe_to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from graven.io.bundle import Bundle
    from graven.types.dataset import LabelledImage

MODEL, RECIPE, LABEL = "condition", "condition-finetune", "craquelure"
N_PHOTOGRAPHS, SEED = 20, 0
SHOWN = (f"f1_2px_{LABEL}", f"iou_{LABEL}", f"cldice_{LABEL}")


def choose(items: Sequence[LabelledImage]) -> list[LabelledImage]:
    """Draw the photographs to fine-tune with; of CrackForest each picture is a photograph of its own."""
    ordered = sorted(items, key=lambda item: item.name)
    drawn = np.random.default_rng(SEED).choice(len(ordered), N_PHOTOGRAPHS, replace=False)
    return [ordered[index] for index in sorted(drawn.tolist())]


def offer(items: Sequence[LabelledImage], folder: Path) -> Path:
    """Make a data set of links to the photographs, which stay where they are."""
    for item in items:
        for part, path in (("images", item.image_path), ("masks", item.label_paths[0])):
            (folder / part).mkdir(parents=True, exist_ok=True)
            link = folder / part / f"{item.name}{path.suffix}"
            if not link.is_symlink():
                link.symlink_to(path.resolve())
    return folder


def short_recipe(folder: Path, steps: int) -> Path:
    """Write the recipe of ``graven finetune`` with another length."""
    plan = read_recipe(RECIPE)
    path = folder / "recipe.yaml"
    write_text_atomic(path, recipe_to_text(replace(plan, run=replace(plan.run, max_steps=steps))))
    return path


def judge(
    items: Sequence[LabelledImage], bundle: Bundle, predict: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
) -> dict[str, float]:
    """Score predictions of the test photographs, all pixels together."""
    counts = []
    for _, _, read in scaled_source(items, bundle.spec):
        image, target, valid = read()
        counts.append(count_classes(predict(image), target, valid, classes=bundle.spec.classes))
    return scores_of(add_counts(counts), bundle.spec.classes)


def predictor(bundle: Bundle) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
    """Predict as ``graven finetune`` does: tiles, blending, float32, the threshold of the bundle."""
    engine = load_engine(bundle.model_path, sha256=bundle.spec.sha256, precision="float32")
    return lambda image: predict_labels(bundle.spec, engine, image)


def main() -> None:
    """Fine-tune, judge, and write ``figures.json``."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GRAVEN_DATA", "../shared/data")))
    parser.add_argument("-o", "--out", type=Path, default=Path("finetune-study"), help="new folder; never commit it")
    parser.add_argument("--steps", type=int, default=200, help="updates at the most; the bundled recipe has 400")
    options = parser.parse_args()
    sides = list_sides(CRACK_SETS["crackforest"], options.data / "cracks" / "crackforest")
    chosen, test = choose(sides["train"]), sides["test"]
    bundle = read_bundle(MODEL)
    found = finetune(
        offer(chosen, options.out / "photographs"),
        model=MODEL,
        classes={LABEL: ()},
        recipe=short_recipe(options.out, options.steps),
        out=options.out / "model",
        seed=SEED,
        resume=(options.out / "model").exists() or (options.out / "model.partial").exists(),
        monitor=Console(),
    )
    rows = {
        "black-hat + Otsu": judge(test, bundle, lambda image: blackhat_otsu(image).astype(np.uint8)),
        "before": judge(test, bundle, predictor(bundle)),
    }
    if found.bundle is not None:
        rows["after"] = judge(test, bundle, predictor(read_bundle(found.bundle)))
    facts = {
        "photographs": [item.name for item in chosen],
        "sides": found.counts,
        "test": [item.name for item in test],
        "steps": options.steps,
        "inner_before": defined(found.before),
        "inner_after": defined(found.after),
        "sentences": found.sentences,
        "figures": {name: defined(scores) for name, scores in rows.items()},
    }
    write_text_atomic(options.out / "figures.json", json.dumps(facts, indent=1, allow_nan=False) + "\n")
    print("| | F1 at 2 px | IoU | clDice |\n|---|---|---|---|")
    for name, scores in rows.items():
        print(f"| {name} | {' | '.join(f'{scores[key]:.3f}' for key in SHOWN)} |")


if __name__ == "__main__":
    main()
