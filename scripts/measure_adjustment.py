"""Measure whether correcting a whole panel by the strokes on it saves strokes.

A simulated person looks at parts of frozen procedural bronzes and draws over the longest mistake, again and again; what
follows from each stroke differs: nothing beyond the stroke, the local answers of the refining network, a correction of
the whole part, or both. Another one draws only pieces as short and thin as those of the published simulation, and the
first one goes from tile to tile in different orders as well. Every finished curve is a line of ``curves.jsonl`` and is
not measured again; without the refining network, what needs it is left out.

::

    python scripts/measure_adjustment.py --model bundles/engraving -o runs/adjustment
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.api.refine import load_desk
from graven.errors import GravenError
from graven.io.bundle import Bundle, read_bundle, read_companion
from graven.methods import tracing
from graven.methods.adjusting import Adjuster, feature_view
from graven.methods.mistakes import longest_mistake
from graven.metrics.pseudo import pseudo_fmeasure
from graven.refine.queue import doubt, queue
from graven.synthetic.bronze_scan import measured_height
from graven.synthetic.testsets import (
    BRONZE_PIXEL_SIZE_MM,
    ENGRAVING_TEST_ORDINARY,
    ENGRAVING_TEST_SEVERE,
    ENGRAVING_TEST_UNSEEN,
    BronzeSpec,
)
from graven.types import PixelSize, TileGrid, Window, raster_from_array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from graven.methods.refining import Desk
    from graven.refine.session import RefineSession
    from graven.types import Raster, Stroke

PARTS: dict[str, BronzeSpec] = {
    "ordinary 3": ENGRAVING_TEST_ORDINARY[3],
    "ordinary 9": ENGRAVING_TEST_ORDINARY[9],
    "severe 2": ENGRAVING_TEST_SEVERE[2],
    "severe 8": ENGRAVING_TEST_SEVERE[8],
    "unseen 0": ENGRAVING_TEST_UNSEEN[0],
    "unseen 5": ENGRAVING_TEST_UNSEEN[5],
}
"""Named before anything was measured."""

PLACE = Window(128, 128, 768, 768)
TILE_PX = 256
N_STROKES, N_PIECES, N_TILE_STROKES = 16, 32, 12
SHOWN = (0, 1, 3, 5, 8, 12, 16, 32)
PIECE_LENGTH_PX, PIECE_WIDTH_PX = 11.0, 7.0
"""As published: eleven pixels of a mistake, dilated by three."""

PIECES = "pieces: "
CONTENDERS = {
    "strokes": (False, False),
    "strokes, adjusted": (False, True),
    "refiner": (True, False),
    "refiner, adjusted": (True, True),
}
"""Whether the refining network answers, and whether the whole part is corrected."""

ORDERS = ("worst tile first (knows the truth)", "queue", "row by row")


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of a bronze, ready to be worked on; everything is in memory."""

    desk: Desk
    features: Raster
    truth: NDArray[np.bool_]


class Worker:
    """The person at one part, and what follows from each stroke."""

    def __init__(self, part: Part, *, with_refiner: bool, adjusts: bool, in_pieces: bool = False) -> None:
        desk = part.desk if with_refiner else replace(part.desk, refiner=None, listener=None)
        self.session: RefineSession = desk.session()
        self.truth = part.truth
        self._adjuster = Adjuster(desk, features=part.features) if adjusts else None
        self._n_drawn, self._in_pieces = 0, in_pieces
        self.mask = self._follow()

    @property
    def score(self) -> float:
        """Pseudo-F-measure of what stands, in per cent."""
        return 100 * pseudo_fmeasure(self.mask, self.truth)

    def draw(self, window: Window) -> bool:
        """Draw over the longest mistake inside a window; tell whether there was one."""
        cut = window.slices()
        stroke = longest_mistake(self.mask[cut], self.truth[cut], uid=str(self._n_drawn))
        if stroke is None:
            return False
        self.session.take(_moved(_piece(stroke) if self._in_pieces else stroke, window))
        self.session.refine()
        self._n_drawn += 1
        self.mask = self._follow()
        return True

    def expected_gains(self, grid: TileGrid) -> list[Window]:
        """Give windows of tiles, those first where most pixels are probably called wrong."""
        if self._adjuster is None:
            prob = self.session.probability()
        else:
            prob = self._adjuster.adjust(self.session).probability()
        found = doubt(prob)
        return [place.window for place in queue(lambda window: found[window.slices()], grid)]

    def _follow(self) -> NDArray[np.bool_]:
        if self._adjuster is None:
            return self.session.proposed()
        return self._adjuster.adjust(self.session).proposed()


def _moved(stroke: Stroke, window: Window) -> Stroke:
    return replace(stroke, points=stroke.points + np.array([window.col, window.row], np.float64))


