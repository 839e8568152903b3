"""A small pecked panel made here, with its traces: what a run hands to the report."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from shapely.affinity import affine_transform, scale

from graven.report import GateSummary, MethodBox, OutputFile, RotationNote, SegmentReport, Source
from graven.types import (
    PETROGLYPH_CLASSES,
    Georeference,
    Measure,
    PixelSize,
    Provenance,
    Step,
    TileGrid,
    Trace,
    trace_uid,
)

SHA = "0123456789abcdef" * 4


@dataclass(frozen=True)
class Panel:
    """Arrays of one generated panel at picture size."""

    photo: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    prob: NDArray[np.float32]
    shapes: list[shapely.Polygon]


def _strokes(kind: int) -> shapely.Geometry:
    """A figure in the unit square, as strokes with a width."""
    if kind == 0:  # goat
        lines = [
            [(0.2, 0.5), (0.8, 0.5)], [(0.25, 0.5), (0.2, 0.9)], [(0.35, 0.5), (0.36, 0.9)],
            [(0.68, 0.5), (0.66, 0.9)], [(0.78, 0.5), (0.82, 0.9)], [(0.8, 0.5), (0.92, 0.3), (1.0, 0.36)],
            [(0.92, 0.3), (0.86, 0.08), (0.6, 0.05), (0.5, 0.2)],
        ]  # fmt: skip
    elif kind == 1:  # spiral
        t = np.linspace(0.3, 5.5 * math.pi, 120)
        r = 0.5 * t / t[-1]
        lines = [list(zip(0.5 + r * np.cos(t), 0.5 + r * np.sin(t), strict=True))]
    elif kind == 2:  # archer
        bow = [(0.85 + 0.1 * math.cos(a), 0.4 + 0.3 * math.sin(a)) for a in np.linspace(-1.4, 1.4, 20)]
        lines = [
            [(0.4, 0.3), (0.4, 0.65)], [(0.4, 0.65), (0.28, 1.0)], [(0.4, 0.65), (0.52, 1.0)],
            [(0.4, 0.4), (0.96, 0.4)], [(0.4, 0.4), (0.2, 0.55)], bow,
        ]  # fmt: skip
    else:  # cup mark
        return shapely.Point(0.5, 0.5).buffer(0.4)
    body = shapely.union_all([shapely.LineString(line).buffer(0.045) for line in lines])
    return body.union(shapely.Point(0.4, 0.2).buffer(0.1)) if kind == 2 else body


def make_panel(*, height: int = 900, width: int = 1300, n_figures: int = 24, seed: int = 0) -> Panel:
    """Draw figures on rough rock; the probability is a blurred, noisy copy of the mask."""
    rng = np.random.default_rng(seed)
    shapes: list[shapely.Polygon] = []
    labels = np.zeros((height, width), np.uint8)
    for _ in range(40 * n_figures):
        size = float(np.exp(rng.uniform(math.log(25), math.log(min(230.0, 0.45 * min(height, width))))))
        kind = 3 if size < 45 else int(rng.integers(0, 3))
        x, y = rng.uniform(20, width - size - 20), rng.uniform(20, height - size - 20)
        shape = affine_transform(_strokes(kind), [size, 0, 0, size, x, y])
        shape = shape if rng.random() < 0.5 else scale(shape, xfact=-1)
        if any(shape.distance(other) < 12 for other in shapes):
            continue
        shapes.append(shapely.Polygon(shape.exterior, shape.interiors))
        if len(shapes) == n_figures:
            break
    for shape in shapes:
        rings = [np.rint(np.array(ring.coords) - 0.5).astype(np.int32) for ring in (shape.exterior, *shape.interiors)]
        cv2.fillPoly(labels, rings, 1)
    rough = sum(
        cv2.GaussianBlur(rng.standard_normal((height, width)), (0, 0), sigma) * sigma * weight
        for sigma, weight in ((1.0, 6.0), (5.0, 9.0), (40.0, 10.0))
    )
    pits = cv2.GaussianBlur(rng.standard_normal((height, width)), (0, 0), 1.5) * 45 * labels
    soft = cv2.GaussianBlur(labels.astype(np.float64), (0, 0), 1.2)
    tone = np.asarray(rough)[..., None] + pits[..., None] + 48 * soft[..., None] + np.array([104.0, 86.0, 70.0])
    photo = np.clip(tone, 0, 255).astype(np.uint8)
    hazy = cv2.GaussianBlur(labels.astype(np.float32), (0, 0), 2.0)
    wobble = cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), 14) * 5
    prob = np.clip(1.25 * hazy - 0.1 + 0.16 * np.maximum(wobble - 0.2, 0), 0, 1).astype(np.float32)
    return Panel(photo, labels, prob, shapes)


def make_traces(panel: Panel, *, factor: int = 1, pixel_size: PixelSize | None) -> tuple[Trace, ...]:
    """Number the figures from the top and measure them, with sigmas of a plausible size."""
    traces = []
    for number, shape in enumerate(sorted(panel.shapes, key=lambda s: (s.bounds[1], s.bounds[0])), start=1):
        rings = tuple(np.array(ring.coords) * factor for ring in (shape.exterior, *shape.interiors))
        side = 1.0 if pixel_size is None else pixel_size.mean_mm
        unit, unit2 = ("px", "px2") if pixel_size is None else ("mm", "mm2")
        x0, y0, x1, y1 = (value * factor * side for value in shape.bounds)
        area = shape.area * factor**2 * side**2
        sigma = shape.length * factor * side * side * 0.5
        measures = {
            "area": Measure(area, unit2, sigma),
            "length": Measure(max(x1 - x0, y1 - y0), unit, side),
            "width": Measure(min(x1 - x0, y1 - y0), unit, side),
        }
        uid = trace_uid("panel", 1, list(rings))
        confidence = 0.72 + 0.25 * (number * 7 % 10) / 10
        traces.append(Trace(uid, number, 1, (rings,), (), confidence, measures))
    return tuple(traces)


def make_report(panel: Panel, *, pixel_size: PixelSize | None, factor: int = 6, **changes: object) -> SegmentReport:
    """Fill every field of a report about a panel that is `factor` times larger than its pictures."""
    height, width = (side * factor for side in panel.labels.shape)
    traces = make_traces(panel, factor=factor, pixel_size=pixel_size)
    total = sum(trace.measures["area"].value for trace in traces)
    sigma = sum(trace.measures["area"].sigma or 0.0 for trace in traces)
    grid = TileGrid(height, width, 512, 128)
    skipped = np.zeros((grid.n_rows, grid.n_cols), bool)
    for row, col, window in grid.windows():
        part = panel.labels[
            max(0, window.row // factor) : window.row_end // factor,
            max(0, window.col // factor) : window.col_end // factor,
        ]
        skipped[row, col] = not part.any()
    values: dict[str, object] = {
        "title": "Panel 7, Cliff of the Two Goats",
        "date": "21 November 2026",
        "source": Source(
            name="panel_07.tif",
            sha256=SHA,
            height=height,
            width=width,
            pixel_size=pixel_size,
            georeference=None
            if pixel_size is None
            else Georeference((0.0005, 0.0, 100.0, 0.0, -0.0005, 200.0), "ENGCRS[...]", "local", 1000.0),
            crs_name=None if pixel_size is None else "Panel 7 local (metres)",
        ),
        "classes": PETROGLYPH_CLASSES,
        "photo": panel.photo,
        "labels": panel.labels,
        "prob": panel.prob,
        "traces": traces,
        "method": MethodBox(
            method="petroglyph",
            model="petroglyph",
            model_version="1.0",
            model_sha256=SHA[::-1],
            threshold=0.5,
            tile_px=512,
            overlap_px=128,
            engine="OpenVINO 2026.1",
            device="CPU, bfloat16",
            versions={"graven": "0.1.0", "openvino": "2026.1", "numpy": "2.3.0"},
            model_pixel_size_mm=0.5,
            prepare=(
                "rotation correction",
                "reversal (negative)",
                "local contrast (CLAHE, clip limit 2, cells of 64 px)",
            ),
            min_object=Measure(25.0, "px2") if pixel_size is None else Measure(25.0, "mm2"),
        ),
        "totals": {
            "area": Measure(total, "px2" if pixel_size is None else "mm2", sigma),
            "pecked_share": Measure(float((panel.labels == 1).mean()), "", 0.004),
        },
        "gate": GateSummary(
            n_tiles=len(grid),
            n_skipped=int(skipped.sum()),
            threshold=0.08,
            model="petroglyph-gate 1.0",
            grid=grid,
            skipped=skipped,
            activation=cv2.resize(cv2.GaussianBlur(panel.prob, (0, 0), 25), (60, 40)).clip(0, 0.5) * 2,
        ),
        "rotation": RotationNote(angle_deg=2.3, strength=1.31, needed_strength=1.15, applied=True),
        "provenance": Provenance(
            (
                Step("read", "Opened the orthophoto.", {"bands": 3, "dtype": "uint8"}, SHA),
                Step("prepare", "Turned, reversed and evened out contrast.", {"clip_limit": 2.0, "cell_px": 64}),
                Step("predict", "Ran the segmenter over tiles.", {"tile_px": 512, "overlap_px": 128}, SHA[::-1]),
                Step("measure", "Joined points to figures and measured them.", {"threshold": 0.5}),
                Step("write", "Wrote rasters and vectors.", {"compress": "deflate"}),
            )
        ),
        "files": (
            OutputFile("panel_07_mask.tif", SHA, 1_834_112),
            OutputFile("panel_07_prob.tif", SHA[1:] + "0", 7_122_004),
            OutputFile("panel_07_traces.gpkg", SHA[2:] + "01", 421_888),
            OutputFile("panel_07_traces.svg", SHA[3:] + "012", 213_004),
            OutputFile("panel_07_traces.dxf", SHA[4:] + "0123", 502_339),
            OutputFile("measures.csv", SHA[5:] + "01234", 4_201),
            OutputFile("panel_07_report.html"),
            OutputFile("run.json"),
        ),
    }
    return SegmentReport(**(values | changes))  # type: ignore[arg-type]  # fields of a known report


@pytest.fixture(scope="session")
def small_panel() -> Panel:
    return make_panel(height=220, width=300, n_figures=6, seed=3)


@pytest.fixture(scope="session")
def make(small_panel: Panel) -> Callable[..., SegmentReport]:
    """Build the report value of the small panel, with another scale or other fields where given."""
    half_mm = PixelSize(0.5, 0.5, "geotransform", 0.003)

    def build(pixel_size: PixelSize | None = half_mm, **changes: object) -> SegmentReport:
        return make_report(small_panel, pixel_size=pixel_size, **changes)

    return build
