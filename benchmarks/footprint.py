"""Peak memory of one contender: a process of its own that says when it is ready, and is watched from then on."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.adapter import Job, LeftOut, Models
from benchmarks.contenders import CONTENDERS
from benchmarks.memory import INTERVAL_S, tree_memory

__all__ = ["footprint"]

READY = "ready"
ROOT = Path(__file__).resolve().parent.parent


def footprint(key: str, source: Path, folder: Path) -> tuple[int, int]:
    """Run a contender in a new process and watch its proportional set size.

    Parameters
    ----------
    key : str
        Contender.
    source : Path
        Image.
    folder : Path
        For the result.

    Returns
    -------
    ready, peak : int, bytes
        When the network was loaded and had answered a tile; and the largest from then on, over the process tree.

    Raises
    ------
    LeftOut
        If the contender cannot run here.
    """
    command = [sys.executable, "-m", "benchmarks.footprint", key, str(source.resolve()), str(folder.resolve())]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        answer = child.stdout.readline().strip()
        if answer != READY:
            child.wait()
            raise LeftOut(answer or f"its process left with {child.returncode} before it was ready")
        ready = peak = tree_memory(child.pid)[0]
        child.stdin.write("go\n")
        child.stdin.flush()
        while child.poll() is None:
            peak = max(peak, tree_memory(child.pid)[0])
            time.sleep(INTERVAL_S)
        if child.returncode:
            raise LeftOut(f"its process left with {child.returncode}")
    return ready, peak


def main() -> int:
    parser = argparse.ArgumentParser(description="Load a contender, wait for a line, run it once.")
    parser.add_argument("key", choices=CONTENDERS)
    parser.add_argument("source", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    job = Job(asked.source, asked.folder, Models())
    contender = CONTENDERS[asked.key]
    for name in contender.needs:
        __import__(name)
    try:
        run = contender.start(job)
    except LeftOut as error:
        print(error, flush=True)
        return 0
    predictor = job.models.reference if asked.key == "torch-float32" else job.models.predictor
    predictor(np.zeros((predictor.at_once, 3, job.tile_px, job.tile_px), np.float32))
    print(READY, flush=True)
    if not sys.stdin.readline():
        return 1
    run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
