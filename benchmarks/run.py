"""Measure, side by side in one run, and write the pages: ``python -m benchmarks.run``.

Raw measurements are written as CSV as soon as each part is done; tables and plots are made from these files alone
(`benchmarks.page`). A part or a size that is not asked for keeps what an earlier run measured.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import page, parts, whole
from benchmarks.adapter import Models
from benchmarks.contenders import CONTENDERS
from benchmarks.machine import write_machine
from benchmarks.rows import read_rows, write_rows
from benchmarks.whole import Panel

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

PARTS = ("whole", "memory", "kernels", "stroke", "engines", "training", "batch", "help")
DOCS = Path("docs/benchmarks")
WORK = Path("build/benchmarks")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    asked = _parser().parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    asked.work.mkdir(parents=True, exist_ok=True)
    n = asked.n or (3 if asked.quick else 5)
    sizes = asked.sizes or (whole.SIZES[:1] if asked.quick else whole.SIZES)
    note = {"note": asked.note} if asked.note else {}
    write_machine(asked.out / "machine.json", _names(asked.only, sizes), n=n, **note)
    if {"whole", "memory"} & set(asked.only):
        _whole(asked, sizes, n)
    if "kernels" in asked.only:
        write_rows(asked.out / "kernels.csv", parts.kernel_rows(n, 1.0 if asked.quick else 16.0, asked.data))
    if "stroke" in asked.only:
        from benchmarks.stroke import stroke_rows

        write_rows(asked.out / "stroke.csv", stroke_rows(asked.work, n=5 if asked.quick else 40, say=_say))
    if "engines" in asked.only:
        write_rows(asked.out / "engines.csv", parts.engine_rows(2 if asked.quick else 16))
    if "training" in asked.only:
        from benchmarks.training import training_rows  # loads PyTorch

        write_rows(asked.out / "training.csv", training_rows(asked.work, n=n, say=_say))
    if "batch" in asked.only:
        rows = parts.batch_rows(asked.work, n=n, size_px=2048 if asked.quick else 4096, say=_say)
        write_rows(asked.out / "batch.csv", rows)
    if "help" in asked.only:
        write_rows(asked.out / "help.csv", parts.help_rows(n))
    page.write(asked.out)
    _say(f"wrote {asked.out / 'index.md'}")
    return 0


def _whole(asked: argparse.Namespace, sizes: Sequence[int], n: int) -> None:
    """Measure whole images, from small to large; what is there is written after each panel."""
    models = Models()
    times, peaks, differences = (
        _other_sizes(asked.out / f"{name}.csv", sizes) for name in ("time", "memory", "differences")
    )
    for size in sizes:
        for content in whole.CONTENTS:
            shown = Panel(content, size, size)
            if "whole" in asked.only:
                keys = [key for key in asked.contenders if getattr(CONTENDERS[key], f"on_{content}")]
                times += whole.time_rows(shown, asked.work, keys=keys, n=n, say=_say, models=models)
                differences += whole.difference_rows(shown, asked.work, keys=keys, models=models)
                write_rows(asked.out / "time.csv", times)
                write_rows(asked.out / "differences.csv", differences)
            if "memory" in asked.only and content == "dense":
                keys = [key for key in asked.contenders if CONTENDERS[key].in_memory]
                peaks += whole.memory_rows(shown, asked.work, keys=keys, say=_say)
                write_rows(asked.out / "memory.csv", peaks)
    if "memory" in asked.only and whole.TALL[0] in sizes:
        keys = [key for key in asked.contenders if CONTENDERS[key].in_memory and not CONTENDERS[key].bytes_per_px]
        peaks += whole.memory_rows(Panel("dense", *whole.TALL), asked.work, keys=keys, say=_say)
        write_rows(asked.out / "memory.csv", peaks)


def _other_sizes(path: Path, sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Read what an earlier run measured on panels that are not measured now; what is tall goes with its height."""
    return [{**row} for row in read_rows(path) if int(row["height"]) not in sizes]


def _names(parts: Sequence[str], sizes: Sequence[int]) -> list[str]:
    """Name what is measured for the description of the machine, whole images by their size."""
    names = [[f"{part} {size}²" for size in sizes] if part in ("whole", "memory") else [part] for part in parts]
    return [name for group in names for name in group]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="the smallest size and three rounds: does it work?")
    parser.add_argument("--only", type=_listed(PARTS), default=PARTS, help=f"parts, of {','.join(PARTS)}")
    parser.add_argument("--sizes", type=lambda text: tuple(map(int, text.split(","))), help="sides of panels in pixels")
    parser.add_argument(
        "--contenders", type=_listed(tuple(CONTENDERS)), default=tuple(CONTENDERS), help="keys; default is all"
    )
    parser.add_argument("--n", type=int, help="rounds of what takes less than a minute; default is 5")
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("GRAVEN_DATA"), help="folder with lines/dibco; default $GRAVEN_DATA"
    )
    parser.add_argument("--note", help="what a reader must know of this run, such as work beside it")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of tables and plots")
    parser.add_argument("--work", type=Path, default=WORK, help="folder of panels and results, kept for the next run")
    return parser


def _listed(known: tuple[str, ...]) -> Any:
    """Give the reader of a list with commas whose entries are known."""

    def read(text: str) -> tuple[str, ...]:
        found = tuple(text.split(","))
        if unknown := [name for name in found if name not in known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is unknown; choose from {', '.join(known)}")
        return found

    return read


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
