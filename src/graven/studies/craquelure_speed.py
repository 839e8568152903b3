"""Images per second of the three networks, measured once per folder of a study."""

from __future__ import annotations

import csv
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import DataError
from graven.io.fs import write_text_atomic
from graven.report.tables import csv_table
from graven.studies.craquelure_contenders import NETWORKS
from graven.studies.craquelure_protocol import painting_recipe

if TYPE_CHECKING:
    from graven.report.tables import Cell
    from graven.studies.craquelure_protocol import CraquelureProtocol
    from graven.studies.listener import Listener

__all__ = ["Speed", "measure_speed", "read_speed"]

FILE = "speed.csv"
SIZE_PX = 512
COLUMNS = ("contender", "size_px", "n", "seconds_low", "seconds_median", "seconds_high", "n_parameters", "machine")


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a network is.

    Attributes
    ----------
    contender : str
        Key of the network's row.
    size_px, n : int
        Side and number of the pictures that were timed.
    low, median, high : float, seconds
        Quartiles of the time for one picture.
    n_parameters : int
        Of the network.
    machine : str
        What it ran on.
    """

    contender: str
    size_px: int
    n: int
    low: float
    median: float
    high: float
    n_parameters: int
    machine: str

    @property
    def fps(self) -> float:
        """Images per second, from the median."""
        return 1 / self.median


def measure_speed(folder: Path, protocol: CraquelureProtocol, *, monitor: Listener) -> list[Speed]:
    """Time the networks on single pictures of 512 × 512 px, or read what was measured before.

    Parameters
    ----------
    folder : Path
        Folder of the study; ``speed.csv`` is written there, and kept when it is there.
    protocol : CraquelureProtocol
        Which networks.
    monitor : Listener
        Hears progress.

    Returns
    -------
    list of Speed
        In the order of Figure 9: forward pass and argmax in float32, as the paper counts. Weights do not matter, so the
        initial ones are taken.
    """
    if (folder / FILE).is_file():
        return read_speed(folder)
    from graven.train.run import build_model
    from graven.train.speed import time_pictures

    found = []
    with monitor.progress("timing networks") as report:
        for number, entry in enumerate(NETWORKS.values(), start=1):
            recipe = painting_recipe(protocol, entry, seed=1)
            model = build_model(recipe, mean=(127.5,) * 3, std=(64.0,) * 3)
            seconds, device = time_pictures(model, size_px=SIZE_PX)
            low, median, high = (float(value) for value in np.quantile(seconds, (0.25, 0.5, 0.75)))
            n_parameters = sum(parameter.numel() for parameter in model.parameters())
            machine = _processor() if device == "cpu" else device
            found.append(Speed(entry.key, SIZE_PX, len(seconds), low, median, high, n_parameters, machine))
            report(number, len(NETWORKS))
    rows: list[list[Cell]] = [
        [s.contender, s.size_px, s.n, s.low, s.median, s.high, s.n_parameters, s.machine] for s in found
    ]
    write_text_atomic(folder / FILE, csv_table(COLUMNS, rows))
    return found


def read_speed(folder: Path) -> list[Speed]:
    """Read what was measured.

    Parameters
    ----------
    folder : Path
        Folder of the study.

    Returns
    -------
    list of Speed
        Empty where nothing was measured.

    Raises
    ------
    DataError
        If the file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        return [
            Speed(
                row["contender"],
                int(row["size_px"]),
                int(row["n"]),
                float(row["seconds_low"]),
                float(row["seconds_median"]),
                float(row["seconds_high"]),
                int(row["n_parameters"]),
                row["machine"],
            )
            for row in rows
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"{FILE} is damaged ({error!r}); remove it, and repeat the study with --resume") from error


def _processor() -> str:
    """Name the processor and the threads that torch uses."""
    from graven.train.speed import n_threads

    name = platform.processor() or platform.machine()
    described = Path("/proc/cpuinfo")
    if described.is_file():
        lines = described.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    n = n_threads()
    return f"{name}, {n} thread{'' if n == 1 else 's'}"
