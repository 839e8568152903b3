"""Train the gate and the segmenter that are bundled for petroglyphs, from nothing, on procedural panels.

The whole job in one script: grow the panels and prepare them once, train both networks from their recipes, choose the
gate's threshold, write both bundles. Each part is skipped when its result is there, and ``--resume`` continues a
training that was stopped. ``--evaluate`` measures the bundles on the frozen test sets.

::

    python scripts/train_petroglyph.py --out runs/petroglyph                     # about an hour and a half on two cores
    python scripts/train_petroglyph.py --out runs/petroglyph --evaluate
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

from graven.errors import GravenError
from graven.io.fs import write_text_atomic
from graven.prepare.chain import PrepareChain
from graven.synthetic.testsets import (
    GENERATOR_VERSION,
    PETROGLYPH_VAL,
    TEST_PIXEL_SIZE_MM,
    TEST_SIZE_PX,
    PanelSpec,
    train_seeds,
)
from graven.train.checkpoint import load_tensors
from graven.train.panels import Panel, PanelStore, ReadPanel, band_statistics, write_store
from graven.train.recipe import Recipe, read_recipe
from graven.train.run import build_model, train
from graven.types import PrepareStep, raster_from_array

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from graven.train.task import Standardised

N_PANELS = 320
N_CALIBRATION = 24
SEVERE_EVERY = 4
NAMES = {"gate": "petroglyph-gate", "segment": "petroglyph-segment"}


def say(text: str) -> None:
    """Print a line with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def chain_of(recipe: Recipe) -> PrepareChain:
    """Join the preparation that a recipe names."""
    return PrepareChain(tuple(PrepareStep(step.name, step.options) for step in recipe.prepare), n_bands=3)


def grow(spec: PanelSpec, chain: PrepareChain) -> ReadPanel:
    """Give a function that grows a panel and prepares it."""

    def read() -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_] | None]:
        panel = spec.make()
        return chain.view(raster_from_array(panel.image)).read().astype(np.uint8), panel.mask, panel.valid

    return read


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
    """Grow and prepare all panels once; what is there already is kept."""
    chain = chain_of(recipe)
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
            "size_px": TEST_SIZE_PX,
            "pixel_size_mm": TEST_PIXEL_SIZE_MM,
            "prepare": [{"name": step.name, "options": step.options} for step in recipe.prepare],
        }
        items = [(f"{spec.seed}_{spec.degradation}", str(spec.seed), grow(spec, chain)) for spec in specs]
        stores[part] = write_store(cache / part, items, origin=origin)
        say(f"{part}: {len(stores[part].entries)} panels")
    return stores


def train_one(role: str, args: argparse.Namespace, stores: dict[str, PanelStore]) -> None:
    """Train one network, unless its result is there."""
    out = args.out / NAMES[role]
    if (out / "result.json").is_file():
        say(f"{role}: {out / 'result.json'} is there, training skipped")
        return
    minutes = args.minutes_gate if role == "gate" else args.minutes_segment
    recipe = read_recipe(NAMES[role])
    if minutes is not None:
        recipe = dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, max_minutes=minutes))
    panels, val = stores["train"].open(), stores["val"].open()
    if role == "gate":
        val = (*val, *stores["calibration"].open())
    mean, std = statistics(args.out, panels)
    began = out / "checkpoints"
    resume = args.resume and began.is_dir() and any(began.iterdir())
    _, result = train(
        recipe,
        panels,
        val,
        out,
        mean=mean,
        std=std,
        data_sha256=stores["train"].sha256,
        resume=resume,
        accelerator=args.device,
        say=say,
    )
    say(f"{role}: {result}")


def statistics(out: Path, panels: Iterable[Panel]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of the training panels, computed once."""
    path = out / "normalisation.json"
    if not path.is_file():
        mean, std = band_statistics(panels)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text_atomic(path, json.dumps({"mean": mean, "std": std}, indent=1) + "\n")
    content = json.loads(path.read_text(encoding="utf-8"))
    return tuple(content["mean"]), tuple(content["std"])


def load_best(role: str, out: Path) -> tuple[Recipe, Standardised, dict[str, Any]]:
    """Build a network with its best weights."""
    recipe = read_recipe(out / NAMES[role] / "recipe.yaml")
    content = json.loads((out / "normalisation.json").read_text(encoding="utf-8"))
    model = build_model(recipe, mean=content["mean"], std=content["std"])
    tensors, facts = load_tensors(out / NAMES[role] / "best.safetensors")
    model.load_state_dict(tensors)
    return recipe, model.eval(), facts


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="folder of runs and bundles")
    parser.add_argument("--cache", type=Path, help="folder of prepared panels; <out>/panels by default")
    parser.add_argument("--only", choices=["panels", "gate", "segment"], help="do one part")
    parser.add_argument("--panels", type=int, default=N_PANELS, help="training panels")
    parser.add_argument("--minutes-gate", type=float, help="in place of the recipe's")
    parser.add_argument("--minutes-segment", type=float, help="in place of the recipe's")
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
        stores = build_cache(args.cache or args.out / "panels", read_recipe(NAMES["segment"]), n_panels=args.panels)
        for role in ("gate", "segment"):
            if args.only in (None, role):
                train_one(role, args, stores)
    except GravenError as error:
        say(f"{type(error).__name__}: {error}")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
