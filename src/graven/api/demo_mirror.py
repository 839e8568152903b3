"""The bronze mirror of ``graven demo``: from photographs under single lights to a tracing that strokes correct."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from graven.api.demo_surfaces import SEED, open_plain
from graven.api.images import open_image
from graven.api.refine import load_desk, refine
from graven.api.segment import segment
from graven.api.stereo import stereo
from graven.api.synth import synth
from graven.io.bundle import read_bundle
from graven.io.masks import read_mask
from graven.io.strokefiles import write_strokes
from graven.methods.mistakes import longest_mistake
from graven.methods.tracing import TraceSettings, plan
from graven.metrics import binary_counts, iou
from graven.metrics.pseudo import pseudo_fmeasure
from graven.refine.drawing import hint_map
from graven.report import DemoCard, DemoStep, evaluation_overlay, outline_overlay
from graven.report.stereo import shaded
from graven.types import ENGRAVING_CLASSES, StrokeSet, Window

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.api.monitor import Monitor
    from graven.types import Raster, Stroke

__all__ = ["mirror_card"]

MIRROR_PX = 1024
N_STROKES = 24
EXAGGERATION = 4.0
WHITE_PERCENTILE = 99.5
ADDED, ERASED = (0, 158, 115), (213, 94, 0)


@dataclass(frozen=True, slots=True, eq=False)
class _Corrected:
    """What a person's strokes did to the first tracing: pFM before any and after each."""

    strokes: tuple[Stroke, ...]
    with_network: list[float]
    strokes_alone: list[float]


def mirror_card(folder: Path, monitor: Monitor) -> DemoCard:
    """Generate lights on an engraved bronze, solve for its height, trace it, and correct the tracing by strokes.

    Parameters
    ----------
    folder : Path
        Existing empty folder named ``engraving``.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    DemoCard
        Pictures, numbers and links.
    """
    made = synth("engraving", seed=SEED, size_px=MIRROR_PX, out=folder / "input", monitor=monitor)
    truth_file = made.path / f"engraving_{SEED}_mask.tif"
    start = time.monotonic()
    stereo(made.path / "lights" / "lights.lp", out=folder / "stereo", title="A generated mirror", monitor=monitor)
    height_file = folder / "stereo" / "lights_height.tif"
    first = segment(height_file, model="engraving", out=folder / "first", title="First tracing", monitor=monitor)
    height = open_image(height_file)
    truth, _ = read_mask(truth_file)
    corrected = _correct(height, truth, monitor)
    strokes_file = folder / "strokes.px.geojson"
    write_strokes(strokes_file, StrokeSet(corrected.strokes), height)
    refined = refine(
        height_file, strokes=strokes_file, out=folder / "refined", title="Refined tracing", monitor=monitor
    )
    seconds = time.monotonic() - start
    before, after = (read_mask(folder / name / "lights_height_mask.tif")[0] for name in ("first", "refined"))
    photo = _shown(made.path / "lights" / "light_01.tif")
    relief = _shaded(height)
    scores = {
        "pfm_first": pseudo_fmeasure(before, truth),
        "pfm_refined": pseudo_fmeasure(after, truth),
        "iou_first": iou(binary_counts(before, truth)),
        "iou_refined": iou(binary_counts(after, truth)),
    }
    return DemoCard(
        title="Engraved lines on a bronze mirror",
        text="Photographs of a procedural bronze under single lights gave its height. "
        f"A network traced the engraving, {len(corrected.strokes)} strokes were drawn over the longest mistakes one "
        "after the other, and a second network answered to each.",
        before=photo,
        after=outline_overlay(photo, after.astype(np.uint8), ENGRAVING_CLASSES),
        before_caption="The bronze under one of the lights",
        after_caption="The tracing after the strokes",
        width_px=height.width,
        pixel_size=height.pixel_size,
        agreement=evaluation_overlay(after, truth, photo=photo),
        facts=(
            ("grooves in the first tracing", str(first.n_traces)),
            ("grooves in the refined tracing", str(refined.n_traces)),
            ("strokes", str(refined.n_strokes)),
        ),
        scores=scores,
        outputs=_outputs(folder),
        report="engraving/stereo/lights_report.html",
        commands=(
            f"graven synth engraving --seed {SEED} --size {MIRROR_PX} -o input",
            "graven stereo input/lights/lights.lp -o stereo",
            "graven segment stereo/lights_height.tif -m engraving -o first",
            "graven refine stereo/lights_height.tif --strokes strokes.px.geojson -o refined",
        ),
        seconds=seconds,
        steps=(
            DemoStep(photo, "The bronze under the first of its lights; highlights and wear hide lines."),
            DemoStep(relief, "The height that was computed from all lights, shaded from the upper left."),
            DemoStep(
                evaluation_overlay(before, truth, photo=relief), "First tracing against the truth.", has_lines=True
            ),
            DemoStep(_drawn(relief, corrected.strokes), "The strokes: green adds, orange erases.", has_lines=True),
            DemoStep(
                evaluation_overlay(after, truth, photo=relief), "Refined tracing against the truth.", has_lines=True
            ),
            DemoStep(_curve(corrected), "Agreement with the truth after each stroke.", has_lines=True, is_map=False),
        ),
    )


