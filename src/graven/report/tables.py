"""Tables as plain text, Markdown and CSV, for terminals, studies and spreadsheets."""

from __future__ import annotations

import csv
import io
import unicodedata
from typing import TYPE_CHECKING

from graven.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Cell", "csv_table", "markdown_table", "text_table"]

Cell = str | int | float | None
"""A cell: text, a number, or None for what does not exist (printed as a dash, left empty in CSV)."""


def text_table(head: Sequence[str], rows: Sequence[Sequence[Cell]], *, decimals: int = 3) -> str:
    """Set a table in plain text, numbers to the right.

    Parameters
    ----------
    head : sequence of str
        Column heads.
    rows : sequence of sequences
        Cells, as many per row as heads.
    decimals : int, >= 0
        Digits after the point of a float; whole numbers and text stay as they are.

    Returns
    -------
    str
        Lines of equal length, ending in a newline.

    Raises
    ------
    InputError
        If a row has another number of cells than the head.

    Examples
    --------
    >>> print(text_table(["name", "F1"], [["a", 0.5], ["long", None]]))
    name     F1
    ----  -----
    a     0.500
    long      –
    <BLANKLINE>
    """
    texts, right = _texts(head, rows, decimals)
    widths = [max(_width(row[i]) for row in [list(head), *texts]) for i in range(len(head))]
    lines = [_line(head, widths, right), "  ".join("-" * width for width in widths)]
    lines += [_line(row, widths, right) for row in texts]
    return "\n".join(lines) + "\n"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[Cell]], *, decimals: int = 3) -> str:
    r"""Set the same table in Markdown.

    Parameters
    ----------
    head, rows, decimals
        As in `text_table`.

    Returns
    -------
    str
        A pipe table; bars, line breaks and angle brackets inside cells are escaped.

    Raises
    ------
    InputError
        If a row has another number of cells than the head.

    Examples
    --------
    >>> print(markdown_table(["name", "F1"], [["a|b", 0.5]]))
    | name | F1 |
    | :--- | ---: |
    | a\|b | 0.500 |
    <BLANKLINE>
    """
    texts, right = _texts(head, rows, decimals)
    marks = ["---:" if is_right else ":---" for is_right in right]
    lines = [[_escaped(cell) for cell in head], marks, *([_escaped(cell) for cell in row] for row in texts)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def csv_table(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    r"""Set a table as CSV (comma, point, quotes where needed), numbers with all their digits.

    Parameters
    ----------
    head, rows
        As in `text_table`; None leaves the cell empty.

    Returns
    -------
    str
        CSV with ``\n`` line ends. Text that a spreadsheet would run as a formula gets an apostrophe in front.

    Raises
    ------
    InputError
        If a row has another number of cells than the head.

    Examples
    --------
    >>> csv_table(["name", "F1"], [["=1+1", 0.25], ["b", None]])
    "name,F1\n'=1+1,0.25\nb,\n"
    """
    _texts(head, rows, 0)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([_harmless(cell) for cell in head])
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return buffer.getvalue()


def _texts(head: Sequence[str], rows: Sequence[Sequence[Cell]], decimals: int) -> tuple[list[list[str]], list[bool]]:
    """Cells as text, and which columns hold numbers only."""
    for i, row in enumerate(rows):
        if len(row) != len(head):
            raise InputError(f"each row needs {len(head)} cells like the head, row {i} has {len(row)}")
    right = [
        any(isinstance(row[i], int | float) for row in rows) and not any(isinstance(row[i], str) for row in rows)
        for i in range(len(head))
    ]
    return [[_text(cell, decimals) for cell in row] for row in rows], right


def _text(cell: Cell, decimals: int) -> str:
    if cell is None or cell != cell:
        return "–"
    return f"{cell:.{decimals}f}" if isinstance(cell, float) else str(cell)


def _width(text: str) -> int:
    """Columns that a text takes on a terminal: wide signs count twice, combining ones not at all."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in {"W", "F"} else 1
        for sign in text
    )


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = []
    for cell, width, is_right in zip(cells, widths, right, strict=True):
        gap = " " * (width - _width(cell))
        padded.append(gap + cell if is_right else cell + gap)
    return "  ".join(padded).rstrip()


def _escaped(cell: str) -> str:
    for plain, safe in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), (">", "&gt;"), ("\n", " "), ("\r", " ")):
        cell = cell.replace(plain, safe)
    return cell


def _harmless(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell
