"""Peak memory of a command and all that it starts, as proportional set size: shared pages count once in all.

Resident set sizes count a page that two processes share twice, and the peak that a system keeps for a process leaves
out its children; so the whole tree is sampled from ``/proc`` while it runs.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Usage", "measure", "tree_memory"]

PROC = Path("/proc")
INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True)
class Usage:
    """What a command took.

    Attributes
    ----------
    exit_code : int
        Of the command; negative for a signal.
    wall_s, cpu_s : float, seconds
        Time that passed, and time of all processors, that of children included as far as they were waited for.
    peak_pss, peak_rss : int, bytes
        Largest sums over the process tree at the moments of sampling.
    n_samples : int
        How often it was looked at.
    """

    exit_code: int
    wall_s: float
    cpu_s: float
    peak_pss: int
    peak_rss: int
    n_samples: int

    def __str__(self) -> str:
        return (
            f"peak PSS {self.peak_pss / 2**20:.0f} MiB, peak RSS {self.peak_rss / 2**20:.0f} MiB, "
            f"wall {self.wall_s:.1f} s, CPU {self.cpu_s:.1f} s ({self.n_samples} samples)"
        )


def measure(command: Sequence[str], *, interval_s: float = INTERVAL_S) -> Usage:
    """Run a command and watch the memory of its process tree.

    Parameters
    ----------
    command : sequence of str
        Program and arguments; its output goes where ours goes.
    interval_s : float, seconds, > 0
        Time between two looks. A peak that is shorter can be missed.

    Returns
    -------
    Usage
        What it took, from start to exit.
    """
    own = PROC / str(os.getpid())
    if not ((own / "smaps_rollup").exists() and (own / "task" / own.name / "children").exists()):
        raise OSError("the memory of a process tree is read from smaps_rollup and children in /proc; use Linux 4.14 on")
    peak_pss = peak_rss = n_samples = 0
    start = time.perf_counter()
    with subprocess.Popen(list(command)) as child:
        while True:
            done, status, spent = os.wait4(child.pid, os.WNOHANG)
            if done:
                wall_s = time.perf_counter() - start
                child.returncode = os.waitstatus_to_exitcode(status)
                break
            pss, rss = tree_memory(child.pid)
            peak_pss, peak_rss, n_samples = max(peak_pss, pss), max(peak_rss, rss), n_samples + 1
            time.sleep(interval_s)
    return Usage(child.returncode, wall_s, spent.ru_utime + spent.ru_stime, peak_pss, peak_rss, n_samples)


def tree_memory(pid: int) -> tuple[int, int]:
    """Add up the memory of a process and all its descendants.

    Parameters
    ----------
    pid : int
        The process.

    Returns
    -------
    pss, rss : int, bytes
        Proportional and resident set size; a process that ends meanwhile counts nothing.
    """
    pss = rss = 0
    for process in _descendants(pid):
        with contextlib.suppress(OSError):
            for line in (PROC / str(process) / "smaps_rollup").read_text().splitlines():
                name, _, value = line.partition(":")
                if name in ("Pss", "Rss"):
                    size = int(value.split()[0]) * 1024
                    pss, rss = (pss + size, rss) if name == "Pss" else (pss, rss + size)
    return pss, rss


def _descendants(pid: int) -> list[int]:
    """Give a process and all that stem from it, as far as they still run."""
    found, waiting = [], [pid]
    while waiting:
        parent = waiting.pop()
        found.append(parent)
        for thread in _entries(PROC / str(parent) / "task"):
            with contextlib.suppress(OSError):
                waiting += map(int, (thread / "children").read_text().split())
    return found


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def main() -> int:
    parser = argparse.ArgumentParser(description="Run a command and print its peak memory and times.")
    parser.add_argument("--interval", type=float, default=INTERVAL_S, help="seconds between two looks")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="program and arguments")
    options = parser.parse_args()
    if not options.command:
        parser.error("name the command to run")
    usage = measure(options.command, interval_s=options.interval)
    print(usage, file=sys.stderr)
    return usage.exit_code


if __name__ == "__main__":
    sys.exit(main())
