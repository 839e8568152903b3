"""What the refinement study compares, and what the paper found: networks, ways to work with them, parts, values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final, Literal

from graven.errors import UsageError
from graven.refine.keeping import KEEPING, OUR_KEEPING
from graven.types.surface import LAYERS

if TYPE_CHECKING:
    from graven.refine.patches import Operation

__all__ = [
    "EARLY",
    "EARLY_PFM",
    "FINAL",
    "GOALS",
    "MAIN_TRIALS",
    "MODALITIES",
    "MODALITY_PART",
    "OF_PART",
    "OUR_KEEPING",
    "PARTS",
    "PUBLISHED_OPERATIONS",
    "PUBLISHED_PATCHES",
    "PUBLISHED_PEAKS",
    "PUBLISHED_WORKLOAD",
    "REFINERS",
    "STARTS",
    "TRIALS",
    "Modality",
    "Refiner",
    "Start",
    "Trial",
    "choose_parts",
    "refiners_of",
    "trials_of",
]

PARTS = ("inputs", "widths", "strokes", "objects", "operations", "keeping")
"""In the order of the page."""

MODALITY_PART = "modalities"
"""The part on what the first network sees; it needs bronzes under lights, and is done only where it is named."""

Start = Literal["final", "early"]
FINAL: Final = "final"
EARLY: Final = "early"
STARTS: dict[Start, str] = {FINAL: "First network", EARLY: "First network, stopped early"}
"""The first network with its best weights, and with those whose validation pFM is nearest to `EARLY_PFM`."""

EARLY_PFM = 0.493
"""As strong as the first network of the paper."""


@dataclass(frozen=True, slots=True)
class Refiner:
    """One network that refines.

    Attributes
    ----------
    key : str
        Name of its folder.
    label : str
        As the tables print it.
    start : {"final", "early"}
        Whose answers it betters.
    inputs, width, order
        As in `graven.train.recipe.Hints`.
    has_many : bool
        Whether it learns from up to `RefinementProtocol.most_strokes` strokes at once instead of one.
    """

    key: str
    label: str
    start: Start = "final"
    inputs: Literal["both", "initial", "hints"] = "both"
    width: Literal["thin", "mean", "sampled"] = "thin"
    order: Literal["raster", "path"] = "raster"
    has_many: bool = False


REFINERS: dict[str, Refiner] = {
    entry.key: entry
    for entry in (
        Refiner("published", "As published"),
        Refiner("published-early", "As published, early start", start="early"),
        Refiner("initial-only", "First answer only", inputs="initial"),
        Refiner("hints-only", "Strokes only", inputs="hints"),
        Refiner("width-mean", "Mean width", width="mean"),
        Refiner("width-sampled", "Sampled width", width="sampled"),
        Refiner("order-path", "Along the line", order="path"),
        Refiner("ours", "Many strokes", order="path", has_many=True),
        Refiner("ours-early", "Many strokes, early start", start="early", order="path", has_many=True),
    )
}
"""All that is trained to refine, each once. ``published`` sees first answer and one thin stroke, as in the paper."""

OF_PART: dict[str, tuple[str, ...]] = {
    "inputs": ("published", "initial-only", "hints-only"),
    "widths": ("published", "width-mean", "width-sampled"),
    "strokes": ("published", "order-path", "ours"),
    "objects": ("published", "published-early", "ours", "ours-early"),
    "operations": ("published",),
    "keeping": ("published", "ours"),
}
"""Which networks a part needs."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How a simulated person works on whole objects.

    Attributes
    ----------
    key : str
        Name of its folder; unique.
    label : str
        As tables and figures print it.
    refiner : str
        Key of `REFINERS`; the person draws as in its training.
    keeping : str
        Key of `graven.refine.keeping.KEEPING`.
    operations : tuple of {"add", "erase"}
        What the person may do.
    """

    key: str
    label: str
    refiner: str
    keeping: str = "official"
    operations: tuple[Operation, ...] = ("add", "erase")

    @property
    def start(self) -> Start:
        """Whose answers are bettered."""
        return REFINERS[self.refiner].start


def _trials(refiner: str, names: tuple[str, ...]) -> tuple[Trial, ...]:
    label = REFINERS[refiner].label
    return tuple(Trial(f"{refiner}-{name}", f"{label}, {name}", refiner, name) for name in names)


TRIALS: dict[str, dict[str, Trial]] = {
    part: {trial.key: trial for trial in found}
    for part, found in {
        "objects": (
            Trial("published-official", "As published", "published"),
            Trial("published-early-official", "As published, early start", "published-early"),
            Trial(f"ours-{OUR_KEEPING}", "Ours", "ours", OUR_KEEPING),
            Trial(f"ours-early-{OUR_KEEPING}", "Ours, early start", "ours-early", OUR_KEEPING),
        ),
        "strokes": (
            Trial("published-official", "Raster order, one stroke", "published"),
            Trial("order-path-official", "Along the line, one stroke", "order-path"),
            Trial("ours-official", "Along the line, many strokes", "ours"),
        ),
        "operations": (
            Trial("published-official", "Add and erase", "published"),
            Trial("published-add", "Add only", "published", operations=("add",)),
            Trial("published-erase", "Erase only", "published", operations=("erase",)),
        ),
        "keeping": (*_trials("published", tuple(KEEPING)), *_trials("ours", tuple(KEEPING))),
    }.items()
}
"""How a person works, by part; a key stands for the same trial in every part."""

MAIN_TRIALS = tuple(TRIALS["objects"])


@dataclass(frozen=True, slots=True)
class Modality:
    """Layers that a first network sees.

    Attributes
    ----------
    layers : tuple of str
        Keys of `graven.types.surface.LAYERS`, in their order.
    """

    layers: tuple[str, ...]

    @property
    def key(self) -> str:
        """Name of its runs."""
        return f"sees-{'-'.join(self.layers)}"

    @property
    def label(self) -> str:
        """As tables print it."""
        return " + ".join(self.layers).capitalize()

    @property
    def bands(self) -> list[int]:
        """Which of the five bands of a panel."""
        names = [(layer, band) for layer, bands in LAYERS.items() for band in bands]
        return [index for index, (layer, _) in enumerate(names) if layer in self.layers]


MODALITIES: dict[str, Modality] = {
    found.key: found for n in (1, 2, 3) for layers in combinations(LAYERS, n) for found in (Modality(layers),)
}
"""All seven combinations of what photometric stereo gives, by the name of their runs."""

PUBLISHED_PATCHES: dict[str, tuple[float, float]] = {"initial": (0.3286, 0.4928), "initial-only": (0.3272, 0.4927)}
"""IoU and pFM of Table 1; the other rows are lost."""

PUBLISHED_PEAKS = (0.12, 0.26)
"""Lowest and highest peak of the relative improvement among the three objects of Figure 5."""

PUBLISHED_WORKLOAD = (0.56, 0.75)
"""Lowest and highest workload reduction among the three objects of Figure 6."""

PUBLISHED_OPERATIONS: dict[str, float] = {"published-official": 0.12, "published-add": 0.08, "published-erase": 0.02}
"""Peaks on the object ANSA-1700, roughly."""

GOALS: dict[str, dict[str, float]] = {
    "bronzes": {"iou": 0.329, "pfm": 0.493, "workload": 0.75, "drop": 0.005, "peak": 0.26},
    "surfaces": {},
    "pages": {"pfm": 0.88},
}
"""What was set as a goal, by kind of data: on whole objects IoU and pFM of the first network, workload reduction and
fall below the running maximum with its best weights, and the peak from the early start."""


def choose_parts(names: tuple[str, ...] | None) -> tuple[str, ...]:
    """Find the parts of the study to run.

    Parameters
    ----------
    names : tuple of str or None
        Some of `PARTS` and `MODALITY_PART`; None means `PARTS`.

    Returns
    -------
    tuple of str
        In the order of `PARTS`, `MODALITY_PART` last.

    Raises
    ------
    UsageError
        If a name is unknown, or none is left.

    Examples
    --------
    >>> choose_parts(("keeping", "inputs"))
    ('inputs', 'keeping')
    """
    if names is None:
        return PARTS
    known = (*PARTS, MODALITY_PART)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise UsageError(f"--parts takes any of {','.join(known)}, got {unknown[0] if unknown else ''!r}")
    return tuple(part for part in known if part in names)


def refiners_of(parts: tuple[str, ...]) -> tuple[Refiner, ...]:
    """List what is trained to refine, each once.

    Parameters
    ----------
    parts : tuple of str
        Some of `PARTS`.

    Returns
    -------
    tuple of Refiner
        In the order in which the parts first ask for them.

    Examples
    --------
    >>> [entry.key for entry in refiners_of(("inputs", "keeping"))]
    ['published', 'initial-only', 'hints-only', 'ours']
    """
    return tuple(REFINERS[key] for key in dict.fromkeys(key for part in parts for key in OF_PART.get(part, ())))


def trials_of(parts: tuple[str, ...]) -> tuple[Trial, ...]:
    """List how a person works on whole objects, each once.

    Parameters
    ----------
    parts : tuple of str
        Some of `PARTS`; those on patches alone have none.

    Returns
    -------
    tuple of Trial
        In the order in which the parts first ask for them.

    Examples
    --------
    >>> [entry.key for entry in trials_of(("inputs", "operations"))]
    ['published-official', 'published-add', 'published-erase']
    """
    return tuple({key: trial for part in parts for key, trial in TRIALS.get(part, {}).items()}.values())
