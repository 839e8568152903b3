"""``graven demo``: generated input, bundled weights, the whole record of three methods, one page."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graven._version import __version__
from graven.api.account import Clock, account, output_hashes
from graven.api.demo_mirror import mirror_card
from graven.api.demo_surfaces import SEED, painting_card, panel_card
from graven.api.monitor import SILENT, Monitor
from graven.io.folders import OutputFolder
from graven.io.fs import write_text_atomic
from graven.methods.record import write_run
from graven.report import DemoCard, DemoPage, demo_page

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Demonstrated", "demo"]

CARDS: dict[str, Callable[[Path, Monitor], DemoCard]] = {
    "petroglyph": panel_card,
    "condition": painting_card,
    "engraving": mirror_card,
}
WHAT_NEXT = (
    ("graven segment panel.tif -o panel-record", "trace a GeoTIFF, TIFF, PNG or JPEG of your own"),
    ("graven segment photo.jpg --scale 0.4mm/px -o record", "the same for a plain photograph whose scale you know"),
    ("graven segment painting.jpg -m condition --scale 0.1mm/px", "map craquelure and paint loss"),
    ("graven stereo lights.lp -o mirror", "turn photographs under single lights into normals and height"),
    ("graven enhance panel.tif --with dstretch", "bring out faint marks for the eye"),
    ("graven synth petroglyph --seed 3 --size 4096 -o panel3", "make another panel with its exact truth"),
    ("graven doctor", "examine the installation and time one tile"),
)


@dataclass(frozen=True, slots=True)
class Demonstrated:
    """What `demo` left.

    Attributes
    ----------
    page : Path
        The page to open.
    scores : dict of str to dict of str to float
        By method: agreement with the exact truth.
    seconds : float
        Wall time.
    """

    page: Path
    scores: dict[str, dict[str, float]]
    seconds: float

    def summary(self) -> str:
        """Say it in a few lines."""
        lines = [
            f"{method}: " + ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
            for method, scores in self.scores.items()
        ]
        return "\n".join(["against the exact truth:", *lines, f"open {self.page} in a browser"])

    def facts(self) -> dict[str, Any]:
        """Give the same as a dictionary."""
        return {"page": str(self.page), "scores": self.scores, "seconds": round(self.seconds, 2)}


def demo(*, out: str | Path = "graven-demo", monitor: Monitor = SILENT) -> Demonstrated:
    """Generate a rock panel, a painting and a bronze mirror, document each, and show everything on one page.

    Parameters
    ----------
    out : str or Path
        Output folder; an earlier demo there is replaced whole.
    monitor : Monitor
        Hears progress.

    Returns
    -------
    Demonstrated
        Page and scores; they are measured in this run.

    Raises
    ------
    UsageError
        If the folder exists and graven did not write it.
    """
    start = time.monotonic()
    target = Path(out)
    clock = Clock()
    with OutputFolder(target, overwrite=True) as output:
        cards: dict[str, DemoCard] = {}
        for method, make in CARDS.items():
            folder = output.path / method
            folder.mkdir()
            cards[method] = make(folder, monitor)
            clock.lap(method)
        page = DemoPage(
            date="in run.json",
            version=__version__,
            machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
            cards=tuple(cards.values()),
            what_next=WHAT_NEXT,
        )
        write_text_atomic(output.path / "index.html", demo_page(page))
        scores = {method: dict(card.scores) for method, card in cards.items()}
        told = account(
            "demo",
            clock=clock,
            options={"out": target},
            settings={"seed": SEED},
            outputs=output_hashes(output.path),
            seed=SEED,
            scores=scores,
        )
        write_run(output.path, told)
    return Demonstrated(target / "index.html", scores, time.monotonic() - start)
