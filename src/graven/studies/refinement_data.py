"""What the refinement study learns from and is judged on: procedural bronzes, scanned surfaces, or pages of writing.

All become one band of bytes in which lines are dark: the detail of a height or of a grey page, without its slow
course, clipped at three standard deviations.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from graven.errors import DataError
from graven.prepare.bands import grey_reader
from graven.prepare.chain import PrepareChain
from graven.prepare.detrend import detail_input, detail_statistics, highpass
from graven.prepare.splits import SIDES
from graven.refine.strokes_stats import StrokeStatistics, fit_stroke_statistics, half_widths
from graven.studies.crack_sets import CrackSet, list_sides
from graven.studies.labelled import digest_of, prepared_sides
from graven.studies.running import Lessons
from graven.studies.sources import write_stores
from graven.studies.surfaces import bronze_pixels, grown, surface_source, training_bronzes
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
)
from graven.train.panels import band_statistics
from graven.train.recipe import Named
from graven.types import PrepareStep

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

__all__ = ["PAGES", "RefinementData", "bronze_data", "is_prepared", "page_data", "surface_data", "test_bronzes"]

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
    kind : {"bronzes", "surfaces", "pages"}
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

    kind: Literal["bronzes", "surfaces", "pages"]
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


def test_bronzes(protocol: RefinementProtocol) -> dict[str, tuple[BronzeSpec, ...]]:
    """Name the bronzes of the test patches, by test set: the first ones of the frozen lists."""
    return {
        "ordinary": ENGRAVING_TEST_ORDINARY[: protocol.n_ordinary],
        "severe": ENGRAVING_TEST_SEVERE[: protocol.n_severe],
        "unseen": ENGRAVING_TEST_UNSEEN[: protocol.n_unseen],
    }


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
    tests = test_bronzes(protocol)
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


def is_prepared(source: Path) -> bool:
    """Say whether a folder holds surfaces as ``graven prepare --as mirrors`` leaves them."""
    return (source / "surfaces.csv").is_file()


def surface_data(folder: Path, source: Path, *, monitor: Listener) -> RefinementData:
    """Read surfaces with drawings, such as scans of mirrors, on the sides that they were prepared for.

    Parameters
    ----------
    folder : Path
        Where the stores lie.
    source : Path
        As ``graven prepare --as mirrors`` leaves it.
    monitor : Listener
        Hears progress.

    Returns
    -------
    RefinementData
        Heights at the pixel size of the bronzes; the test surfaces are worked on as whole objects as well.

    Raises
    ------
    DataError
        If a side has no surface, or a file is not what it must be.
    MismatchError
        If the folder holds other panels.
    """
    sides, _ = prepared_sides(source)
    missing = [side for side in SIDES if side not in sides]
    if missing:
        raise DataError(f"{source.name} has no surface in {missing[0]}; the study needs train, val and test")
    origin = {
        "kind": "surfaces",
        "name": source.resolve().name,
        "sha256": digest_of(source),
        "pixel_size_mm": BRONZE_PIXEL_SIZE_MM,
        "names": {side: [item.name for item in items] for side, items in sides.items()},
    }
    known: dict[str, Any] = {"chain": _heights(), "pixel_size_mm": BRONZE_PIXEL_SIZE_MM}
    sources = {side: surface_source(items, **known) for side, items in sides.items()}
    n = sum(len(items) for items in sides.values())
    stores = write_stores(folder, sources, origin=origin, n=n, what="reading surfaces", monitor=monitor)
    sets = {item.name: "test" for item in sides["test"]}
    drawn, test = _strokes(stores["train"]), stores["test"]
    return RefinementData(
        "surfaces",
        **stores,
        objects=test,
        origin=origin,
        sets=sets,
        statistics=drawn,
        prepare=BRONZE_PREPARE,
        record_every=10,
    )


def _heights() -> PrepareChain:
    return PrepareChain(tuple(PrepareStep(step.name, dict(step.options)) for step in BRONZE_PREPARE), n_bands=1)


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
    return bronze_pixels(grown(spec, size_px=size_px, whole=is_whole), _heights())


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
