"""Memory of a process tree: a child of a child counts, and exit codes come through."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.memory import measure

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(), reason="memory is sampled from Linux's /proc"
)

HOLD = "import time; held = b'x' * {size}; time.sleep(1.5)"
NEST = "import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], check=True)"


@pytest.mark.parametrize("nested", [False, True])
def test_the_whole_tree_is_counted(nested: bool) -> None:
    size = 200 << 20
    code = HOLD.format(size=size)
    usage = measure([sys.executable, "-c", NEST.format(code=code) if nested else code], interval_s=0.05)
    assert usage.exit_code == 0
    assert size <= usage.peak_pss <= size + (100 << 20)
    assert usage.peak_rss >= usage.peak_pss
    assert usage.wall_s >= 1.5  # it slept as long
    assert usage.cpu_s > 0


def test_the_command_line_passes_the_exit_code_on() -> None:
    command = [sys.executable, "-m", "benchmarks.memory", sys.executable, "-c", "raise SystemExit(3)"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 3
    assert "peak PSS" in done.stderr
