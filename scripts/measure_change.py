"""Measure ``graven compare`` on procedural paintings whose growth is known, and on others where only the light changed.

Each pair is written as two PNG files and compared as a user would. The seeds are frozen in
`graven.synthetic.testsets`. What is written is a table of every pair, and a summary.

::

    python scripts/measure_change.py --model condition --out runs/change
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from graven.api.compare import compare
from graven.errors import GravenError
from graven.io.fs import write_text_atomic
from graven.report import csv_table
from graven.synthetic.testsets import CHANGE_GROWN, CHANGE_GROWTH_MM, CHANGE_STILL
from graven.synthetic.visits import make_visits

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCALE = "0.1mm/px"
MEASURES = ("craquelure_gained.length", "craquelure_lost.length", "paint_loss_gained.area", "paint_loss_lost.area")


def measure_pair(seed: int, *, growth_mm: float, model: str, folder: Path) -> dict[str, Any]:
    """Photograph a painting twice, compare the photographs, and put truth beside what was found."""
    visits = make_visits(seed, growth_mm=growth_mm)
    for name, pixels in (("before", visits.before.image), ("after", visits.photograph)):
        _write(folder / f"{name}.png", pixels)
    row: dict[str, Any] = {"seed": seed, "grows": growth_mm > 0, "true_gained_mm": round(visits.gained_mm, 3)}
    try:
        found = compare(
            folder / "before.png", folder / "after.png", model=model, scale=SCALE, out=folder / "change", overwrite=True
        )
    except GravenError as error:
        return row | {"refused": str(error)}
    row["residual_px"] = round(found.residual_px, 3)
    for name in MEASURES:
        measure = found.totals.get(name)
        row[name] = None if measure is None else round(measure.value, 3)
        row[f"{name}.sigma"] = None if measure is None or measure.sigma is None else round(measure.sigma, 3)
    return row


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Say how often change was reported where there is none, and how far growth is off."""
    told = [row for row in rows if "refused" not in row]
    still = [row for row in told if not row["grows"]]
    grown = [row for row in told if row["true_gained_mm"] > 0]
    errors = [row[MEASURES[0]] / row["true_gained_mm"] - 1 for row in grown]
    true, found = (sum(row[key] for row in grown) for key in ("true_gained_mm", MEASURES[0]))
    return {
        "n_still": len(still),
        "n_still_with_gain": sum(row[MEASURES[0]] > 0 for row in still),
        "n_still_with_any": sum(any(row[name] for name in MEASURES) for row in still),
        "still_gained_mm": [row[MEASURES[0]] for row in still],
        "n_grown": len(grown),
        "grown_relative_error": [round(error, 4) for error in errors],
        "grown_within_5_percent": sum(abs(error) <= 0.05 for error in errors),
        "grown_total_error": round(found / true - 1, 4) if grown else None,
        "n_still_refused": sum("refused" in row and not row["grows"] for row in rows),
        "n_grown_refused": sum("refused" in row and row["grows"] for row in rows),
        "n_without_cracks_to_grow": sum(row["grows"] and row["true_gained_mm"] == 0 for row in rows),
    }


def _write(path: Path, pixels: NDArray[np.uint8]) -> None:
    cv2.imwrite(str(path), np.ascontiguousarray(np.moveaxis(pixels, 0, -1)[..., ::-1]))


def main(arguments: list[str] | None = None) -> int:
    """Measure all pairs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--model", default="condition", help="name of a bundled model, or the path of a bundle")
    parser.add_argument("--out", type=Path, required=True, help="folder of pairs.csv and summary.json")
    parser.add_argument("--pairs", type=int, default=20, help="of each kind")
    args = parser.parse_args(arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    jobs = [(seed, 0.0) for seed in CHANGE_STILL[: args.pairs]]
    jobs += [(seed, CHANGE_GROWTH_MM) for seed in CHANGE_GROWN[: args.pairs]]
    rows = []
    for seed, growth_mm in jobs:
        with tempfile.TemporaryDirectory(prefix="graven-change-") as folder:
            rows.append(measure_pair(seed, growth_mm=growth_mm, model=args.model, folder=Path(folder)))
        print(json.dumps(rows[-1]), flush=True)
    names = list(dict.fromkeys(name for row in rows for name in row))
    write_text_atomic(args.out / "pairs.csv", csv_table(names, [[row.get(name) for name in names] for row in rows]))
    write_text_atomic(args.out / "summary.json", json.dumps(summarise(rows), indent=1) + "\n")
    print(json.dumps(summarise(rows), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
