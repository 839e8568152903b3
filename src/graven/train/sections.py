"""Plain YAML into frozen settings: every key is checked, and what does not fit is named by its path."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, Literal, get_args, get_origin, get_type_hints

from graven.errors import InputError

__all__ = ["parse_section"]


def parse_section(kind: Any, value: Any, where: str = "") -> Any:
    """Turn plain YAML into a value of an annotated type, or say where it does not fit.

    Parameters
    ----------
    kind : type
        A dataclass, or what one of its fields is annotated with. A dataclass with a class method ``from_name`` may be
        given by a name alone.
    value : object
        What YAML gave.
    where : str
        Path of the value in messages, such as ``run.max_steps``.

    Returns
    -------
    object
        Of that kind.

    Raises
    ------
    InputError
        If a key is unknown or missing, or a value is of another kind.
    """
    place = where or "the recipe"
    if dataclasses.is_dataclass(kind):
        return _section(kind, value, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return parse_section(next(a for a in arguments if a is not type(None)), value, where)
    if origin is Literal:
        if value not in arguments:
            raise InputError(f"{place} must be one of {', '.join(map(str, arguments))}, got {value!r}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise InputError(f"{place} must be a list, got {value!r}")
        return tuple(parse_section(arguments[0], entry, f"{where}[{i}]") for i, entry in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise InputError(f"{place} must map names to values, got {value!r}")
        return {key: parse_section(arguments[1], entry, f"{where}.{key}") for key, entry in value.items()}
    if kind is Any:
        return value
    return _scalar(kind, value, place)


def _scalar(kind: Any, value: Any, place: str) -> Any:
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf"):
        return float(value)
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)) and kind is not float:
        return value
    hint = "; YAML reads 1e-4 as text, write 1.0e-4" if kind is float and isinstance(value, str) else ""
    word = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}[kind.__name__]
    raise InputError(f"{place} must be {word}, got {value!r}{hint}")


def _section(kind: Any, value: Any, where: str) -> Any:
    place = where or "the recipe"
    if isinstance(value, str) and hasattr(kind, "from_name"):
        return kind.from_name(value)
    hints = get_type_hints(kind)
    fields = {entry.name: entry for entry in dataclasses.fields(kind)}
    if not isinstance(value, dict):
        raise InputError(f"{place} must be a section with the keys {', '.join(fields)}, got {value!r}")
    unknown = [key for key in value if key not in fields]
    if unknown:
        raise InputError(f"{place} does not know {str(unknown[0])!r}; its keys are {', '.join(fields)}")
    nothing = dataclasses.MISSING
    missing = [
        key
        for key, entry in fields.items()
        if key not in value and entry.default is nothing and entry.default_factory is nothing
    ]
    if missing:
        raise InputError(f"{place} needs {missing[0]!r}; its keys are {', '.join(fields)}")
    prefix = f"{where}." if where else ""
    return kind(**{key: parse_section(hints[key], entry, f"{prefix}{key}") for key, entry in value.items()})
