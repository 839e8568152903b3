"""The panels of the BEGL study: training, validation and test, prepared once, with truth and origin."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graven.errors import DataError
from graven.prepare.chain import PrepareChain
from graven.studies.begl_protocol import PREPARE
from graven.studies.labelled import digest_of, prepared_classes, prepared_sides, split_pairs
from graven.studies.sources import chain_of, labelled_source, procedural_source
from graven.synthetic.testsets import (
    GENERATOR_VERSION,
    PETROGLYPH_TEST_ORDINARY,
    PETROGLYPH_TEST_SEVERE,
    PETROGLYPH_VAL,
    PanelSpec,
    train_seeds,
)
from graven.train.panels import write_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from graven.studies.begl_protocol import Protocol
    from graven.studies.listener import Listener
    from graven.studies.sources import Source
    from graven.train.panels import Panel, PanelStore

__all__ = ["StudyData", "folder_data", "procedural_data", "training_specs"]

VAL_SHARE, TEST_SHARE, SPLIT_SEED = 0.15, 0.25, 0


@dataclass(frozen=True, slots=True)
class StudyData:
    """Four stores of panels.

    Attributes
    ----------
    train, val, test : PanelStore
        Prepared; no group is in two of them.
    originals : PanelStore
        The test panels as they were photographed, for pictures and for the baseline.
    origin : dict
        What the panels are, for ``protocol.json``; without paths.
    sets : dict of str to str
        Test set of each test panel: ``ordinary``, ``severe`` or ``test``.
    """

    train: PanelStore
    val: PanelStore
    test: PanelStore
    originals: PanelStore
    origin: dict[str, Any]
    sets: dict[str, str]

    @property
    def sha256(self) -> str:
        """Hash over all pixels and labels that a run sees."""
        parts = [self.train.sha256, self.val.sha256, self.test.sha256, self.sets]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def train_panels(self) -> tuple[Panel, ...]:
        """Open the training panels that hold foreground, as the paper's filter kept them."""
        names = [entry.name for entry in self.train.entries if entry.positive_share > 0]
        if not names:
            raise DataError("no training panel holds foreground; check that the masks are 0 and 255")
        return self.train.open(names)

    def counts(self) -> dict[str, int]:
        """Count panels per side, and the training panels that hold foreground."""
        return {
            "train": len(self.train.entries),
            "train_with_foreground": sum(entry.positive_share > 0 for entry in self.train.entries),
            "val": len(self.val.entries),
            "test": len(self.test.entries),
        }


def training_specs(n: int) -> tuple[PanelSpec, ...]:
    """Name the first procedural training panels, every fourth of them severe, as in the validation list.

    Examples
    --------
    >>> [spec.degradation for spec in training_specs(4)]
    ['ordinary', 'ordinary', 'ordinary', 'severe']
    """
    return tuple(PanelSpec(seed, "severe" if seed % 4 == 3 else "ordinary") for seed in train_seeds(n))


def procedural_data(folder: Path, protocol: Protocol, *, monitor: Listener) -> StudyData:
    """Grow the procedural panels of a protocol, or open those that are there.

    Parameters
    ----------
    folder : Path
        Where the stores lie; work that was interrupted continues.
    protocol : Protocol
        Numbers and size of panels.
    monitor : Listener
        Hears progress.

    Returns
    -------
    StudyData
        Training seeds, validation list and frozen test lists of `graven.synthetic.testsets`.

    Raises
    ------
    MismatchError
        If the folder holds other panels.
    """
    ordinary, severe = PETROGLYPH_TEST_ORDINARY[: protocol.n_ordinary], PETROGLYPH_TEST_SEVERE[: protocol.n_severe]
    sides = {
        "train": training_specs(protocol.n_train),
        "val": PETROGLYPH_VAL[: protocol.n_val],
        "test": (*ordinary, *severe),
    }
    origin = {
        "kind": "procedural panels",
        "generator": GENERATOR_VERSION,
        "panel_px": protocol.panel_px,
        "pixel_size_mm": protocol.pixel_size_mm,
        "seeds": {side: [[spec.seed, spec.degradation] for spec in specs] for side, specs in sides.items()},
    }

    def grown(specs: tuple[PanelSpec, ...], chain: PrepareChain) -> Iterator[Source]:
        size_px, pixel_size_mm = protocol.panel_px, protocol.pixel_size_mm
        return procedural_source(specs, size_px=size_px, pixel_size_mm=pixel_size_mm, chain=chain)

    sources = {side: grown(specs, _chain()) for side, specs in sides.items()}
    originals = grown(sides["test"], _bare())
    n = sum(len(specs) for specs in sides.values()) + len(sides["test"])
    sets = {f"{spec.degradation}-{spec.seed}": spec.degradation for spec in sides["test"]}
    return _stores(folder, sources, originals, origin=origin, sets=dict(sets), n=n, monitor=monitor)


