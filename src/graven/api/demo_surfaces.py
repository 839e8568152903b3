"""The rock panel and the painting of ``graven demo``: generated, traced, and held against their exact truth."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

import numpy as np

from graven.api.evaluate import evaluate
from graven.api.segment import segment
from graven.api.synth import synth
from graven.io.images import open_raster
from graven.report import DemoCard, evaluation_overlay, outline_overlay, overview
from graven.report.format import format_share
from graven.report.units import format_measure
from graven.types import CONDITION_CLASSES, PETROGLYPH_CLASSES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.api.monitor import Monitor
    from graven.api.segment import Segmented
    from graven.types import Raster

__all__ = ["SEED", "open_plain", "painting_card", "panel_card", "picture", "small"]

SEED = 7
"""Of all surfaces of the demo; free for demonstrations, no network was trained or judged on it."""

PICTURE_PX = 1100
PANEL_PX, PAINTING_PX = 2048, 1024
PANEL_SCORES = ("f1", "miou", "precision", "recall", "boundary_f1")


def panel_card(folder: Path, monitor: Monitor) -> DemoCard:
    """Generate a rock panel, trace it with the gate, and judge the tracing.

    Parameters
    ----------
    folder : Path
        Existing empty folder named ``petroglyph``.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    DemoCard
        Pictures, numbers and links.
    """
    made = synth("petroglyph", seed=SEED, size_px=PANEL_PX, out=folder / "input", monitor=monitor)
    image, truth = (made.path / f"petroglyph_{SEED}_{layer}.tif" for layer in ("image", "mask"))
    start = time.monotonic()
    record = segment(image, out=folder / "record", title="A generated rock panel", monitor=monitor)
    seconds = time.monotonic() - start
    mask = folder / "record" / f"{record.name}_mask.tif"
    scores = evaluate(mask, truth, monitor=monitor).images[0].scores
    raster = open_plain(image)
    photo = picture(raster)
    found, true = (small(open_plain(path), "labels")[0] == 1 for path in (mask, truth))
    area, share = record.totals["area"], record.totals["pecked_share"]
    rock = str(made.facts["rock"]).replace("_", " ")
    return DemoCard(
        title="Petroglyphs on a rock panel",
        text=f"A procedural panel ({rock}, {PANEL_PX} × {PANEL_PX} px) was traced with the "
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
        scores={name: float(scores[name] or 0.0) for name in PANEL_SCORES},
        outputs=_outputs("petroglyph", record),
        report=f"petroglyph/record/{record.name}_report.html",
        commands=(
            f"graven synth petroglyph --seed {SEED} --size {PANEL_PX} -o input",
            f"graven segment input/petroglyph_{SEED}_image.tif -m petroglyph -o record",
            f"graven evaluate record/petroglyph_{SEED}_image_mask.tif input/petroglyph_{SEED}_mask.tif",
        ),
        seconds=seconds,
    )


def painting_card(folder: Path, monitor: Monitor) -> DemoCard:
    """Generate a painting, map its craquelure and losses, and judge the map.

    Parameters
    ----------
    folder : Path
        Existing empty folder named ``condition``.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    DemoCard
        Pictures, numbers and links.
    """
    made = synth("condition", seed=SEED, size_px=PAINTING_PX, out=folder / "input", monitor=monitor)
    image, truth = (made.path / f"condition_{SEED}_{layer}.tif" for layer in ("image", "mask"))
    start = time.monotonic()
    record = segment(image, model="condition", out=folder / "record", title="A generated painting", monitor=monitor)
    seconds = time.monotonic() - start
    mask = folder / "record" / f"{record.name}_mask.tif"
    judged = evaluate(mask, truth, monitor=monitor)
    by_class = {row.class_name: row.scores for row in judged.images}
    raster = open_plain(image)
    photo = picture(raster)
    labels, true = (small(open_plain(path), "labels")[0] for path in (mask, truth))
    return DemoCard(
        title="Craquelure and paint loss on a painting",
        text=f"A procedural painting ({PAINTING_PX} × {PAINTING_PX} px of 0.1 mm) has ornament whose lines are no "
        "cracks. The bundled model marked cracks and losses, and graven measured their lengths, widths and areas.",
        before=photo,
        after=outline_overlay(photo, labels, CONDITION_CLASSES),
        before_caption="The generated photograph",
        after_caption="Cracks and losses that were found",
        width_px=raster.width,
        pixel_size=raster.pixel_size,
        agreement=evaluation_overlay(labels > 0, true > 0, photo=photo),
        facts=(
            ("length of cracks", format_measure(record.totals["craquelure.length"])),
            ("mean width of cracks", format_measure(record.totals["craquelure.width_mean"])),
            ("area of losses", format_measure(record.totals["paint_loss.area"])),
        ),
        scores={
            "f1_2px_craquelure": float(by_class["craquelure"]["f1_tol"] or 0.0),
            "cldice_craquelure": float(by_class["craquelure"]["cldice"] or 0.0),
            "iou_craquelure": float(by_class["craquelure"]["iou"] or 0.0),
            "iou_paint_loss": float(by_class["paint_loss"]["iou"] or 0.0),
            "miou": float(judged.summaries[-1].scores["miou"] or 0.0),
        },
        outputs=_outputs("condition", record),
        report=f"condition/record/{record.name}_report.html",
        commands=(
            f"graven synth condition --seed {SEED} --size {PAINTING_PX} -o input",
            f"graven segment input/condition_{SEED}_image.tif -m condition -o record",
            f"graven evaluate record/condition_{SEED}_image_mask.tif input/condition_{SEED}_mask.tif",
        ),
        seconds=seconds,
    )


def open_plain(path: Path) -> Raster:
    """Open a file of the demo as it is stored."""
    return open_raster(path, palette="index", hash_source=False)


def picture(raster: Raster) -> NDArray[np.uint8]:
    """Shrink a photograph for the page, shape (h, w, 3)."""
    return np.ascontiguousarray(np.moveaxis(small(raster, "mean"), 0, -1))


def small(raster: Raster, how: Literal["mean", "labels"]) -> NDArray[np.uint8]:
    """Shrink a raster for the page, bands first."""
    shrunk: NDArray[np.uint8] = overview(
        raster.read, height=raster.height, width=raster.width, how=how, long_side_px=PICTURE_PX
    )
    return shrunk


def _outputs(folder: str, record: Segmented) -> tuple[str, ...]:
    return tuple(f"{folder}/record/{name}" for name in record.files)
