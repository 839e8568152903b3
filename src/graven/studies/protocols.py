"""``protocol.json``: all that a study held fixed, with versions; one folder never mixes two of them."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, TypeVar

from graven._version import __version__
from graven.errors import MismatchError, UsageError
from graven.io.fs import write_text_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["PACKAGES", "keep_protocol", "named_protocol", "versions"]

P = TypeVar("P")

PACKAGES = ("numpy", "scipy", "opencv-python-headless", "torch", "lightning")


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Give the versions of graven, Python and the packages that decide the numbers of a study.

    Parameters
    ----------
    packages : sequence of str
        As they are called when they are installed.

    Returns
    -------
    dict of str to str
        ``unknown`` for a package that is not there.
    """
    found = {"graven": __version__, "python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def named_protocol(protocols: Mapping[str, P], name: str, *, epochs: int | None) -> P:
    """Find the protocol of a study by what a user typed.

    Parameters
    ----------
    protocols : mapping of str to protocol
        By name.
    name : str
        ``small`` or ``full``.
    epochs : int or None
        Epochs that a user asked for; only checked here.

    Returns
    -------
    protocol
        As it stands in the mapping.

    Raises
    ------
    UsageError
        If the name is unknown or the epochs are fewer than one.
    """
    if name not in protocols:
        raise UsageError(f"--protocol takes small or full, got {name!r}")
    if epochs is not None and epochs < 1:
        raise UsageError(f"--epochs must be at least 1, got {epochs}")
    return protocols[name]


def keep_protocol(path: Path, facts: dict[str, Any], *, fixed: Sequence[str]) -> None:
    """Write the facts of a study, unless another study stands there.

    Parameters
    ----------
    path : Path
        ``protocol.json`` of the study.
    facts : dict
        JSON-ready; no path, no time.
    fixed : sequence of str
        Keys of mappings of which no entry may change; entries may be added, and those of earlier calls are kept. All
        other facts, such as losses and seeds, are those of the last call.

    Raises
    ------
    MismatchError
        If the folder holds a study with another entry under such a key.
    """
    facts = dict(facts)
    if path.is_file():
        stored = json.loads(path.read_text(encoding="utf-8"))
        plain = json.loads(json.dumps(facts))
        for key in fixed:
            wrong = [name for name, value in plain[key].items() if stored[key].get(name, value) != value]
            if wrong:
                raise MismatchError(
                    f"the folder holds a study with another {key} ({wrong[0]}); repeat its command, or give another "
                    "folder"
                )
            facts[key] = {**stored[key], **facts[key]}
    write_text_atomic(path, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
