"""The machine of a measurement in words and numbers, without its name."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graven.api.doctor import versions

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FLAGS", "describe", "write_machine"]

FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
"""What decides how fast a network can be on a processor."""

PEERS = (
    "matplotlib",
    "monai",
    "tiler",
    "sknw",
    "skan",
    "scikit-image",
    "scikit-learn",
    "torchmetrics",
    "onnxruntime",
    "numba",
    "dask",
)


def describe() -> dict[str, Any]:
    """Describe processor, memory, system and versions; ``load`` is the mean number of busy cores before measuring."""
    info = _proc("/proc/cpuinfo")
    offered = set(info.get("flags", "").split())
    kib = int(_proc("/proc/meminfo").get("MemTotal", "0 kB").split()[0])
    found = versions()
    found.pop("platform")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": info.get("model name", platform.machine()),
        "cores": os.cpu_count(),
        "cores_usable": len(os.sched_getaffinity(0)),
        "flags": [name for name in FLAGS if name in offered],
        "memory_gib": round(kib / 2**20, 1),
        "system": f"{_system()}, {platform.machine()}",
        "load": round(os.getloadavg()[0], 1),
        "versions": found | {name: told for name in PEERS if (told := _version(name))},
    }


def write_machine(path: Path, parts: Iterable[str], **facts: object) -> None:
    """Note the machine of parts of a measurement, and what else is to be known; other parts keep theirs."""
    noted = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    noted |= dict.fromkeys(parts, describe() | facts)
    path.write_text(json.dumps(noted, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _proc(path: str) -> dict[str, str]:
    """Read ``name : value`` lines of the first block; empty where the system has no such file."""
    file = Path(path)
    if not file.is_file():
        return {}
    first = file.read_text(encoding="utf-8").split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _system() -> str:
    """Name the system as it names itself."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return f"{platform.system()} {platform.release()}"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
