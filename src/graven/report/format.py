"""Numbers as a reader of a record wants them: no digit beyond the uncertainty, a unit that fits, thin spaces.

A length of 1234.56 mm known to 40 mm is printed as ``1.23 ± 0.04 m``; the digits that nobody knows are not shown.
"""

from __future__ import annotations

import math

from graven.errors import InputError

__all__ = [
    "NARROW_SPACE",
    "UNIT_SPACE",
    "format_bytes",
    "format_count",
    "format_number",
    "format_share",
    "format_value",
]

NARROW_SPACE = "\u202f"
"""Narrow no-break space between thousands."""

UNIT_SPACE = "\u00a0"
"""No-break space between a number and its unit."""


def format_number(value: float, decimals: int) -> str:
    """Print a number with a fixed number of decimals; negative `decimals` round to tens, hundreds and so on.

    Parameters
    ----------
    value : float
        Any number; infinite and undefined ones are printed as a dash.
    decimals : int
        Digits after the point.

    Returns
    -------
    str
        With a true minus sign and, from five digits on, narrow spaces between thousands.

    Examples
    --------
    >>> format_number(-1234.56, 1), format_number(1234.56, -2)
    ('−1234.6', '1200')
    """
    if not math.isfinite(value):
        return "–"
    text = f"{round(value, decimals):.{max(decimals, 0)}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    sign, digits = ("−", text[1:]) if text.startswith("-") else ("", text)
    whole, point, fraction = digits.partition(".")
    if len(whole) > 4:
        whole = f"{int(whole):,}".replace(",", NARROW_SPACE)
    return sign + whole + point + fraction


def _decimals_of(sigma: float) -> int:
    """Decimals that a standard uncertainty supports: one digit of it, two where the first is a 1."""
    exponent = math.floor(math.log10(sigma))
    leading = round(sigma / 10.0**exponent, 6)
    # 1.96 would be printed as 2.0; it then needs one digit only.
    return 1 - exponent if leading < 1.95 else -exponent


def format_value(value: float, sigma: float | None = None, unit: str = "") -> str:
    """Print a value with its standard uncertainty, hiding every digit beyond it.

    Parameters
    ----------
    value : float
        In `unit`.
    sigma : float or None, >= 0
        One standard uncertainty. It is rounded to one digit, or to two where the first is a 1, and the value to the
        same place. None or 0 mean that no uncertainty is stated: the value then gets three significant digits.
    unit : str
        Printed after a no-break space; ``%`` and others as they are.

    Returns
    -------
    str
        ``value ± sigma unit``.

    Raises
    ------
    InputError
        If `sigma` is negative or not finite.

    Examples
    --------
    >>> format_value(1234.56, 41.0, "mm").replace(UNIT_SPACE, " ")
    '1230 ± 40 mm'
    >>> format_value(0.12345, 0.0123)
    '0.123 ± 0.012'
    >>> format_value(1234.56)
    '1235'
    """
    tail = f"{UNIT_SPACE}{unit}" if unit else ""
    if sigma is not None and (not math.isfinite(sigma) or sigma < 0):
        raise InputError(f"a standard uncertainty must be finite and at least 0, got {sigma} for the value {value}")
    if not math.isfinite(value):
        return "–"
    if sigma is None or sigma == 0:
        digits = 0 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
        return format_number(value, digits) + tail
    decimals = _decimals_of(sigma)
    return f"{format_number(value, decimals)} ± {format_number(sigma, decimals)}{tail}"


def format_share(share: float, sigma: float | None = None) -> str:
    """Print a ratio between 0 and 1 in per cent; a share above zero is never printed as 0 %.

    Examples
    --------
    >>> format_share(0.0).replace(UNIT_SPACE, " "), format_share(0.0004).replace(UNIT_SPACE, " ")
    ('0 %', '< 0.1 %')
    """
    if sigma:
        return format_value(100 * share, 100 * sigma, "%")
    if 0 < share < 0.001:
        return f"<{UNIT_SPACE}0.1{UNIT_SPACE}%"
    decimals = 0 if share in {0.0, 1.0} else 1
    text = format_number(100 * share, decimals)
    if share < 1 and text == "100.0":
        text = "99.9"
    return f"{text}{UNIT_SPACE}%"


def format_count(count: int) -> str:
    """Print a whole number with narrow spaces between thousands from five digits on."""
    return format_number(float(count), 0)


def format_bytes(n_bytes: int) -> str:
    """Print a file size in kB, MB or GB (powers of ten).

    Examples
    --------
    >>> format_bytes(1_234_567).replace(UNIT_SPACE, " ")
    '1.2 MB'
    """
    for least, unit, decimals in ((1e9, "GB", 1), (1e6, "MB", 1), (1e3, "kB", 0)):
        if n_bytes >= least:
            return f"{format_number(n_bytes / least, decimals)}{UNIT_SPACE}{unit}"
    return f"{n_bytes}{UNIT_SPACE}bytes"
