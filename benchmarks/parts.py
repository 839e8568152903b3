"""The smaller parts of a measurement: the help of the command line, kernels, engines, and workers of `graven batch`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from benchmarks import kernels
from benchmarks.whole import Panel
from graven.api.verification import compare_engines
from graven.io.bundle import read_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["batch_rows", "engine_rows", "help_rows", "kernel_rows"]

N_IMAGES = 4
WORKERS = (1, 2)
HEAVY = ("torch", "rasterio", "osgeo")
GRAVEN = "import sys; from graven.cli.main import run; run(sys.argv[1:])"


def help_rows(n: int) -> list[dict[str, Any]]:
    """Take the processor time of ``graven --help`` `n` times, and list what it imports and should not."""
    command = [sys.executable, "-X", "importtime", "-c", GRAVEN, "--help"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in told.splitlines()}
    heavy = " ".join(sorted(imported.intersection(HEAVY)))
    found = []
    for number in range(n):
        before = os.times()
        subprocess.run([sys.executable, "-c", GRAVEN, "--help"], check=True, capture_output=True)
        after = os.times()
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        found.append({"round": number, "cpu_s": spent, "heavy": heavy})
    return found


def engine_rows(n_panels: int) -> list[dict[str, Any]]:
    """Compare the engines of each bundled petroglyph model with float32, on stored input and on labelled panels."""
    found = []
    for name in ("petroglyph", "petroglyph-gate"):
        for row in compare_engines(read_bundle(name), engine="all", n_panels=n_panels):
            told = {key: value for key, value in row.items() if key != "check"}
            if told:
                found.append({"model": name, "on": "panels" if "f1" in row else "stored input", **told})
    return found


def kernel_rows(n: int, megapixels: float, data: Path | None) -> list[dict[str, Any]]:
    """Take the rows of `benchmarks.kernels`."""
    return kernels.rows(n, megapixels, data)


def batch_rows(folder: Path, *, n: int, size_px: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Time ``graven batch`` over a few panels with one worker and with two, alternating.

    Parameters
    ----------
    folder : Path
        For panels and results.
    n : int
        Rounds.
    size_px : int, pixels
        Side of a panel.
    say : callable
        Hears what goes on.

    Returns
    -------
    list of dict
        One row per round and number of workers.
    """
    images = folder / f"batch-{size_px}"
    images.mkdir(exist_ok=True)
    source = Panel("dense", size_px, size_px).file(folder)
    for number in range(N_IMAGES):
        shutil.copyfile(source, images / f"panel{number}.tif")
    found = []
    for number in range(n):
        for workers in _turned(WORKERS, number):
            out = folder / "batch-out"
            shutil.rmtree(out, ignore_errors=True)
            options = ["-m", "petroglyph", "--workers", str(workers), "-o", str(out), "--quiet"]
            start = time.perf_counter()
            command = [sys.executable, "-c", GRAVEN, "batch", str(images), *options]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds = time.perf_counter() - start
            found.append({"round": number, "workers": workers, "n_images": N_IMAGES, "px": size_px, "seconds": seconds})
        say(f"batch: round {number + 1}")
    return found


def _turned(values: Sequence[int], shift: int) -> list[int]:
    shift %= len(values)
    return [*values[shift:], *values[:shift]]
