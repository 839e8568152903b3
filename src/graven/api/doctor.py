"""``graven doctor``: versions, memory, write permission, engines, models, and the time of one tile."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import numpy as np

from graven._version import __version__
from graven.api.models import verify
from graven.errors import GravenError
from graven.io.bundle import list_bundles, read_bundle
from graven.predict.engines import ENGINES, choose_engine, installed_engines, load_engine

__all__ = ["Finding", "doctor", "versions"]

PACKAGES = ("numpy", "scipy", "opencv-python-headless", "rasterio", "shapely", "pyogrio", "ezdxf", "openvino", "onnx")
OPTIONAL_PACKAGES = {"torch": "ml", "timm": "ml", "lightning": "train", "onnxruntime": "fast"}
"""With the extra that brings each."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination.

    Attributes
    ----------
    check : str
        What was looked at.
    state : {"sound", "wrong", "absent"}
        ``absent`` is an optional part that is not installed.
    detail : str
        What was found.
    """

    check: str
    state: Literal["sound", "wrong", "absent"]
    detail: str


def versions() -> dict[str, str]:
    """Give the versions of everything that shapes a result.

    Returns
    -------
    dict of str to str
        graven, Python, platform, and the libraries that are installed.
    """
    found = {"graven": __version__, "python": platform.python_version(), "platform": platform.platform()}
    for package in (*PACKAGES, *OPTIONAL_PACKAGES):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def doctor() -> list[Finding]:
    """Examine the machine and the installation.

    Returns
    -------
    list of Finding
        One line per check, in a fixed order.
    """
    found = versions()
    rows = [
        Finding("graven", "sound", f"{found['graven']} on Python {found['python']}, {found['platform']}"),
        Finding("processor", "sound", f"{os.cpu_count()} logical cores, {platform.machine()}"),
        Finding("memory", "sound", _memory()),
    ]
    rows += [
        Finding(name, "sound" if name in found else "wrong", found.get(name, "not installed")) for name in PACKAGES
    ]
    rows += [
        Finding(name, "sound" if name in found else "absent", found.get(name, f"comes with graven[{extra}]"))
        for name, extra in OPTIONAL_PACKAGES.items()
    ]
    rows.append(_engines())
    rows.append(_writable(Path.cwd()))
    rows += [_model(name) for name in list_bundles()]
    return rows


def _memory() -> str:
    if sys.platform == "win32" or "SC_PHYS_PAGES" not in os.sysconf_names:
        return "unknown on this system"
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{total / 2**30:.1f} GiB"


def _writable(folder: Path) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"graven")
    except OSError as error:
        return Finding("write here", "wrong", f"{folder}: {error.strerror}")
    return Finding("write here", "sound", str(folder))


def _engines() -> Finding:
    """Say which engines are installed and which one a prediction would take."""
    there = installed_engines()
    missing = [name for name in ENGINES if name not in there]
    listed = f"installed: {', '.join(there) or 'none'}" + (f"; not installed: {', '.join(missing)}" if missing else "")
    try:
        choice = choose_engine()
    except GravenError as error:
        return Finding("engines", "wrong", f"{listed}; {error}")
    return Finding("engines", "sound", f"{listed}; auto takes {choice.name} ({choice.why})")


def _model(name: str) -> Finding:
    """Verify one bundle with the engine that a prediction would take, and time one tile."""
    try:
        check = verify(name, engine="auto")[-1]["check"]
        bundle = read_bundle(name)
        engine = load_engine(bundle.model_path)
        tile = np.zeros((1, len(bundle.spec.bands), bundle.spec.tile_px, bundle.spec.tile_px), np.uint8)
        engine(tile)
        start = time.perf_counter()
        engine(tile)
        seconds = time.perf_counter() - start
    except GravenError as error:
        return Finding(f"model {name}", "wrong", str(error))
    return Finding(
        f"model {name}",
        "sound",
        f"{check}; one tile of {bundle.spec.tile_px} px in {seconds * 1000:.0f} ms, {engine.n_parallel} at a time",
    )
