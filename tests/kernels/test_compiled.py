"""Compiled kernels run whether or not there is a place to keep them."""

from __future__ import annotations

from typing import Any

from graven.kernels.compiled import compiled
from graven.measure import outlines


def test_without_a_place_for_the_code_a_function_is_compiled_all_the_same() -> None:
    # Numba finds no folder for a function that stands in no file, as it finds none for an account without a home.
    names: dict[str, Any] = {}
    exec("def twice(x):\n    return 2 * x\n", names)
    twice: Any = compiled(names["twice"])
    assert twice(21) == 42
    assert twice.signatures


def test_where_there_is_a_place_the_code_is_kept() -> None:
    kernel: Any = outlines.follow_rings
    assert kernel.stats.cache_path
