"""Docstrings agree with signatures: whatever a docstring documents is complete and real.

What a package offers in its own ``__all__`` must document all its parameters and what it returns; a helper that
modules share may have one line, but no half a table. The docstring of a command is its help text and is left out.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import pytest
from numpydoc.validate import validate

SRC = Path(__file__).resolve().parents[2] / "src"
ALWAYS = {"PR02", "PR07", "RT03", "SS03"}  # unknown parameters, empty descriptions, no period
COMPLETE = {"PR01", "RT01", "YD01"}  # parameters, returns or yields missing


def module_names() -> list[str]:
    files = sorted(path.relative_to(SRC).with_suffix("") for path in (SRC / "graven").rglob("*.py"))
    names = [".".join(path.parts).removesuffix(".__init__") for path in files if path.name != "__main__"]
    return [name for name in names if name != "graven" and not name.startswith("graven.cli")]


@pytest.mark.parametrize("name", module_names())
def test_docstrings_agree_with_signatures(name: str) -> None:
    module = import_module(name)
    is_package = hasattr(module, "__path__")
    found = []
    for entry in getattr(module, "__all__", []):
        function = getattr(module, entry)
        if not inspect.isfunction(function):
            continue
        has_table = "Parameters\n" in inspect.cleandoc(function.__doc__ or "")
        codes = ALWAYS | COMPLETE if is_package or has_table else ALWAYS
        found += [f"{entry}: {text}" for code, text in validate(f"{name}.{entry}")["errors"] if code in codes]
    assert found == []
