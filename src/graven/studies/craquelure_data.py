"""What the craquelure study learns from and is judged on: procedural paintings, and sets of photographed cracks."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.prepare.chain import PrepareChain
from graven.prepare.expand import VARIANTS_VERSION, expand
from graven.prepare.splits import SIDES, split_random_patches
from graven.studies.crack_sets import list_sides
from graven.studies.craquelure_contenders import CLASSES
from graven.studies.labelled import digest_of
from graven.studies.running import Lessons
from graven.studies.sources import labelled_source, write_stores
from graven.synthetic.painting import UNKNOWN, make_painting
from graven.synthetic.testsets import (
    CONDITION_TEST_ORDINARY,
    CONDITION_TEST_SEVERE,
    CONDITION_TEST_UNSEEN,
    CONDITION_VAL,
    PAINTING_PIXEL_SIZE_MM,
    PAINTING_VERSION,
    PaintingSpec,
    train_seeds,
)
from graven.train.panels import band_statistics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.prepare.expand import Variant
    from graven.studies.crack_sets import CrackSet
    from graven.studies.craquelure_protocol import CraquelureProtocol
    from graven.studies.listener import Listener
    from graven.studies.sources import Source
    from graven.train.panels import PanelStore

    Painting = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]

__all__ = ["LEAKY", "StudyData", "crack_data", "leaky_data", "painting_data", "training_specs"]

SEVERE_EVERY = 4
LEAKY = "leaky"
LEAKY_VAL_SHARE, LEAKY_TEST_SHARE, SPLIT_SEED = 0.05, 0.10, 0


@dataclass(frozen=True, slots=True)
class StudyData:
    """Three stores of panels.

    Attributes
    ----------
    train, val, test : PanelStore
        Pictures as they are; the network standardises.
    origin : dict
        What they are, for ``protocol.json``; without paths.
    sets : dict of str to str
        Test set of each test panel.
    class_names : tuple of str
        Of the classes after the background.
    """

    train: PanelStore
    val: PanelStore
    test: PanelStore
    origin: dict[str, Any]
    sets: dict[str, str]
    class_names: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Hash over all pixels and labels that a run sees."""
        parts = [self.train.sha256, self.val.sha256, self.test.sha256, self.sets]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def facts(self) -> dict[str, Any]:
        """Give origin, numbers of panels and hash."""
        counts = {side: len(getattr(self, side).entries) for side in SIDES}
        return {**self.origin, "panels": counts, "sha256": self.sha256}

    def lessons(self) -> Lessons:
        """Open what a network learns from."""
        train = self.train.open()
        mean, std = band_statistics(train)
        return Lessons(train, self.val.open(), self.sha256, mean, std, self.class_names)


def training_specs(n: int) -> tuple[PaintingSpec, ...]:
    """Name the first paintings that may be learned from, every fourth of them severe, as in the validation list.

    Examples
    --------
    >>> [spec.degradation for spec in training_specs(4)]
    ['ordinary', 'ordinary', 'ordinary', 'severe']
    """
    return tuple(
        PaintingSpec(seed, "severe" if seed % SEVERE_EVERY == SEVERE_EVERY - 1 else "ordinary")
        for seed in train_seeds(n)
    )


def painting_data(folder: Path, protocol: CraquelureProtocol, *, monitor: Listener) -> StudyData:
    """Grow the paintings of a protocol, or open those that are there; no painting is on two sides.

    Parameters
    ----------
    folder : Path
        Where the stores lie; work that was interrupted continues.
    protocol : CraquelureProtocol
        Numbers and size.
    monitor : Listener
        Hears progress.

    Returns
    -------
    StudyData
        Training seeds, validation list and frozen test lists of `graven.synthetic.testsets`.

    Raises
    ------
    MismatchError
        If the folder holds other paintings.
    """
    tests = {
        "ordinary": CONDITION_TEST_ORDINARY[: protocol.n_ordinary],
        "severe": CONDITION_TEST_SEVERE[: protocol.n_severe],
        "unseen": CONDITION_TEST_UNSEEN[: protocol.n_unseen],
    }
    sides = {
        "train": training_specs(protocol.n_train),
        "val": CONDITION_VAL[: protocol.n_val],
        "test": tuple(spec for specs in tests.values() for spec in specs),
    }
    origin = {
        **_painting_origin(protocol),
        "leaky": False,
        "seeds": {side: [[spec.seed, spec.degradation] for spec in specs] for side, specs in sides.items()},
    }
    sources = {side: _paintings(specs, protocol.panel_px) for side, specs in sides.items()}
    sets = {_name(spec): key for key, specs in tests.items() for spec in specs}
    n = sum(len(specs) for specs in sides.values())
    stores = write_stores(folder, sources, origin=origin, n=n, what="growing paintings", monitor=monitor)
    return StudyData(**stores, origin=origin, sets=sets, class_names=CLASSES[1:])


