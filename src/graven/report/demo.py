"""The page of ``graven demo``: one card per method, before and after, with numbers that were measured on the spot."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graven.errors import InputError
from graven.report.encode import jpeg_picture
from graven.report.evaluate import metric_label, metric_meaning
from graven.report.format import UNIT_SPACE, format_number
from graven.report.marks import scale_bar
from graven.report.page import render_page
from graven.report.words import OPENS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from graven.types import PixelSize

__all__ = ["DemoCard", "DemoPage", "DemoStep", "demo_page"]


@dataclass(frozen=True, slots=True, eq=False)
class DemoStep:
    """One picture between input and result.

    Attributes
    ----------
    picture : ndarray of shape (h, w, 3), uint8
        What there was at this step.
    caption : str
        What it shows.
    has_lines : bool
        Whether thin lines were drawn into it, which must stay sharp.
    is_map : bool
        Whether it shows the surface, so that the scale bar belongs to it; a diagram is none.
    """

    picture: NDArray[np.uint8]
    caption: str
    has_lines: bool = False
    is_map: bool = True


@dataclass(frozen=True, slots=True)
class DemoCard:
    """One method on the demo page.

    Attributes
    ----------
    title, text : str
        Heading, and what was done in one or two sentences.
    before, after : ndarray of shape (h, w, 3), uint8
        The generated input and the result, one size.
    before_caption, after_caption : str
        What they show.
    width_px : int, pixels
        Full width of the input, for the scale bar.
    pixel_size : PixelSize or None
        Scale of the input.
    agreement : ndarray of shape (h, w, 3), uint8, or None
        Hits, misses and false alarms against the exact truth.
    facts : tuple of (str, str)
        The record's numbers, as printed.
    scores : mapping of str to float
        Agreement with the truth, by metric.
    outputs : tuple of str
        Links to files, relative to the page: no scheme, no leading slash, no ``..``.
    report : str or None
        Link to the full report among them.
    commands : tuple of str
        What to type to do this step again.
    seconds : float or None
        Measured wall time.
    steps : tuple of DemoStep
        What happened between input and result, in order.
    """

    title: str
    text: str
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    before_caption: str
    after_caption: str
    width_px: int
    pixel_size: PixelSize | None = None
    agreement: NDArray[np.uint8] | None = None
    facts: tuple[tuple[str, str], ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    report: str | None = None
    commands: tuple[str, ...] = ()
    seconds: float | None = None
    steps: tuple[DemoStep, ...] = ()

    def __post_init__(self) -> None:
        if self.before.shape != self.after.shape:
            raise InputError(f"before and after must have one size, got {self.before.shape} and {self.after.shape}")
        for link in (*self.outputs, *([] if self.report is None else [self.report])):
            if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", link) or ".." in link.split("/"):
                raise InputError(f"a link of the demo page must be a plain relative path, got {link!r}")


@dataclass(frozen=True, slots=True)
class DemoPage:
    """Everything `demo_page` prints.

    Attributes
    ----------
    date, version : str
        As printed; `version` is that of graven.
    machine : str
        Where it ran, in one phrase.
    cards : tuple of DemoCard
        One per method, in the order of the page.
    what_next : tuple of (str, str)
        Command and what it does.
    """

    date: str
    version: str
    machine: str
    cards: tuple[DemoCard, ...]
    what_next: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not self.cards:
            raise InputError("a demo page needs at least one card, got none")


def demo_page(page: DemoPage) -> str:
    """Write the demo as one self-contained HTML page.

    Parameters
    ----------
    page : DemoPage
        Cards with plain arrays and text.

    Returns
    -------
    str
        HTML 5 with pictures inside; only the links to output files point beside it. Equal input gives equal text.
    """
    values = {
        "page_title": "graven: demonstration",
        "generator": f"graven {page.version}",
        "page": page,
        "cards": [_card(card) for card in page.cards],
    }
    return render_page("demo.html.j2", values)


def _card(card: DemoCard) -> dict[str, Any]:
    seconds = None if card.seconds is None else f"{format_number(card.seconds, 1)}{UNIT_SPACE}s"
    return {
        "title": card.title,
        "text": card.text,
        "aspect": card.before.shape[1] / card.before.shape[0],
        "before": jpeg_picture(card.before, alt=card.before_caption),
        "after": jpeg_picture(card.after, alt=card.after_caption, has_lines=True),
        "before_caption": card.before_caption,
        "after_caption": card.after_caption,
        "bar": scale_bar(card.width_px, card.pixel_size),
        "agreement": None
        if card.agreement is None
        else jpeg_picture(
            card.agreement, alt="Hits white, misses blue, false alarms orange.", max_bytes=500_000, has_lines=True
        ),
        "steps": [_step(step, card) for step in card.steps],
        "facts": [*card.facts, *([] if seconds is None else [("Time", seconds)])],
        "scores": [
            (metric_label(key), metric_meaning(key) or "", format_number(value, 3))
            for key, value in card.scores.items()
        ],
        "outputs": [(link, *OPENS.describe(link)) for link in card.outputs],
        "report": card.report,
        "commands": "\n".join(card.commands),
    }


def _step(step: DemoStep, card: DemoCard) -> dict[str, Any]:
    height, width = step.picture.shape[:2]
    return {
        "picture": jpeg_picture(step.picture, alt=step.caption, max_bytes=400_000, has_lines=step.has_lines),
        "aspect": width / height,
        "bar": scale_bar(card.width_px, card.pixel_size) if step.is_map else None,
        "caption": step.caption,
    }
