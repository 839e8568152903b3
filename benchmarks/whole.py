"""Whole images: time interleaved in one process, peak memory in processes of their own, differences of the results."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.adapter import Job, LeftOut, Models
from benchmarks.contenders import CONTENDERS, FLOOR, left_out
from benchmarks.footprint import footprint
from benchmarks.panel import mosaic, panel
from graven.io.images import open_raster
from graven.synthetic.testsets import GENERATOR_VERSION
from graven.types import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = ["CONTENTS", "SIZES", "Panel", "compare", "difference_rows", "memory_rows", "rounds", "time_rows"]

SIZES = (2048, 4096, 8192, 16_384, 32_768)
TALL = (32_768, 8192)
CONTENTS = {"dense": 0.0, "sparse": 0.9}
"""Share of cells without figures."""
WARM_UP_PX = 640
MINUTE_S = 60.0
BAND_ROWS = 512

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Panel:
    """A generated panel.

    Attributes
    ----------
    content : {"dense", "sparse"}
        How much of it is empty.
    height, width : int, pixels
        Its size.
    """

    content: str
    height: int
    width: int

    def file(self, folder: Path) -> Path:
        """Give the GeoTIFF, made now unless an earlier run has."""
        path = folder / f"{self.content}-{GENERATOR_VERSION}-{self.height}x{self.width}.tif"
        if not path.exists():
            panel(path, self.height, self.width, empty_share=CONTENTS[self.content], cells=folder / "cells")
        return path

    def columns(self) -> Record:
        """Give what identifies it in a row."""
        return {"content": self.content, "height": self.height, "width": self.width}


def rounds(slowest_s: float, n: int) -> int:
    """Say how many rounds are taken of what takes so long: all of them below a minute, then three, then one."""
    if slowest_s < MINUTE_S:
        return n
    return min(n, 3 if slowest_s < 10 * MINUTE_S else 1)


def time_rows(
    shown: Panel, folder: Path, *, keys: Sequence[str], n: int, say: Callable[[str], None], models: Models
) -> list[Record]:
    """Time contenders on a panel, one after the other in each round, every round beginning with another.

    Parameters
    ----------
    shown : Panel
        What is predicted.
    folder : Path
        For panels and results; the last result of every contender stays.
    keys : sequence of str
        Contenders.
    n : int, >= 1
        Rounds; fewer for what takes more than a minute (`rounds`).
    say : callable
        Hears what goes on.
    models : Models
        Loaded once for all.

    Returns
    -------
    list of dict
        One row per contender and round, and one for each that was left out with the reason.
    """
    found: list[Record] = []
    job = Job(shown.file(folder), folder, models)
    warm = Job(Panel("dense", WARM_UP_PX, WARM_UP_PX).file(folder), folder, models)
    calls = {}
    for key in keys:
        reason = left_out(CONTENDERS[key], shown.height, shown.width)
        try:
            if not reason:
                CONTENDERS[key].start(warm)()
                calls[key] = CONTENDERS[key].start(job)
        except LeftOut as error:
            reason = str(error)
        if reason:
            say(f"{key}: left out, {reason}")
            found.append({**shown.columns(), "key": key, "left_out": reason})
    wanted = dict.fromkeys(calls, n)
    number = 0
    while takes_part := [key for key, count in wanted.items() if number < count]:
        shift = number % len(takes_part)
        for key in takes_part[shift:] + takes_part[:shift]:
            start = time.perf_counter()
            done = calls[key]()
            seconds = time.perf_counter() - start
            wanted[key] = rounds(seconds, n) if number == 0 else wanted[key]
            row = {**shown.columns(), "key": key, "round": number, "n_tiles": done.n_tiles}
            found.append({**row, "stage": "", "seconds": seconds})
            found += [{**row, "stage": name, "seconds": took} for name, took in done.stages.items()]
        number += 1
        say(f"{shown.content} {shown.height} x {shown.width}: round {number}, {len(takes_part)} contenders")
    return found


def memory_rows(shown: Panel, folder: Path, *, keys: Sequence[str], say: Callable[[str], None]) -> list[Record]:
    """Measure the peak memory of contenders, each in a process of its own, above what it has with its model loaded.

    Parameters
    ----------
    shown, folder, keys, say
        As in `time_rows`.

    Returns
    -------
    list of dict
        One row per contender.
    """
    found: list[Record] = []
    source = shown.file(folder)
    for key in keys:
        row: Record = {**shown.columns(), "key": key}
        try:
            if reason := left_out(CONTENDERS[key], shown.height, shown.width):
                raise LeftOut(reason)
            ready, peak = footprint(key, source, folder)
        except LeftOut as error:
            row["left_out"] = str(error)
        else:
            row |= {"round": 0, "ready_mb": ready / 1e6, "peak_mb": peak / 1e6}
            say(f"{key}: {(peak - ready) / 1e6:.0f} MB above the loaded model at {shown.height} x {shown.width}")
        found.append(row)
    return found


def difference_rows(shown: Panel, folder: Path, *, keys: Sequence[str], models: Models) -> list[Record]:
    """Compare the results that lie in a folder with those of graven: plain with peers, gated with not gated.

    Parameters
    ----------
    shown, folder, keys, models
        As in `time_rows`, which must have run before.

    Returns
    -------
    list of dict
        One row per pair.
    """
    step = math.ceil(models.bundle.spec.threshold * 255)
    found: list[Record] = []
    for key in keys:
        against = "graven-prepared" if key == "graven-gated" else "graven"
        if key in (FLOOR, against, "graven-rows", "graven-record", "graven-prepared") or against not in keys:
            continue
        if left_out(CONTENDERS[key], shown.height, shown.width) or not (folder / f"{key}.tif").is_file():
            continue
        row = {**shown.columns(), "key": key, "against": against}
        row |= compare(folder / f"{key}.tif", folder / f"{against}.tif", step=step)
        if key == "graven-gated":
            row |= _recalls(shown, folder, step)
        found.append(row)
    return found


def compare(path: Path, against: Path, *, step: int) -> Record:
    """Compare two rasters of bytes.

    Parameters
    ----------
    path, against : Path
        Of the same size.
    step : int, 1 to 255
        From here on a byte counts as figure.

    Returns
    -------
    dict
        ``max_steps``, ``p999_steps`` and ``mean_steps`` of the absolute difference, in 1/255; ``flipped``, the share of
        pixels that change between figure and ground.
    """
    counts, n_flipped = np.zeros(256, np.int64), 0
    for _, ours, theirs in _bands(path, against):
        steps = np.abs(ours.astype(np.int16) - theirs)
        counts += np.bincount(steps.ravel(), minlength=256)
        n_flipped += int(((ours >= step) != (theirs >= step)).sum())
    n_px = int(counts.sum())
    return {
        "max_steps": int(np.flatnonzero(counts)[-1]),
        "p999_steps": int(np.searchsorted(counts.cumsum(), 0.999 * n_px)),
        "mean_steps": float(counts @ np.arange(256) / n_px),
        "flipped": n_flipped / n_px,
    }


def _recalls(shown: Panel, folder: Path, step: int) -> Record:
    """Give the share of true figure pixels that are found with the gate and without; none where there is no figure."""
    truth = mosaic(folder / "cells", shown.height, shown.width, empty_share=CONTENTS[shown.content])
    masks = (row for _, _, mask in truth for row in mask)
    hits, n_true = np.zeros(2, np.int64), 0
    for _, *found in _bands(folder / "graven-gated.tif", folder / "graven-prepared.tif"):
        mask = np.stack(list(itertools.islice(masks, len(found[0]))))
        n_true += int(mask.sum())
        hits += [int((probs[mask] >= step).sum()) for probs in found]
    return {"recall": hits[0] / n_true, "recall_ungated": hits[1] / n_true} if n_true else {}


def _bands(*paths: Path) -> Iterator[tuple[Any, ...]]:
    rasters = [open_raster(path, hash_source=False) for path in paths]
    height, width = rasters[0].height, rasters[0].width
    for row in range(0, height, BAND_ROWS):
        window = Window(row, 0, min(BAND_ROWS, height - row), width)
        yield window, *(raster.read(window)[0] for raster in rasters)
