"""What the refinement study learns from and is judged on: procedural bronzes, or handwritten and printed pages.

Both become one band of bytes in which lines are dark: the detail of a height or of a grey page, without its slow
course, clipped at three standard deviations.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from graven.prepare.bands import grey_reader
from graven.prepare.chain import PrepareChain
from graven.prepare.detrend import detail_input, detail_statistics, highpass
from graven.refine.strokes_stats import StrokeStatistics, fit_stroke_statistics, half_widths
from graven.studies.crack_sets import CrackSet, list_sides
from graven.studies.labelled import digest_of
from graven.studies.running import Lessons
from graven.studies.sources import write_stores
from graven.synthetic.bronze_scan import measured_height
from graven.synthetic.engraving import make_bronze
from graven.synthetic.testsets import (
    BRONZE_PIXEL_SIZE_MM,
    BRONZE_VERSION,
    ENGRAVING_TEST_ORDINARY,
    ENGRAVING_TEST_SEVERE,
    ENGRAVING_TEST_UNSEEN,
    ENGRAVING_TEST_WHOLE,
    ENGRAVING_VAL,
    WHOLE_SIZE_PX,
    BronzeSpec,
    train_seeds,
)
from graven.train.panels import band_statistics
from graven.train.recipe import Named
from graven.types import PixelSize, PrepareStep, raster_from_array

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.studies.listener import Listener
    from graven.studies.refinement_protocol import RefinementProtocol
    from graven.studies.sources import Source
    from graven.train.panels import PanelStore
    from graven.types.dataset import LabelledImage

    Pixels = tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]

__all__ = ["PAGES", "RefinementData", "bronze_data", "page_data", "training_bronzes"]

SEVERE_EVERY = 4
PAGE_SIGMA_PX = 24.0
"""Width of the Gaussian that takes paper and stains away: several letters wide, as 1 mm is several grooves."""

MEASURED_PANELS = 32
"""So many training panels, evenly spread, tell how wide lines are."""

BRONZE_PREPARE = (Named("highpass"),)

PAGES = CrackSet(
    "dibco",
    "DIBCO pages",
    photograph=r"(.+)",
    val=frozenset({"2009-H03", "2009-P04", "2010-H04", "2010-H08"}),
    test=frozenset(f"2014-H{number:02d}" for number in range(1, 11)),
    tile_px=256,
    counts={"train": 16, "val": 4, "test": 10, "left out": 0},
    digest="d00c543d5e044d28f2ec0dcc7ec0f66d77c23e3548be1c12b036704589428b91",
)
"""Which pages judge: the year 2014 as a whole, written down before anything was trained; 2009 and 2010 teach."""


@dataclass(frozen=True, slots=True)
class RefinementData:
    """Four stores of panels, and how their lines are drawn.

    Attributes
    ----------
    kind : {"bronzes", "pages"}
        Which data.
    train, val, test : PanelStore
        One band each; test panels are judged patch by patch.
    objects : PanelStore
        What a person works on as a whole.
    origin : dict
        What they are, for ``protocol.json``; without paths.
    sets : dict of str to str
        Test set of each test panel.
    statistics : StrokeStatistics
        Half-widths of the lines of training panels, at twice their resolution.
    prepare : tuple of Named
        Of the recipes; empty for pages, which the study prepares itself.
    record_every : int
        Strokes between records of an object.
    """

    kind: Literal["bronzes", "pages"]
    train: PanelStore
    val: PanelStore
    test: PanelStore
    objects: PanelStore
    origin: dict[str, Any]
    sets: dict[str, str]
    statistics: StrokeStatistics
    prepare: tuple[Named, ...]
    record_every: int

    @property
    def sha256(self) -> str:
        """Hash over all pixels and masks, and the widths of the strokes."""
        stores = [store.sha256 for store in (self.train, self.val, self.test, self.objects)]
        return hashlib.sha256(json.dumps([*stores, self.sets, astuple(self.statistics)]).encode()).hexdigest()

    def facts(self) -> dict[str, Any]:
        """Give origin, numbers of panels, widths and hash."""
        sides = {"train": self.train, "val": self.val, "test": self.test, "objects": self.objects}
        return {
            **self.origin,
            "panels": {side: len(store.entries) for side, store in sides.items()},
            "strokes": dict(zip(("shape", "loc", "scale"), astuple(self.statistics), strict=True)),
            "record_every": self.record_every,
            "sha256": self.sha256,
        }

    def lessons(self) -> Lessons:
        """Open what the first network learns from."""
        train = self.train.open()
        mean, std = band_statistics(train)
        return Lessons(train, self.val.open(), self.sha256, mean, std)


def training_bronzes(n: int) -> tuple[BronzeSpec, ...]:
    """Name the first bronzes that may be learned from, every fourth of them severe, as in the validation list.

    Examples
    --------
    >>> [spec.degradation for spec in training_bronzes(4)]
    ['ordinary', 'ordinary', 'ordinary', 'severe']
    """
    return tuple(
        BronzeSpec(seed, "severe" if seed % SEVERE_EVERY == SEVERE_EVERY - 1 else "ordinary") for seed in train_seeds(n)
    )


def bronze_data(folder: Path, protocol: RefinementProtocol, *, monitor: Listener) -> RefinementData:
    """Grow the bronzes of a protocol and prepare their measured heights, or open those that are there.

    Parameters
    ----------
    folder : Path
        Where the stores lie; work that was interrupted continues.
    protocol : RefinementProtocol
        Numbers and size.
    monitor : Listener
        Hears progress.

    Returns
    -------
    RefinementData
        Training seeds, validation list and frozen test lists of `graven.synthetic.testsets`.

    Raises
    ------
    MismatchError
        If the folder holds other bronzes.
    """
    tests = {
        "ordinary": ENGRAVING_TEST_ORDINARY[: protocol.n_ordinary],
        "severe": ENGRAVING_TEST_SEVERE[: protocol.n_severe],
        "unseen": ENGRAVING_TEST_UNSEEN[: protocol.n_unseen],
    }
    sides = {
        "train": training_bronzes(protocol.n_train),
        "val": ENGRAVING_VAL[: protocol.n_val],
        "test": tuple(spec for specs in tests.values() for spec in specs),
        "objects": ENGRAVING_TEST_WHOLE[: protocol.n_objects],
    }
    origin = {
        "kind": "procedural bronzes",
        "generator": BRONZE_VERSION,
        "panel_px": protocol.panel_px,
        "object_px": list(WHOLE_SIZE_PX) if protocol.object_px is None else protocol.object_px,
        "pixel_size_mm": BRONZE_PIXEL_SIZE_MM,
        "seeds": {side: [[spec.seed, spec.degradation] for spec in specs] for side, specs in sides.items()},
    }
    sources = {side: _bronzes(specs, protocol) for side, specs in sides.items()}
    n = sum(len(specs) for specs in sides.values())
    stores = write_stores(folder, sources, origin=origin, n=n, what="growing bronzes", monitor=monitor)
    sets = {_name(spec): key for key, specs in tests.items() for spec in specs}
    drawn = _strokes(stores["train"])
    return RefinementData(
        "bronzes", **stores, origin=origin, sets=sets, statistics=drawn, prepare=BRONZE_PREPARE, record_every=10
    )


def page_data(folder: Path, source: Path, *, pages: CrackSet = PAGES, monitor: Listener) -> RefinementData:
    """Read pages with masks of their ink, split by page and year as was written down before any training.

    Parameters
    ----------
    folder : Path
        Where the stores lie.
    source : Path
        Holds ``images`` and ``masks``.
    pages : CrackSet
        Which pages are on which side.
    monitor : Listener
        Hears progress.

    Returns
    -------
    RefinementData
        The test pages are worked on as whole objects as well. They are small, so every second stroke is recorded.

    Raises
    ------
    DataError, MismatchError
        As in `graven.studies.crack_sets.list_sides`, or if the folder holds other panels.
    """
    sides = list_sides(pages, source)
    origin = {
        "kind": "pages",
        "name": pages.key,
        "sha256": digest_of(source),
        "split": pages.digest,
        "sigma_px": PAGE_SIGMA_PX,
        "names": {side: [item.name for item in items] for side, items in sides.items()},
    }
    sources = {side: _pages(items) for side, items in sides.items()}
    n = sum(len(items) for items in sides.values())
    stores = write_stores(folder, sources, origin=origin, n=n, what=f"reading {pages.label}", monitor=monitor)
    sets = {item.name: pages.key for item in sides["test"]}
    drawn, test = _strokes(stores["train"]), stores["test"]
    return RefinementData(
        "pages", **stores, objects=test, origin=origin, sets=sets, statistics=drawn, prepare=(), record_every=2
    )


def _strokes(train: PanelStore) -> StrokeStatistics:
    """Fit the half-widths of the lines that are learned from, at twice the resolution as in the paper.

    The published strokes are measured at full size and drawn at half of it, so that thin ones are about as wide as the
    lines. Six digits are kept, so that no last bit decides.
    """
    names = [entry.name for entry in train.entries]
    picks = np.unique(np.linspace(0, len(names) - 1, MEASURED_PANELS).round().astype(int))
    masks = (np.asarray(panel.target) > 0 for panel in train.open([names[int(pick)] for pick in picks]))
    widths = [half_widths(np.repeat(np.repeat(mask, 2, axis=0), 2, axis=1)) for mask in masks]
    return StrokeStatistics(*(round(value, 6) for value in astuple(fit_stroke_statistics(np.concatenate(widths)))))


def _name(spec: BronzeSpec) -> str:
    return f"{'whole-' if spec.whole else ''}{spec.degradation}-{spec.seed}"


def _bronzes(specs: Iterable[BronzeSpec], protocol: RefinementProtocol) -> Iterator[Source]:
    for spec in specs:
        yield _name(spec), _name(spec), partial(_grow, spec, protocol)


def _grow(spec: BronzeSpec, protocol: RefinementProtocol) -> Pixels:
    """Grow a bronze, measure its height as a scan would, and prepare that."""
    is_whole = spec.whole and protocol.object_px is None
    size_px = (protocol.object_px or WHOLE_SIZE_PX) if spec.whole else protocol.panel_px
    panel = make_bronze(
        spec.seed,
        size_px=size_px,
        pixel_size_mm=BRONZE_PIXEL_SIZE_MM,
        degradation=spec.degradation,
        style=spec.style,
        borders=spec.borders,
        whole=is_whole,
    )
    height = measured_height(panel, np.random.default_rng(panel.seed))
    known = panel.object_mask & np.isfinite(height)
    raster = raster_from_array(height[None], valid=known).with_pixel_size(
        PixelSize(BRONZE_PIXEL_SIZE_MM, BRONZE_PIXEL_SIZE_MM, "user")
    )
    steps = tuple(PrepareStep(step.name, dict(step.options)) for step in BRONZE_PREPARE)
    prepared = PrepareChain(steps, n_bands=1).view(raster)
    return np.rint(prepared.read()).astype(np.uint8), panel.mask & known, known


def _pages(items: Iterable[LabelledImage]) -> Iterator[Source]:
    for item in items:
        yield item.name, item.group, partial(_page, item)


def _page(item: LabelledImage) -> Pixels:
    """Read a page as one band of detail; ink is dark, as grooves are."""
    from graven.io.images import open_raster

    raster = open_raster(item.image_path, hash_source=False)
    known = raster.read_valid_padded()
    grey = grey_reader(raster)(raster.bounds).astype(np.float32)
    detail = highpass(grey, pixel_size_mm=1.0, sigma_mm=PAGE_SIGMA_PX, valid=known)
    pixels = np.rint(detail_input(detail, detail_statistics([detail])) * 255).astype(np.uint8)
    return pixels[None], (item.read_target((raster.height, raster.width)) > 0) & known, known
