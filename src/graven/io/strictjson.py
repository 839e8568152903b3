"""JSON from strangers: bounded in size and depth, without NaN, infinities or repeated keys."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from graven.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["parse_json", "read_json"]

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 64


def read_json(path: Path, *, max_bytes: int = MAX_BYTES) -> Any:
    """Read one JSON document.

    Parameters
    ----------
    path : Path
        File in UTF-8.
    max_bytes : int
        Larger files are refused before they are read.

    Returns
    -------
    object
        Dictionaries, lists, strings, numbers, booleans and None.

    Raises
    ------
    DataError
        If the file is missing, too large, not UTF-8, not JSON, nested deeper than 64 levels, or holds NaN, an infinity,
        a number beyond the range of a float, or the same key twice.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise DataError(f"{path.name} has {size} bytes; JSON up to {max_bytes} bytes is read, so split the file")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name} must be JSON in UTF-8; byte {error.start} is not") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    return parse_json(text, name=path.name)


def parse_json(text: str, *, name: str) -> Any:
    """Parse one JSON document under the same rules.

    Parameters
    ----------
    text : str
        The document.
    name : str
        What messages call it.

    Returns
    -------
    object
        As `read_json`.

    Raises
    ------
    DataError
        As `read_json`.

    Examples
    --------
    >>> parse_json('{"a": [1, 2]}', name="example")
    {'a': [1, 2]}
    """
    if _depth(text) > MAX_DEPTH:
        raise DataError(f"{name} is nested deeper than {MAX_DEPTH} levels; that is no file graven or its peers write")
    try:
        return json.loads(
            text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_refuse_repeated
        )
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} is not sound JSON: {error}") from error


def _depth(text: str) -> int:
    """Give the deepest nesting of brackets outside strings."""
    deepest = depth = 0
    in_string = escaped = False
    for char in text:
        if in_string:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                break
        elif char in "]}":
            depth -= 1
    return deepest


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is beyond the range of a float")
    return value


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice in one object")
        found[key] = value
    return found