def _correct(height: Raster, truth: NDArray[np.bool_], monitor: Monitor) -> _Corrected:
    """Draw over the longest mistake, let the network answer, and look again."""
    bundle, settings = read_bundle("engraving"), TraceSettings(gate=False)
    desk = load_desk(bundle, plan(height, bundle.spec, settings), engine="auto", device="auto")
    session = replace(desk, inputs=_held(desk.inputs)).session()
    strokes: list[Stroke] = []
    with_network, alone = [], []
    with monitor.progress("drawing strokes") as report:
        for done in range(N_STROKES + 1):
            found = session.proposed()
            with_network.append(pseudo_fmeasure(found, truth))
            alone.append(pseudo_fmeasure(session.mask(), truth))
            report(done, N_STROKES)
            stroke = longest_mistake(found, truth, uid=f"stroke {done + 1}") if done < N_STROKES else None
            if stroke is None:
                break
            session.take(stroke)
            session.refine()
            strokes.append(desk.on_input(stroke))
    return _Corrected(tuple(strokes), with_network, alone)


def _held(raster: Raster) -> Raster:
    """Hold a small raster in memory, since every step looks at all of it."""
    values = raster.read()
    return replace(raster, read_pixels=lambda window: values[(slice(None), *window.slices())])


def _shown(path: Path) -> NDArray[np.uint8]:
    """Show a photograph of linear light."""
    light = np.moveaxis(open_plain(path).read(), 0, -1).astype(np.float64)
    shown = 255 * np.sqrt(np.clip(light / np.percentile(light, WHITE_PERCENTILE), 0, 1))
    return np.asarray(np.rint(shown), np.uint8)


def _shaded(height: Raster) -> NDArray[np.uint8]:
    pitch = 1.0 if height.pixel_size is None else height.pixel_size.x_mm
    return shaded(height.read()[0], pitch, 135, 35, exaggeration=EXAGGERATION)


def _drawn(relief: NDArray[np.uint8], strokes: tuple[Stroke, ...]) -> NDArray[np.uint8]:
    """Paint strokes on the relief."""
    hints = hint_map(strokes, Window(0, 0, *relief.shape[:2]))
    painted = relief.copy()
    painted[hints > 0], painted[hints < 0] = ADDED, ERASED
    return painted


def _curve(corrected: _Corrected) -> NDArray[np.uint8]:
    """Plot the agreement against the number of strokes."""
    from graven.report.figures import curves

    drawn = list(range(len(corrected.with_network)))
    png = curves(
        {
            "strokes and second network": (drawn, corrected.with_network),
            "strokes alone": (drawn, corrected.strokes_alone),
        },
        xlabel="strokes",
        ylabel="pseudo-F-measure",
    )
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def _outputs(folder: Path) -> tuple[str, ...]:
    """Link what users open: the maps of the lights, both tracings, and the strokes."""
    listed = ("stereo/lights_*", "first/*_report.html", "strokes*", "refined/lights_height_*")
    found = [path for pattern in listed for path in sorted(folder.glob(pattern))]
    return tuple(f"{folder.name}/{path.relative_to(folder).as_posix()}" for path in found)
