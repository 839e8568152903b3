"""What a run leaves for the eye while it works: CSV logs, TensorBoard events, curves and sample overlays."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from graven.errors import InputError
from graven.io.fs import write_bytes_atomic, write_text_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["CsvLog", "EventLog", "draw_curves", "overlay", "sample_sheet", "write_png"]

HIT, MISS, FALSE_ALARM = (255, 255, 255), (0, 114, 178), (230, 159, 0)
INK, GRID, BLUE, ORANGE, GREEN = "#222222", "#dddddd", "#0072B2", "#D55E00", "#009E73"


class CsvLog:
    """A table that grows by rows and can be cut back when a run resumes from an earlier step.

    Parameters
    ----------
    path : Path
        The file; its first column is ``step``.
    columns : sequence of str
        The other columns, fixed for the life of the file.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self.columns = ("step", *columns)

    def start(self, *, keep_to_step: int) -> None:
        """Write the heading, or keep the rows up to a step."""
        rows = [row for row in self.rows() if row["step"] <= keep_to_step] if keep_to_step else []
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([[_text(row[name]) for name in self.columns] for row in rows])
        write_text_atomic(self.path, text.getvalue())

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Append a row.

        Raises
        ------
        InputError
            If a column is missing or unknown.
        """
        if set(values) != set(self.columns[1:]):
            raise InputError(f"{self.path.name} has the columns {', '.join(self.columns[1:])}, got {', '.join(values)}")
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow([step, *(_text(values[name]) for name in self.columns[1:])])

    def rows(self) -> list[dict[str, float]]:
        """Read all rows; empty cells are NaN."""
        if not self.path.is_file():
            return []
        with self.path.open(encoding="utf-8", newline="") as file:
            return [{k: float(v) if v else math.nan for k, v in row.items()} for row in csv.DictReader(file)]


def _text(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.9g}"


class EventLog:
    """TensorBoard events; nothing is written, and that is said once, where the package is missing.

    Parameters
    ----------
    folder : Path
        Where the event files go.
    purge_step : int
        Events from this step on, left by an interrupted run, are hidden.
    say : callable
        Told when the package is missing.
    """

    def __init__(self, folder: Path, *, purge_step: int, say: Callable[[str], None]) -> None:
        self._writer: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            say("tensorboard is not installed, so no event files are written; the CSV logs hold the same numbers")
            return
        self._writer = SummaryWriter(str(folder), purge_step=purge_step or None)

    def add(self, step: int, values: Mapping[str, float], *, prefix: str) -> None:
        """Write numbers under ``prefix/name``."""
        if self._writer is not None:
            for name, value in values.items():
                if not math.isnan(value):
                    self._writer.add_scalar(f"{prefix}/{name}", value, step)

    def picture(self, step: int, image: NDArray[np.uint8], *, name: str) -> None:
        """Write a picture (H, W, 3) RGB."""
        if self._writer is not None:
            self._writer.add_image(name, image, step, dataformats="HWC")

    def close(self) -> None:
        """Flush and close the file."""
        if self._writer is not None:
            self._writer.close()


def draw_curves(
    train: Sequence[Mapping[str, float]], validation: Sequence[Mapping[str, float]], *, score_name: str, title: str
) -> bytes:
    """Draw loss, validation scores and learning rate over the steps.

    Parameters
    ----------
    train, validation : sequence of mapping
        Rows of the two CSV logs.
    score_name : str
        Score that chooses the best weights; its best value is marked.
    title : str
        Heading.

    Returns
    -------
    bytes
        A PNG.

    Raises
    ------
    ImportError
        Where matplotlib is missing.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.4), dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 3)
    figure.subplots_adjust(left=0.05, right=0.985, bottom=0.15, top=0.83, wspace=0.2)
    figure.suptitle(title, fontsize=10, color=INK)
    steps = [row["step"] for row in train]
    val_steps = [row["step"] for row in validation]
    axes[0].plot(steps, [row["loss"] for row in train], color=BLUE, lw=1, label="training")
    axes[0].plot(val_steps, [row["loss"] for row in validation], color=ORANGE, lw=1.5, marker=".", label="validation")
    axes[0].set_title("loss", fontsize=9)
    shown = [name for name in (score_name, "f1", "precision", "recall") if validation and name in validation[0]]
    for name, color, style in zip(
        dict.fromkeys(shown), (BLUE, ORANGE, GREEN, INK), ("-", "-", "--", ":"), strict=False
    ):
        axes[1].plot(val_steps, [row[name] for row in validation], style, color=color, lw=1.5, marker=".", label=name)
    if validation:
        best = max(validation, key=lambda row: row[score_name])
        axes[1].annotate(
            f"{best[score_name]:.3f}",
            (best["step"], best[score_name]),
            fontsize=8,
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
        )
    axes[1].set_ylim(0, 1.02)
    axes[1].set_title("validation scores", fontsize=9)
    axes[2].plot(steps, [row["lr"] for row in train], color=BLUE, lw=1)
    axes[2].set_title("learning rate", fontsize=9)
    for axis in axes:
        axis.grid(color=GRID, lw=0.6)
        axis.tick_params(labelsize=8)
        axis.set_xlabel("step", fontsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[:2]:
        if axis.lines:
            axis.legend(fontsize=7, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def overlay(
    image: NDArray[np.uint8], preds: NDArray[np.bool_], target: NDArray[np.bool_], valid: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Colour a prediction by agreement: hit white, miss blue, false alarm orange, over a dimmed grey image.

    Parameters
    ----------
    image : ndarray of shape (C, H, W), uint8
        1 or 3 bands.
    preds, target, valid : ndarray of shape (H, W), bool
        Prediction, truth and where it is known; unknown pixels are dimmed further.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8, RGB
        The picture.

    Examples
    --------
    >>> yes = np.ones((1, 1), bool)
    >>> overlay(np.zeros((3, 1, 1), np.uint8), yes, ~yes, yes)[0, 0].tolist()
    [230, 159, 0]
    """
    grey = image.mean(axis=0) * np.where(valid, 0.5, 0.2)
    picture = np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
    picture[preds & target & valid] = HIT
    picture[~preds & target & valid] = MISS
    picture[preds & ~target & valid] = FALSE_ALARM
    return picture


def sample_sheet(
    samples: Sequence[tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]],
    *,
    side_px: int = 256,
) -> NDArray[np.uint8]:
    """Lay samples out in two rows: what the network saw, and its overlay.

    Parameters
    ----------
    samples : sequence of (image, preds, target, valid)
        As `overlay` takes them, at least one.
    side_px : int, pixels
        Side of each picture.

    Returns
    -------
    ndarray of shape (2 * side_px, n * side_px, 3), uint8, RGB
        The sheet.
    """
    size = (side_px, side_px)
    columns = []
    for image, preds, target, valid in samples:
        seen = np.moveaxis(image if image.shape[0] == 3 else np.repeat(image[:1], 3, axis=0), 0, -1)
        pictures = [np.ascontiguousarray(seen), overlay(image, preds, target, valid)]
        columns.append(np.vstack([cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures]))
    return np.hstack(columns).astype(np.uint8)


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an RGB picture whole or not at all."""
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))
    if not done:
        raise InputError(f"{path.name}: an array of shape {image.shape} cannot be written as PNG")
    write_bytes_atomic(path, encoded.tobytes())