def leaky_data(folder: Path, protocol: CraquelureProtocol, *, monitor: Listener) -> StudyData:
    """Repeat the leak of the paper: expand the sources, then split the variants at random.

    Parameters
    ----------
    folder : Path
        Where the stores lie.
    protocol : CraquelureProtocol
        Numbers and size; slices of `tile_px` are cut from the middle of the training paintings.
    monitor : Listener
        Hears progress.

    Returns
    -------
    StudyData
        Variants of one painting are on all sides, so scores are too good. The paper keeps nine tenths for training and
        speaks of no validation; here five in a hundred choose the weights.

    Raises
    ------
    MismatchError
        If the folder holds other paintings.
    """
    specs, n = training_specs(protocol.n_train), protocol.n_variants
    names = {f"{_name(spec)}-v{number:02d}": (spec, number) for spec in specs for number in range(n)}
    sides = split_random_patches(
        list(names), tiles_leak=True, val_share=LEAKY_VAL_SHARE, test_share=LEAKY_TEST_SHARE, seed=SPLIT_SEED
    )
    origin = {
        **_painting_origin(protocol),
        "leaky": True,
        "slice_px": protocol.tile_px,
        "variants": n,
        "variants_version": VARIANTS_VERSION,
        "seeds": {"sources": [[spec.seed, spec.degradation] for spec in specs]},
    }
    variants = _Variants(protocol.panel_px, protocol.tile_px, n)

    def source(side: str) -> Iterator[Source]:
        for name, (spec, number) in names.items():
            if sides[name] == side:
                yield name, name, partial(variants.read, spec, number)

    sources = {side: source(side) for side in SIDES}
    sets = {name: LEAKY for name, side in sides.items() if side == "test"}
    stores = write_stores(folder, sources, origin=origin, n=len(names), what="expanding paintings", monitor=monitor)
    return StudyData(**stores, origin=origin, sets=sets, class_names=CLASSES[1:])


def crack_data(folder: Path, crack_set: CrackSet, source: Path, *, monitor: Listener) -> StudyData:
    """Read a set of photographed cracks, split by photograph as was written down before any training.

    Parameters
    ----------
    folder : Path
        Where the stores lie.
    crack_set : CrackSet
        Which set.
    source : Path
        Folder of the set.
    monitor : Listener
        Hears progress.

    Returns
    -------
    StudyData
        All test panels are of the set of that name.

    Raises
    ------
    DataError, MismatchError
        As in `graven.studies.crack_sets.list_sides`, or if the folder holds other panels.
    """
    sides = list_sides(crack_set, source)
    origin = {
        "kind": "photographed cracks",
        "name": crack_set.key,
        "sha256": digest_of(source),
        "split": crack_set.digest,
        "photographs": {side: len({item.group for item in items}) for side, items in sides.items()},
        "left_out": crack_set.counts["left out"],
    }
    chain = PrepareChain((), n_bands=3)
    sources = {side: labelled_source(items, chain=chain) for side, items in sides.items()}
    n = sum(len(items) for items in sides.values())
    stores = write_stores(folder, sources, origin=origin, n=n, what=f"reading {crack_set.label}", monitor=monitor)
    sets = {item.name: crack_set.key for item in sides["test"]}
    return StudyData(**stores, origin=origin, sets=sets, class_names=("crack",))


class _Variants:
    """Variants of the middle of a painting; those of the last one are kept, so that it is grown once for each side."""

    def __init__(self, panel_px: int, slice_px: int, n: int) -> None:
        self.panel_px, self.slice_px, self.n = panel_px, min(slice_px, panel_px), n
        self.of = lru_cache(maxsize=1)(self._expand)

    def read(self, spec: PaintingSpec, number: int) -> Painting:
        variant = self.of(spec)[number]
        return variant.image, variant.target * variant.valid, variant.valid

    def _expand(self, spec: PaintingSpec) -> list[Variant]:
        image, target, known = _grow(spec, self.panel_px)
        start = (self.panel_px - self.slice_px) // 2
        part = (slice(start, start + self.slice_px),) * 2
        slices = image[(slice(None), *part)], target[part], known[part]
        return list(expand(*slices, n=self.n, seed=SPLIT_SEED, name=_name(spec)))


def _painting_origin(protocol: CraquelureProtocol) -> dict[str, Any]:
    return {
        "kind": "procedural paintings",
        "generator": PAINTING_VERSION,
        "panel_px": protocol.panel_px,
        "pixel_size_mm": PAINTING_PIXEL_SIZE_MM,
    }


def _name(spec: PaintingSpec) -> str:
    return f"{spec.degradation}-{spec.seed}"


def _grow(spec: PaintingSpec, panel_px: int) -> Painting:
    """Grow a painting: pixels, class numbers, and where the class is known."""
    panel = make_painting(
        spec.seed,
        size_px=panel_px,
        pixel_size_mm=PAINTING_PIXEL_SIZE_MM,
        degradation=spec.degradation,
        painting=spec.painting,
        pattern=spec.pattern,
    )
    known = panel.classes != UNKNOWN
    return panel.image, (panel.classes * known).astype(np.uint8), known


def _paintings(specs: Iterable[PaintingSpec], panel_px: int) -> Iterator[Source]:
    for spec in specs:
        yield _name(spec), _name(spec), partial(_grow, spec, panel_px)
