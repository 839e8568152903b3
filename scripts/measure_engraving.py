"""Measure the bundled networks for engravings as a person meets them: whole mirrors, corrected stroke by stroke.

A simulated person (`graven.refine.protocol`, quirks mended) works on the frozen whole bronzes until nothing helps any
more, with the published rule of keeping and with graven's own. The networks are those that ``train_engraving.py`` left;
with ``--early`` the first one is a copy that was stopped at the strength of the paper's (pFM about 0.49).

::

    python scripts/train_engraving.py --out runs/engraving
    python scripts/measure_engraving.py --run runs/engraving
    python scripts/train_engraving.py --out runs/early --cache runs/engraving/bronzes --only segment --steps 900
    python scripts/measure_engraving.py --run runs/engraving --early runs/early
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from train_engraving import TILE_PX, best_of, build_cache, grow, refining, say

from graven.io.fs import write_text_atomic
from graven.refine.keeping import KEEPING, OUR_KEEPING
from graven.refine.protocol import ProtocolSettings, annotate_object
from graven.refine.tally import EffortRecord
from graven.studies.refinement_objects import object_logits
from graven.studies.refinement_scores import WorkedObject
from graven.studies.refinement_summary import summarise_work
from graven.synthetic.testsets import ENGRAVING_TEST_WHOLE, BronzeSpec
from graven.train.answers import predict_logits

RULES = ("official", OUR_KEEPING)
MAX_STROKES = 600
RECORD_EVERY = 5


def work(args: argparse.Namespace) -> dict[str, Any]:
    """Let a person work on every object under every rule; what is finished is kept."""
    stores = build_cache(args.run / "bronzes", args.bronzes)
    first = best_of(args.run if args.early is None else args.early, stores, "segment")
    refiner = best_of(args.run, stores, "refine")
    person = refining(args.run, stores).annotator
    start = "final" if args.early is None else "early"
    worked: dict[str, list[WorkedObject]] = {rule: [] for rule in RULES}
    for spec in ENGRAVING_TEST_WHOLE[: args.objects]:
        path = args.run / "work" / f"{start}-{spec.seed}.json"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text_atomic(path, json.dumps(work_on(spec, first, refiner, person), indent=1) + "\n")
        for rule, content in json.loads(path.read_text(encoding="utf-8")).items():
            worked[rule].append(read_work(content, spec, rule))
    return {
        "start": start,
        "objects": [[spec.seed, spec.degradation] for spec in ENGRAVING_TEST_WHOLE[: args.objects]],
        "max_strokes": MAX_STROKES,
        **{rule: row_of(found) for rule, found in worked.items()},
    }


def work_on(spec: BronzeSpec, first: Any, refiner: Any, person: Any) -> dict[str, Any]:
    """Work on one object under every rule."""
    image, truth, known = grow(spec)()
    more = [(0, -size % TILE_PX) for size in truth.shape]
    image = np.pad(image, [(0, 0), *more], mode="symmetric")
    truth, known = np.pad(truth & known, more), np.pad(known, more)
    initial = object_logits(first, image, patch_px=TILE_PX)
    say(f"{spec.seed}: {truth.shape[0]} x {truth.shape[1]} px, {truth.sum() / known.sum():.2%} engraved")
    done = {}
    for rule in RULES:
        settings = ProtocolSettings(
            annotator=person,
            keeping=KEEPING[rule],
            patch_px=TILE_PX,
            max_interactions=MAX_STROKES,
            record_every=RECORD_EVERY,
        )
        run = annotate_object(
            image[0].astype(np.float32),
            initial,
            truth,
            partial(predict_logits, refiner),
            np.random.default_rng((0, zlib.crc32(str(spec.seed).encode()))),
            object_mask=known,
            settings=settings,
        )
        first_record, last = run.records[0], run.records[-1]
        say(f"  {rule}: {run.interactions} strokes, pFM {first_record.pfm_hints:.4f}, {last.pfm_refined:.4f}")
        done[rule] = {"converged": run.converged, "records": [dataclasses.asdict(record) for record in run.records]}
    return done


def read_work(content: dict[str, Any], spec: BronzeSpec, rule: str) -> WorkedObject:
    """Take up what `work_on` left."""
    records: tuple[EffortRecord, ...] = tuple(EffortRecord(**record) for record in content["records"])
    return WorkedObject(rule, 0, str(spec.seed), 0, content["converged"], records)


def row_of(worked: list[WorkedObject]) -> dict[str, float]:
    """Average over the objects."""
    return {name: values[0] for name, values in summarise_work(worked).by_seed.items()}


def main(arguments: list[str] | None = None) -> int:
    """Do the job and give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--run", type=Path, required=True, help="folder that train_engraving.py left")
    parser.add_argument("--early", type=Path, help="folder with a first network that was stopped early")
    parser.add_argument("--bronzes", type=int, default=360, help="bronzes that were learnt from")
    parser.add_argument("--objects", type=int, default=len(ENGRAVING_TEST_WHOLE), help="whole bronzes to work on")
    parser.add_argument("--threads", type=int, help="threads of torch")
    args = parser.parse_args(arguments)
    if args.threads:
        torch.set_num_threads(args.threads)
    found = work(args)
    write_text_atomic(args.run / f"work-{found['start']}.json", json.dumps(found, indent=1) + "\n")
    say(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
