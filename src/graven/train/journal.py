"""The record of a run while it works: two tables, TensorBoard events, curves and sample overlays."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graven.io.fs import write_bytes_atomic
from graven.train.curves import CsvLog, EventLog, draw_curves, sample_sheet, write_png

if TYPE_CHECKING:
    from pathlib import Path

    from graven.train.listen import Event, Say
    from graven.train.validate import Look

__all__ = ["Journal", "Pace"]

LOG_EVERY_STEPS = 10
DRAW_EVERY_S = 30.0
TRAIN_COLUMNS = ("epoch", "minutes", "lr", "loss", "gradient_norm", "images_per_s", "waiting_share")


@dataclass
class Pace:
    """How fast crops go through the network.

    Attributes
    ----------
    n_images : int
        Crops so far.
    busy_s, waited_s : float, seconds
        Time in steps, and the part of it spent waiting for crops.
    """

    n_images: int = 0
    busy_s: float = 0.0
    waited_s: float = 0.0

    def add(self, n_images: int, *, busy_s: float, waited_s: float) -> None:
        """Count a step."""
        self.n_images += n_images
        self.busy_s += busy_s
        self.waited_s += waited_s

    def since(self, earlier: Pace) -> Pace:
        """Give what was added after an earlier reading."""
        return Pace(self.n_images - earlier.n_images, self.busy_s - earlier.busy_s, self.waited_s - earlier.waited_s)

    def copy(self) -> Pace:
        """Give the present reading."""
        return Pace(self.n_images, self.busy_s, self.waited_s)

    @property
    def images_per_s(self) -> float:
        """Crops per second; 0 before the first step."""
        return self.n_images / self.busy_s if self.busy_s else 0.0

    @property
    def waiting_share(self) -> float:
        """Share of the time spent waiting; 0 before the first step."""
        return self.waited_s / self.busy_s if self.busy_s else 0.0


class Journal:
    """Files and messages of one run.

    Parameters
    ----------
    out : Path
        Folder of the run.
    title : str
        Heading of the curves.
    score_name : str
        Score by which the best weights are chosen.
    step : int
        Updates done; rows and events of later ones, left by an interrupted run, are dropped.
    pictures : bool
        Whether to draw and to write events.
    say : callable
        Told one line per validation.
    event : callable
        Told every row.
    """

    def __init__(
        self, out: Path, *, title: str, score_name: str, step: int, pictures: bool, say: Say, event: Event
    ) -> None:
        self.out, self.title, self.score_name = out, title, score_name
        self.say, self.event = say, event
        self.train_log = CsvLog(out / "train.csv", TRAIN_COLUMNS)
        self.train_log.start(keep_to_step=step)
        self.val_log: CsvLog | None = None
        self.events = EventLog(out / "tensorboard", purge_step=step, say=say) if pictures else None
        self.drawn = -math.inf
        self.began_at = step
        self._losses: list[float] = []
        self._norms: list[float] = []
        self._before = Pace()

    def step(
        self, step: int, *, loss: float, gradient_norm: float, lr: float, epoch: int, minutes: float, pace: Pace
    ) -> None:
        """Take the facts of an update; every tenth writes a row of means."""
        self._losses.append(loss)
        self._norms.append(gradient_norm)
        if step % LOG_EVERY_STEPS:
            return
        recent = pace.since(self._before)
        row = {
            "epoch": float(epoch),
            "minutes": minutes,
            "lr": lr,
            "loss": sum(self._losses) / len(self._losses),
            "gradient_norm": sum(self._norms) / len(self._norms),
            "images_per_s": recent.images_per_s,
            "waiting_share": recent.waiting_share,
        }
        self._losses, self._norms, self._before = [], [], pace.copy()
        self.train_log.add(step, row)
        if self.events is not None:
            self.events.add(step, row, prefix="train")
        self.event("step", step=step, **row)

    def look(self, step: int, look: Look, *, minutes: float, left_s: float) -> None:
        """Write what a validation found, and say how long the run can still take."""
        row = {"minutes": minutes, "loss": look.loss, "spread": look.spread, **look.scores}
        if self.val_log is None:
            self.val_log = CsvLog(self.out / "validation.csv", tuple(row))
            self.val_log.start(keep_to_step=step - 1 if self.began_at else 0)
        self.val_log.add(step, row)
        self.event("validation", step=step, **row)
        names = dict.fromkeys((self.score_name, "f1", "precision", "recall"))
        shown = ", ".join(f"{name} {look.scores[name]:.4f}" for name in names)
        self.say(f"step {step}: validation loss {look.loss:.4f}, {shown}{_left(left_s)}")
        if self.events is None:
            return
        self.events.add(step, row, prefix="validation")
        if look.shown:
            sheet = sample_sheet(look.shown)
            write_png(self.out / "samples.png", sheet)
            self.events.picture(step, sheet, name="validation")
        if time.monotonic() - self.drawn > DRAW_EVERY_S:
            self.draw()

    def draw(self) -> None:
        """Draw the curves of the two tables."""
        if self.events is None or self.val_log is None:
            return
        self.drawn = time.monotonic()
        rows = self.train_log.rows(), self.val_log.rows()
        try:
            curves = draw_curves(*rows, score_name=self.score_name, title=self.title)
        except ImportError:
            self.say("matplotlib is not installed, so no curves are drawn; the CSV logs hold the same numbers")
        else:
            write_bytes_atomic(self.out / "curves.png", curves)

    def close(self) -> None:
        """Close the event file."""
        if self.events is not None:
            self.events.close()


def _left(seconds: float) -> str:
    """Say how long a run can still take, where that is known and not nothing.

    Examples
    --------
    >>> _left(20.0), _left(1500.0), _left(20000.0), _left(math.inf)
    ('; at most 1 min left', '; at most 25 min left', '; at most 5.6 h left', '')
    """
    if not 0 < seconds < math.inf:
        return ""
    minutes = math.ceil(seconds / 60)
    return f"; at most {minutes} min left" if minutes < 120 else f"; at most {seconds / 3600:.1f} h left"