def folder_data(folder: Path, source: Path, *, group_by: str | None, monitor: Listener) -> StudyData:
    """Prepare labelled images, or open what is there.

    Parameters
    ----------
    folder : Path
        Where the stores lie.
    source : Path
        A folder that ``graven prepare`` has split, or one with ``images`` and ``masks``, which is split here by
        photograph.
    group_by : str or None
        As in `graven.studies.labelled.split_pairs`.
    monitor : Listener
        Hears progress.

    Returns
    -------
    StudyData
        All test panels are of the set ``test``.

    Raises
    ------
    DataError
        If files do not belong together, or a side is empty.
    MismatchError
        If the folder holds other panels.
    """
    if (source / "train").is_dir():
        if prepared_classes(source) is not None:
            raise DataError(f"{source} holds several classes, the study is of one; prepare it without --classes")
        split, leaky = prepared_sides(source)
        how = "patches split at random, panels on both sides" if leaky else "as prepared, by panel"
        group_by = None
    else:
        split, leaky = (
            split_pairs(source, group_by=group_by, val_share=VAL_SHARE, test_share=TEST_SHARE, seed=SPLIT_SEED),
            False,
        )
        how = f"by photograph (`{group_by or 'every image its own'}`, seed {SPLIT_SEED})"
    empty = [side for side in ("train", "val", "test") if not split.get(side)]
    if empty:
        raise DataError(f"{source} has no images for {empty[0]}; a study needs train, val and test")
    origin = {
        "kind": "labelled images",
        "name": source.resolve().name,
        "sha256": digest_of(source),
        "split": how,
        "leaky": leaky,
        "groups": {side: sorted({item.group for item in items}) for side, items in split.items()},
    }
    sources = {side: labelled_source(items, chain=_chain()) for side, items in split.items()}
    originals = labelled_source(split["test"], chain=_bare())
    n = sum(len(items) for items in split.values()) + len(split["test"])
    sets = {item.name: "test" for item in split["test"]}
    return _stores(folder, sources, originals, origin=origin, sets=sets, n=n, monitor=monitor)


def _chain() -> PrepareChain:
    return chain_of(PREPARE)


def _bare() -> PrepareChain:
    """Bands and bytes only."""
    return PrepareChain((), n_bands=3)


def _stores(
    folder: Path,
    sources: Mapping[Any, Iterable[Source]],
    originals: Iterable[Source],
    *,
    origin: dict[str, Any],
    sets: dict[str, str],
    n: int,
    monitor: Listener,
) -> StudyData:
    steps = [{"name": step.name, "options": step.options} for step in PREPARE]
    with monitor.progress("preparing panels") as report:
        done = 0

        def count(_entry: object) -> None:
            nonlocal done
            done += 1
            report(done, n)

        stores = {
            side: write_store(folder / side, panels, origin={**origin, "side": side, "prepare": steps}, on_panel=count)
            for side, panels in sources.items()
        }
        pictures = write_store(
            folder / "originals", originals, origin={**origin, "side": "test", "prepare": []}, on_panel=count
        )
    return StudyData(stores["train"], stores["val"], stores["test"], pictures, {**origin, "prepare": steps}, sets)
