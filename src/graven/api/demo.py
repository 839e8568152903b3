"""``graven demo``: generated input, bundled weights, the whole record, one page."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graven._version import __version__
from graven.api.account import Clock, account, output_hashes
from graven.api.evaluate import evaluate
from graven.api.monitor import SILENT, Monitor
from graven.api.segment import segment
from graven.api.synth import synth
from graven.io.folders import OutputFolder
from graven.io.fs import write_text_atomic
from graven.io.images import open_raster
from graven.methods.record import write_run
from graven.report import DemoCard, DemoPage, demo_page, evaluation_overlay, outline_overlay, overview
from graven.report.format import format_share
from graven.report.units import format_measure
from graven.types import PETROGLYPH_CLASSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.api.evaluate import Evaluation
    from graven.api.segment import Segmented
    from graven.api.synth import Synthesised
    from graven.types import Raster

__all__ = ["SEED", "Demonstrated", "demo"]

SEED = 7
"""Of the demo panel; free for demonstrations, no network was trained or judged on it."""

SIZE_PX = 2048
PICTURE_PX = 1100
SCORES = ("f1", "miou", "precision", "recall", "boundary_f1")
WHAT_NEXT = (
    ("graven segment panel.tif -o panel-record", "trace a GeoTIFF, TIFF, PNG or JPEG of your own"),
    ("graven segment photo.jpg --scale 0.4mm/px -o record", "the same for a plain photograph whose scale you know"),
    ("graven enhance panel.tif --with dstretch", "bring out faint marks for the eye"),
    ("graven synth petroglyph --seed 3 --size 4096 -o panel3", "make another panel with its exact truth"),
    ("graven doctor", "examine the installation and time one tile"),
)


@dataclass(frozen=True, slots=True)
class Demonstrated:
    """What `demo` left.

    Attributes
    ----------
    page : Path
        The page to open.
    scores : dict of str to float
        Agreement with the exact truth.
    seconds : float
        Wall time.
    """

    page: Path
    scores: dict[str, float]
    seconds: float

    def summary(self) -> str:
        """Say it in a few lines."""
        listed = ", ".join(f"{name} {value:.3f}" for name, value in self.scores.items())
        return f"against the exact truth: {listed}\nopen {self.page} in a browser"

    def facts(self) -> dict[str, Any]:
        """Give the same as a dictionary."""
        return {"page": str(self.page), "scores": self.scores, "seconds": round(self.seconds, 2)}


def demo(*, out: str | Path = "graven-demo", monitor: Monitor = SILENT) -> Demonstrated:
    """Generate a rock panel, trace it, compare with the truth, and show everything on one page.

    Parameters
    ----------
    out : str or Path
        Output folder; an earlier demo there is replaced whole.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    Demonstrated
        Page and scores; they are measured in this run.

    Raises
    ------
    UsageError
        If the folder exists and graven did not write it.
    """
    start = time.monotonic()
    target = Path(out)
    clock = Clock()
    with OutputFolder(target, overwrite=True) as output:
        folder = output.path / "petroglyph"
        folder.mkdir()
        made = synth("petroglyph", seed=SEED, size_px=SIZE_PX, out=folder / "input", monitor=monitor)
        image = made.path / f"petroglyph_{SEED}_image.tif"
        truth = made.path / f"petroglyph_{SEED}_mask.tif"
        tracing = time.monotonic()
        title = "A generated rock panel"
        record = segment(image, out=folder / "record", title=title, monitor=monitor)
        seconds = time.monotonic() - tracing
        scores = evaluate(folder / "record" / f"{record.name}_mask.tif", truth, monitor=monitor)
        card = _card(folder, image, truth, made, record, scores, seconds)
        page = DemoPage(
            date="in run.json",
            version=__version__,
            machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
            cards=(card,),
            what_next=WHAT_NEXT,
        )
        write_text_atomic(output.path / "index.html", demo_page(page))
        told = account(
            "demo",
            clock=clock,
            options={"out": target},
            settings={"seed": SEED, "size_px": SIZE_PX},
            outputs=output_hashes(output.path),
            seed=SEED,
            scores=dict(card.scores),
        )
        write_run(output.path, told)
    return Demonstrated(target / "index.html", dict(card.scores), time.monotonic() - start)


def _card(
    folder: Path,
    image: Path,
    truth: Path,
    made: Synthesised,
    record: Segmented,
    scores: Evaluation,
    seconds: float,
) -> DemoCard:
    raster = open_raster(image, hash_source=False)
    mask = _mask(folder / "record" / f"{record.name}_mask.tif")
    photo = np.ascontiguousarray(np.moveaxis(_small(raster, "mean"), 0, -1))
    found, true = (_small(layer, "labels")[0] == 1 for layer in (mask, _mask(truth)))
    per_image = scores.images[0].scores
    area, share = record.totals["area"], record.totals["pecked_share"]
    rock = str(made.facts["rock"]).replace("_", " ")
    return DemoCard(
        title="Petroglyphs on a rock panel",
        text=f"A procedural panel ({rock}, {SIZE_PX} × {SIZE_PX} px) was traced with the "
        "bundled models. Its exact truth is known, so the agreement below is measured, not claimed.",
        before=photo,
        after=outline_overlay(photo, found.astype(np.uint8), PETROGLYPH_CLASSES),
        before_caption="The generated orthophoto",
        after_caption="What graven traced",
        width_px=raster.width,
        pixel_size=raster.pixel_size,
        agreement=evaluation_overlay(found, true, photo=photo),
        facts=(
            ("figures", str(record.n_traces)),
            ("pecked area", format_measure(area)),
            ("share of the panel", format_share(share.value, share.sigma)),
            ("tiles skipped by the gate", f"{record.n_skipped} of {record.n_tiles}"),
        ),
        scores={name: float(per_image[name] or 0.0) for name in SCORES},
        outputs=tuple(f"petroglyph/record/{name}" for name in record.files),
        report=f"petroglyph/record/{record.name}_report.html",
        commands=(
            f"graven synth petroglyph --seed {SEED} --size {SIZE_PX} -o input",
            f"graven segment input/petroglyph_{SEED}_image.tif -m petroglyph -o record",
            f"graven evaluate record/petroglyph_{SEED}_image_mask.tif input/petroglyph_{SEED}_mask.tif",
        ),
        seconds=seconds,
    )


def _mask(path: Path) -> Raster:
    return open_raster(path, palette="index", hash_source=False)


def _small(raster: Raster, how: Any) -> NDArray[np.uint8]:
    picture: NDArray[np.uint8] = overview(
        raster.read, height=raster.height, width=raster.width, how=how, long_side_px=PICTURE_PX
    )
    return picture