def _piece(stroke: Stroke) -> Stroke:
    """Give the middle of a stroke, as long and wide as a stroke of the published simulation."""
    steps = np.hypot(*np.diff(stroke.points, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    start, end = np.clip(along[-1] / 2 + np.array([-0.5, 0.5]) * PIECE_LENGTH_PX, 0, along[-1])
    places = np.unique(np.concatenate([[start, end], along[(along > start) & (along < end)]]))
    points = np.stack([np.interp(places, along, column) for column in stroke.points.T], axis=1)
    return replace(stroke, points=points, width_px=PIECE_WIDTH_PX)


def lay_out(spec: BronzeSpec, bundle: Bundle) -> Part:
    """Grow a bronze, measure its height as a scan would, and let the first network look at the part."""
    panel = spec.make()
    cut = PLACE.slices()
    height = measured_height(panel, np.random.default_rng(panel.seed))[cut]
    side = BRONZE_PIXEL_SIZE_MM
    raster = raster_from_array(height[None], valid=panel.object_mask[cut] & np.isfinite(height))
    planned = tracing.plan(
        raster.with_pixel_size(PixelSize(side, side, "user")), bundle.spec, tracing.TraceSettings(gate=False)
    )
    desk = load_desk(bundle, planned, engine="auto", device="cpu", gives_features=True)
    features = _in_memory(feature_view(planned, desk.segmenter))
    listener = desk.listener
    if listener is not None and listener.see is not None:
        listener = replace(listener, see=lru_cache(maxsize=None)(listener.see))
    desk = replace(desk, inputs=_in_memory(desk.inputs), listener=listener)
    return Part(desk, features, panel.mask[cut] & planned.prepared.read_valid(planned.prepared.bounds))


def _in_memory(raster: Raster) -> Raster:
    return raster_from_array(raster.read(), valid=raster.read_valid(raster.bounds))


def curve(part: Part, contender: str) -> dict[str, Any]:
    """Let the person draw over the longest mistake of the part, stroke after stroke."""
    in_pieces = contender.startswith(PIECES)
    with_refiner, adjusts = CONTENDERS[contender.removeprefix(PIECES)]
    worker = Worker(part, with_refiner=with_refiner, adjusts=adjusts, in_pieces=in_pieces)
    scores = [worker.score]
    whole = worker.session.bounds
    while len(scores) <= _n_strokes(contender) and worker.draw(whole):
        scores.append(worker.score)
    return {"scores": scores}


def _n_strokes(what: str) -> int:
    return N_PIECES if what.startswith(PIECES) else N_STROKES if what in CONTENDERS else N_TILE_STROKES


def tour(part: Part, order: str, *, with_refiner: bool) -> dict[str, Any]:
    """Let the person take the first tile of an order in which something is wrong, and draw there; again and again."""
    worker = Worker(part, with_refiner=with_refiner, adjusts=True)
    bounds = worker.session.bounds
    grid = TileGrid(bounds.height, bounds.width, tile_px=TILE_PX, overlap_px=0)
    scores, n_looks = [worker.score], 0
    while len(scores) <= N_TILE_STROKES:
        for window in _in_order(worker, order, grid):
            n_looks += 1
            if worker.draw(window):
                scores.append(worker.score)
                break
        else:
            break
    return {"scores": scores, "looks": n_looks}


def _in_order(worker: Worker, order: str, grid: TileGrid) -> Iterator[Window]:
    if order == "queue":
        yield from worker.expected_gains(grid)
        return
    windows = [grid.core(row, col) for row, col, _ in grid.windows()]
    if order != "row by row":
        windows.sort(key=lambda w: pseudo_fmeasure(worker.mask[w.slices()], worker.truth[w.slices()]))
    yield from windows


def measure(out: Path, bundle: Bundle, *, with_refiner: bool, n_tours: int) -> None:
    """Measure what is not there yet."""
    path = out / "curves.jsonl"
    done = {(line["part"], line["what"]) for line in _lines(path)}
    wanted = [name for name, (needs_refiner, _) in CONTENDERS.items() if with_refiner or not needs_refiner]
    for index, (name, spec) in enumerate(PARTS.items()):
        further = [f"{order}{', refiner' if with_refiner else ''}" for order in ORDERS]
        further += [f"{PIECES}{contender}" for contender in wanted]
        asked = [*wanted, *(further if index % 2 < n_tours else [])]
        missing = [what for what in asked if (name, what) not in done]
        if not missing:
            continue
        part = lay_out(spec, bundle)
        for what in missing:
            begun = time.perf_counter()
            if what.removeprefix(PIECES) in CONTENDERS:
                found = curve(part, what)
            else:
                found = tour(part, what.removesuffix(", refiner"), with_refiner=with_refiner)
            found["scores"] = [round(score, 3) for score in found["scores"]]
            line = {"part": name, "what": what, **found}
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            print(f"{name}: {what}: {found['scores'][-1]:.1f} ({time.perf_counter() - begun:.0f} s)", flush=True)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def table(lines: list[dict[str, Any]]) -> str:
    """Give all curves as a table, means last; the last score stands for strokes that were not needed."""
    names = list(dict.fromkeys(line["what"] for line in lines))
    rows = ["| | part | " + " | ".join(map(str, SHOWN)) + " | mean of the curve |", "|---" * (len(SHOWN) + 3) + "|"]
    for what in names:
        curves = {line["part"]: line["scores"] for line in lines if line["what"] == what}
        n_longest = _n_strokes(what) + 1
        full = {part: np.pad(found, (0, n_longest - len(found)), mode="edge") for part, found in curves.items()}
        full["mean"] = np.mean(list(full.values()), axis=0)
        for part, found in full.items():
            shown = [f"{found[k]:.1f}" if k < n_longest else "" for k in SHOWN]
            rows.append(f"| {what} | {part} | " + " | ".join(shown) + f" | {found.mean():.2f} |")
    return "\n".join(rows)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--model", default="engraving", help="bundle of the first network")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of curves.jsonl")
    parser.add_argument(
        "--tours", type=int, default=1, choices=(0, 1, 2), help="orders and pieces on none, every second or all"
    )
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    bundle = read_bundle(args.model)
    try:
        read_companion(bundle, "refine")
        with_refiner = True
    except GravenError as error:
        print(f"without the refining network: {error}", flush=True)
        with_refiner, bundle = False, replace(bundle, spec=replace(bundle.spec, companions={}))
    measure(args.out, bundle, with_refiner=with_refiner, n_tours=args.tours)
    print(table(_lines(args.out / "curves.jsonl")))


if __name__ == "__main__":
    main()
