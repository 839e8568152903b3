"""Compiled loops that are kept between runs where there is a place to keep them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["compiled"]

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function when it is first called.

    Parameters
    ----------
    function : callable
        In the part of Python that Numba compiles.

    Returns
    -------
    callable
        The same, compiled. The code is kept beside the module or in the cache folder of the user; where neither can be
        written (a container, an account without a home) it is compiled again in every process.

    Examples
    --------
    >>> @compiled
    ... def twice(x: int) -> int:
    ...     return 2 * x
    >>> twice(21)
    42
    """
    try:
        made = numba.njit(cache=True)(function)
    except RuntimeError:  # Numba found no folder for its cache
        made = numba.njit(cache=False)(function)
    return cast("Function", made)  # a dispatcher, which is called like the function
