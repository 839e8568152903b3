"""Killed at any moment, and continued: the record is that of an undisturbed run, and nothing half is believed whole."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

N_KILLS = int(os.environ.get("GRAVEN_KILLS", "10"))
"""Moments tried; a hundred take about ten minutes on two quiet cores."""


def _start(command: list[str], folder: Path, *, session: bool = False) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "graven", *command],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=session,
    )


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_segment_killed_at_random_moments_leaves_the_record_of_an_undisturbed_run(
    canonical: Callable, panel: Path, model: Path, tmp_path: Path
) -> None:
    command = ["segment", str(panel), "-m", str(model), "--tile", "64", "--overlap", "16", "-q", "-o"]
    begun = time.monotonic()
    with _start([*command, "whole"], tmp_path) as process:
        process.communicate(timeout=300)
        assert process.returncode == 0
    duration = time.monotonic() - begun
    expected = canonical(tmp_path / "whole")
    rng = np.random.default_rng(20261121)
    n_killed = round_ = 0
    while n_killed < N_KILLS:
        out = tmp_path / f"cut{round_}"
        round_ += 1
        while not out.exists():
            resume = ["--resume"] if out.with_name(f"{out.name}.partial").exists() else []
            with _start([*command, out.name, *resume], tmp_path) as process:
                try:
                    _, err = process.communicate(timeout=rng.uniform(0.2, 1.1) * duration)
                    assert process.returncode == 0, err.decode()
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.communicate()
                    n_killed += 1
        assert canonical(out) == expected, f"after {n_killed} kills"
        left = [path.name for path in tmp_path.iterdir() if path.name.startswith((out.name, ".graven"))]
        assert left == [out.name]


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_batch_killed_at_random_moments_leaves_the_records_of_an_undisturbed_run(
    canonical: Callable, panel: Path, model: Path, tmp_path: Path
) -> None:
    pytest.importorskip("distributed", reason="a batch needs graven[scale]")
    (tmp_path / "panels").mkdir()
    for name in ("one", "two", "three"):
        shutil.copyfile(panel, tmp_path / "panels" / f"{name}.tif")
    command = ["batch", "panels", "-m", str(model), "--tile", "64", "--overlap", "16", "--workers", "2", "-q", "-o"]
    begun = time.monotonic()
    with _start([*command, "whole"], tmp_path) as process:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err.decode()
    duration = time.monotonic() - begun
    expected = _records(tmp_path / "whole", canonical)
    assert len(expected) == 3
    rng = np.random.default_rng(20261121)
    n_killed = round_ = 0
    while n_killed < N_KILLS:
        out = tmp_path / f"cut{round_}"
        round_ += 1
        is_done = False
        while not is_done:
            # The folder appears before the manifest that makes it one of ours; what a killed run left is then replaced.
            again = ["--resume"] if (out / "manifest.jsonl").exists() else []
            with _start([*command, out.name, *again], tmp_path, session=True) as process:
                try:
                    _, err = process.communicate(timeout=rng.uniform(0.2, 1.1) * duration)
                    assert process.returncode == 0, err.decode()
                    is_done = True
                except subprocess.TimeoutExpired:
                    if n_killed % 2:
                        os.killpg(process.pid, signal.SIGKILL)  # workers and all
                    else:
                        process.send_signal(signal.SIGKILL)  # its workers are on their own
                    process.communicate()
                    n_killed += 1
        assert _records(out, canonical) == expected, f"after {n_killed} kills"
        assert not list(out.glob("*.partial"))


def _records(out: Path, canonical: Callable) -> dict[str, object]:
    return {path.name: canonical(path) for path in sorted(out.glob("*-record"))}
