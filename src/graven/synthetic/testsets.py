"""Frozen seeds: which panels judge a network, which choose its settings, which it may learn from.

Ranges of seeds keep the sets apart by construction: tests lie in [9 000 000, 9 999 999], validation in
[8 000 000, 8 999 999], training in [1 000 000, 7 999 999]. Numbers below a million are free for demos and
documentation. The lists hold for one `GENERATOR_VERSION` and 1024 x 1024 pixels of 0.5 mm, those of paintings for one
`PAINTING_VERSION` and 1024 x 1024 pixels of 0.1 mm, those of bronzes for one `BRONZE_VERSION` and 1024 x 1024 pixels of
0.05 mm, whole ones 2304 x 2048; they were fixed before anything was trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graven.errors import InputError
from graven.synthetic.craquelure import UNSEEN_PATTERNS
from graven.synthetic.engraving import make_bronze
from graven.synthetic.engraving_ornament import TRAINING_BORDERS, UNSEEN_BORDERS
from graven.synthetic.engraving_styles import UNSEEN_STYLES
from graven.synthetic.painting import make_painting
from graven.synthetic.palettes import UNSEEN_PAINTINGS
from graven.synthetic.petroglyph import make_petroglyph
from graven.synthetic.rock import UNSEEN_ROCKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graven.synthetic.engraving import EngravingPanel
    from graven.synthetic.painting import ConditionPanel
    from graven.synthetic.petroglyph import Degradation, PetroglyphPanel

__all__ = [
    "BRONZE_PIXEL_SIZE_MM",
    "BRONZE_VERSION",
    "CHANGE_GROWN",
    "CHANGE_GROWTH_MM",
    "CHANGE_STILL",
    "CONDITION_TEST_ORDINARY",
    "CONDITION_TEST_SEVERE",
    "CONDITION_TEST_UNSEEN",
    "CONDITION_VAL",
    "ENGRAVING_TEST_ORDINARY",
    "ENGRAVING_TEST_SEVERE",
    "ENGRAVING_TEST_UNSEEN",
    "ENGRAVING_TEST_WHOLE",
    "ENGRAVING_VAL",
    "GENERATOR_VERSION",
    "PAINTING_PIXEL_SIZE_MM",
    "PAINTING_VERSION",
    "PETROGLYPH_TEST_ORDINARY",
    "PETROGLYPH_TEST_SEVERE",
    "PETROGLYPH_TEST_UNSEEN_ROCK",
    "PETROGLYPH_VAL",
    "TEST_PIXEL_SIZE_MM",
    "TEST_SIZE_PX",
    "WHOLE_SIZE_PX",
    "BronzeSpec",
    "PaintingSpec",
    "PanelSpec",
    "make_bronzes",
    "make_paintings",
    "make_panels",
    "train_seeds",
]

GENERATOR_VERSION = "petroglyph-1"
TEST_SIZE_PX = 1024
TEST_PIXEL_SIZE_MM = 0.5
PAINTING_VERSION = "condition-1"
PAINTING_PIXEL_SIZE_MM = 0.1
BRONZE_VERSION = "engraving-1"
BRONZE_PIXEL_SIZE_MM = 0.05
WHOLE_SIZE_PX = (2304, 2048)
_TRAIN_FIRST, _TRAIN_LAST = 1_000_000, 7_999_999


@dataclass(frozen=True, slots=True)
class PanelSpec:
    """All that `make_petroglyph` needs for one panel of a set.

    Parameters
    ----------
    seed : int
        Seed of the panel.
    degradation : {'ordinary', 'severe'}
        How hard it is.
    rock : str, optional
        Kind of rock; None draws one of the training kinds.
    """

    seed: int
    degradation: Degradation = "ordinary"
    rock: str | None = None

    def make(self) -> PetroglyphPanel:
        """Grow the panel at the size of the frozen sets.

        Returns
        -------
        PetroglyphPanel
            1024 x 1024 pixels of 0.5 mm.
        """
        return make_petroglyph(
            self.seed,
            size_px=TEST_SIZE_PX,
            pixel_size_mm=TEST_PIXEL_SIZE_MM,
            degradation=self.degradation,
            rock=self.rock,
        )


PETROGLYPH_TEST_ORDINARY: tuple[PanelSpec, ...] = tuple(PanelSpec(seed) for seed in range(9_000_000, 9_000_024))
PETROGLYPH_TEST_SEVERE: tuple[PanelSpec, ...] = tuple(PanelSpec(seed, "severe") for seed in range(9_100_000, 9_100_016))
PETROGLYPH_TEST_UNSEEN_ROCK: tuple[PanelSpec, ...] = tuple(
    PanelSpec(seed, "ordinary", UNSEEN_ROCKS[seed % 2]) for seed in range(9_200_000, 9_200_016)
)
PETROGLYPH_VAL: tuple[PanelSpec, ...] = tuple(
    PanelSpec(seed, "severe" if seed % 4 == 3 else "ordinary") for seed in range(8_000_000, 8_000_016)
)


@dataclass(frozen=True, slots=True)
class PaintingSpec:
    """All that `make_painting` needs for one panel of a set.

    Parameters
    ----------
    seed : int
        Seed of the panel.
    degradation : {'ordinary', 'severe'}
        How hard it is.
    painting : str, optional
        Kind of painting; None draws one of the training kinds.
    pattern : str, optional
        Main pattern of cracks; None draws from the training patterns, or none.
    """

    seed: int
    degradation: Degradation = "ordinary"
    painting: str | None = None
    pattern: str | None = None

    def make(self) -> ConditionPanel:
        """Grow the panel at the size of the frozen sets.

        Returns
        -------
        ConditionPanel
            1024 x 1024 pixels of 0.1 mm.
        """
        return make_painting(
            self.seed,
            size_px=TEST_SIZE_PX,
            pixel_size_mm=PAINTING_PIXEL_SIZE_MM,
            degradation=self.degradation,
            painting=self.painting,
            pattern=self.pattern,
        )


CONDITION_TEST_ORDINARY: tuple[PaintingSpec, ...] = tuple(PaintingSpec(seed) for seed in range(9_300_000, 9_300_024))
CONDITION_TEST_SEVERE: tuple[PaintingSpec, ...] = tuple(
    PaintingSpec(seed, "severe") for seed in range(9_400_000, 9_400_016)
)
CONDITION_TEST_UNSEEN: tuple[PaintingSpec, ...] = tuple(
    PaintingSpec(seed, "ordinary", UNSEEN_PAINTINGS[seed % 2], UNSEEN_PATTERNS[0] if seed % 4 < 2 else None)
    for seed in range(9_500_000, 9_500_016)
)
CONDITION_VAL: tuple[PaintingSpec, ...] = tuple(
    PaintingSpec(seed, "severe" if seed % 4 == 3 else "ordinary") for seed in range(8_100_000, 8_100_016)
)

CHANGE_STILL: tuple[int, ...] = tuple(range(9_600_000, 9_600_020))
"""Paintings of which two photographs differ in light and place alone (`graven.synthetic.visits`)."""

CHANGE_GROWN: tuple[int, ...] = tuple(range(9_600_020, 9_600_040))
"""Paintings whose cracks grow by about `CHANGE_GROWTH_MM` between the two."""

CHANGE_GROWTH_MM = 60.0


@dataclass(frozen=True, slots=True)
class BronzeSpec:
    """All that `make_bronze` needs for one bronze of a set.

    Parameters
    ----------
    seed : int
        Seed of the bronze.
    degradation : {'ordinary', 'severe'}
        How hard it is to read.
    style : str, optional
        Hand of the engraver; None draws one of the training styles.
    borders : tuple of str
        Ornaments to choose from.
    whole : bool
        A whole mirror with its handle instead of a part of one.
    """

    seed: int
    degradation: Degradation = "ordinary"
    style: str | None = None
    borders: tuple[str, ...] = TRAINING_BORDERS
    whole: bool = False

    def make(self) -> EngravingPanel:
        """Grow the bronze at the size of the frozen sets.

        Returns
        -------
        EngravingPanel
            1024 x 1024 pixels of 0.05 mm, or 2304 x 2048 for a whole mirror.
        """
        return make_bronze(
            self.seed,
            size_px=WHOLE_SIZE_PX if self.whole else TEST_SIZE_PX,
            pixel_size_mm=BRONZE_PIXEL_SIZE_MM,
            degradation=self.degradation,
            style=self.style,
            borders=self.borders,
            whole=self.whole,
        )


ENGRAVING_TEST_ORDINARY: tuple[BronzeSpec, ...] = tuple(BronzeSpec(seed) for seed in range(9_700_000, 9_700_024))
ENGRAVING_TEST_SEVERE: tuple[BronzeSpec, ...] = tuple(
    BronzeSpec(seed, "severe") for seed in range(9_710_000, 9_710_016)
)
ENGRAVING_TEST_UNSEEN: tuple[BronzeSpec, ...] = tuple(
    BronzeSpec(seed, "ordinary", UNSEEN_STYLES[seed % 2], UNSEEN_BORDERS) for seed in range(9_720_000, 9_720_016)
)
ENGRAVING_TEST_WHOLE: tuple[BronzeSpec, ...] = tuple(
    BronzeSpec(seed, "severe" if seed % 2 else "ordinary", whole=True) for seed in range(9_730_000, 9_730_005)
)
ENGRAVING_VAL: tuple[BronzeSpec, ...] = tuple(
    BronzeSpec(seed, "severe" if seed % 4 == 3 else "ordinary") for seed in range(8_200_000, 8_200_016)
)


def train_seeds(n: int) -> range:
    """First `n` seeds that may be trained on.

    Parameters
    ----------
    n : int, range [0, 7 000 000]
        How many.

    Returns
    -------
    range
        Disjoint from all frozen sets.

    Raises
    ------
    InputError
        If there are not that many.

    Examples
    --------
    >>> train_seeds(2)
    range(1000000, 1000002)
    """
    if not 0 <= n <= _TRAIN_LAST - _TRAIN_FIRST + 1:
        raise InputError(f"n must lie in [0, {_TRAIN_LAST - _TRAIN_FIRST + 1}], got {n}")
    return range(_TRAIN_FIRST, _TRAIN_FIRST + n)


def make_panels(specs: tuple[PanelSpec, ...]) -> Iterator[PetroglyphPanel]:
    """Grow the panels of a set one after the other.

    Parameters
    ----------
    specs : tuple of PanelSpec
        A frozen list of this module, or a part of one.

    Yields
    ------
    PetroglyphPanel
        In the order of the list.
    """
    for spec in specs:
        yield spec.make()


def make_paintings(specs: tuple[PaintingSpec, ...]) -> Iterator[ConditionPanel]:
    """Grow the paintings of a set one after the other.

    Parameters
    ----------
    specs : tuple of PaintingSpec
        A frozen list of this module, or a part of one.

    Yields
    ------
    ConditionPanel
        In the order of the list.
    """
    for spec in specs:
        yield spec.make()


def make_bronzes(specs: tuple[BronzeSpec, ...]) -> Iterator[EngravingPanel]:
    """Grow the bronzes of a set one after the other.

    Parameters
    ----------
    specs : tuple of BronzeSpec
        A frozen list of this module, or a part of one.

    Yields
    ------
    EngravingPanel
        In the order of the list.
    """
    for spec in specs:
        yield spec.make()
