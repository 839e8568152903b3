"""The networks of the refinement study: a first one with its early weights, and those that refine either.

::

    runs/initial-s<seed>/      as in `graven.studies.running`, and early.safetensors: the weights, among those that were
                               the best so far at some validation, whose pFM is nearest to that of the paper
    runs/<refiner>-s<seed>/    trained on the answers of one of them
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from graven.io.fs import atomic_path
from graven.studies.refinement_contenders import EARLY, EARLY_PFM, FINAL
from graven.studies.refinement_judge import judge_first, judge_refiner
from graven.studies.refinement_protocol import first_recipe, person_of, refiner_recipe
from graven.studies.running import do_run, is_done, read_run

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from graven.studies.listener import Listener
    from graven.studies.refinement_contenders import Refiner, Start
    from graven.studies.refinement_data import RefinementData
    from graven.studies.refinement_protocol import RefinementProtocol
    from graven.studies.running import Lessons
    from graven.train.recipe import Recipe
    from graven.train.task import Standardised

__all__ = ["INITIAL", "Bench"]

INITIAL = "initial"
WEIGHTS: dict[Start, str] = {FINAL: "best.safetensors", EARLY: "early.safetensors"}


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the networks of one seed are trained and found again.

    Attributes
    ----------
    folder : Path
        Folder of the study.
    seed : int
        Of all its networks.
    protocol : RefinementProtocol
        Budgets.
    data : RefinementData
        Panels.
    lessons : Lessons
        Those of `data`, opened.
    monitor : Listener
        Hears progress.
    """

    folder: Path
    seed: int
    protocol: RefinementProtocol
    data: RefinementData
    lessons: Lessons
    monitor: Listener

    def place(self, key: str) -> Path:
        """Give the folder of a run."""
        return self.folder / "runs" / f"{key}-s{self.seed}"

    def has(self, key: str) -> bool:
        """Say whether there is a finished network of that name."""
        place = self.place(key)
        return is_done(place) and read_run(place)["status"] == "complete"

    def train_first(self) -> bool:
        """Train the first network, keep its early weights, and judge both; say whether anything had to be done."""
        place, recipe = self.place(INITIAL), self._first_recipe()
        judge = partial(judge_first, folder=place, early=place / WEIGHTS[EARLY], seed=self.seed, data=self.data)
        return do_run(
            place,
            recipe,
            self.lessons,
            partial(judge, patch_px=self.protocol.patch_px, monitor=self.monitor),
            label="first network",
            identity={"contender": INITIAL, "seed": self.seed},
            monitor=_Keeper(place, self.monitor),
            score="pfm",
        )

    def train_refiner(self, refiner: Refiner) -> bool:
        """Train a network that refines, and judge it by single strokes; say whether anything had to be done."""
        place, first = self.place(refiner.key), self.first(refiner.start)
        judge = partial(judge_refiner, first=first, folder=place, refiner=refiner, seed=self.seed, data=self.data)
        person = person_of(refiner, self.data.statistics)
        return do_run(
            place,
            self._refiner_recipe(refiner),
            self._refiner_lessons(first),
            partial(judge, person=person, protocol=self.protocol, monitor=self.monitor),
            label=refiner.label,
            identity={"contender": refiner.key, "seed": self.seed},
            monitor=self.monitor,
            score="gain",
            first=first,
        )

    def first(self, start: Start) -> Standardised:
        """Load the first network, as strong as is asked."""
        return _loaded(self._first_recipe(), self.lessons, self.place(INITIAL) / WEIGHTS[start])

    def refiner(self, refiner: Refiner) -> Standardised:
        """Load a network that refines."""
        lessons = self._refiner_lessons(self.first(refiner.start))
        return _loaded(self._refiner_recipe(refiner), lessons, self.place(refiner.key) / WEIGHTS[FINAL])

    def _first_recipe(self) -> Recipe:
        return first_recipe(self.protocol, seed=self.seed, prepare=self.data.prepare)

    def _refiner_recipe(self, refiner: Refiner) -> Recipe:
        known: dict[str, Any] = {"prepare": self.data.prepare, "statistics": self.data.statistics}
        return refiner_recipe(self.protocol, refiner, seed=self.seed, **known)

    def _refiner_lessons(self, first: Standardised) -> Lessons:
        """Give the same panels under a hash that tells first networks apart."""
        from graven.train.checkpoint import tensor_hash
        from graven.train.refine_task import standardised_for_refining

        digest = hashlib.sha256(f"{self.lessons.sha256} {tensor_hash(first.state_dict())}".encode()).hexdigest()
        mean, std = standardised_for_refining(*self.lessons.mean, *self.lessons.std)
        return replace(self.lessons, sha256=digest, mean=mean, std=std)


def _loaded(recipe: Recipe, lessons: Lessons, weights: Path) -> Standardised:
    from graven.train.checkpoint import load_tensors
    from graven.train.run import build_model

    model = build_model(recipe, mean=lessons.mean, std=lessons.std)
    model.load_state_dict(load_tensors(weights)[0])
    return model.eval()


class _Keeper:
    """Hears a training, passes everything on, and keeps the weights that are nearest to the paper's strength."""

    def __init__(self, folder: Path, monitor: Listener) -> None:
        self._best, self._early = (folder / WEIGHTS[start] for start in (FINAL, EARLY))
        self._monitor = monitor
        self.say = monitor.say

    def event(self, kind: str, /, **facts: Any) -> None:
        if kind == "validation" and self._is_nearer(facts["pfm"]) and self._was_saved(facts["step"]):
            with atomic_path(self._early) as temporary:
                shutil.copyfile(self._best, temporary)
        self._monitor.event(kind, **facts)

    def progress(self, description: str) -> AbstractContextManager[Any]:
        return self._monitor.progress(description)

    def _is_nearer(self, pfm: float) -> bool:
        from graven.train.checkpoint import load_tensors

        if not self._early.is_file():
            return True
        kept = load_tensors(self._early)[1]["scores"]["pfm"]
        return bool(abs(pfm - EARLY_PFM) < abs(kept - EARLY_PFM))

    def _was_saved(self, step: int) -> bool:
        """Say whether the weights of this validation are the best so far: others are not written down."""
        from graven.train.checkpoint import load_tensors

        return self._best.is_file() and bool(load_tensors(self._best)[1]["step"] == step)
