from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graven.errors import InputError
from graven.report import csv_table, markdown_table, text_table

cells = st.one_of(
    st.none(), st.integers(-999, 999), st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=9)
)


def test_text_table_by_hand() -> None:
    table = text_table(["loss", "n", "MIoU"], [["BEGL", 12, 0.84], ["磨", 3, None], ["é", 100, float("nan")]])
    assert table.splitlines() == [
        "loss    n   MIoU",
        "----  ---  -----",
        "BEGL   12  0.840",
        "磨      3      –",
        "é     100      –",
    ]


def test_markdown_cannot_be_broken_by_its_cells() -> None:
    table = markdown_table(["a", "b"], [["x|y\n<img>", 1.23456]], decimals=2)
    assert table.splitlines()[2] == r"| x\|y &lt;img&gt; | 1.23 |"
    assert table.splitlines()[1] == "| :--- | ---: |"


@given(st.lists(st.tuples(cells, cells), max_size=8))
def test_csv_reads_back(rows: list[tuple[str | int | None, str | int | None]]) -> None:
    text = csv_table(["first", "second"], rows)
    back = list(csv.reader(io.StringIO(text, newline="")))
    assert back[0] == ["first", "second"]

    def shown(cell: str | int | None) -> str:
        if cell is None:
            return ""
        danger = isinstance(cell, str) and cell[:1] in set("=+-@")
        return f"'{cell}" if danger else str(cell)

    assert back[1:] == [[shown(cell) for cell in row] for row in rows]


@pytest.mark.parametrize("write", [text_table, markdown_table, csv_table])
def test_rows_must_fit_the_head(write: object) -> None:
    with pytest.raises(InputError, match="2 cells like the head, row 1 has 1"):
        write(["a", "b"], [[1, 2], [3]])  # type: ignore[operator]  # one of three functions
