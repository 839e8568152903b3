"""``__all__`` of every module says what the module offers: all of it, nothing else, nothing twice."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

SRC = Path(__file__).resolve().parent.parent / "src"


def module_names() -> list[str]:
    files = sorted(path.relative_to(SRC).with_suffix("") for path in (SRC / "graven").rglob("*.py"))
    return [".".join(path.parts).removesuffix(".__init__") for path in files if path.name != "__main__"]


def defined_here(module: ModuleType) -> set[str]:
    """Give the public functions and classes that the module itself defines."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    }


@pytest.mark.parametrize("name", module_names())
def test_all_matches_the_module(name: str) -> None:
    module = import_module(name)
    exported = list(getattr(module, "__all__", []))
    assert sorted(exported) == sorted(set(exported)), "a name stands in __all__ twice"
    missing = [entry for entry in exported if not hasattr(module, entry)]
    assert missing == [], "names in __all__ that the module does not have"
    assert defined_here(module) <= set(exported), "public functions or classes that __all__ leaves out"


def test_the_front_door_offers_exactly_its_lazy_functions() -> None:
    graven = import_module("graven")
    assert set(graven.__all__) == {*graven._LAZY, "GravenError", "__version__"}
    assert dir(graven) == sorted(graven.__all__)
    with pytest.raises(AttributeError, match=r"no attribute 'trace'; it offers .*'segment'"):
        _ = graven.trace
