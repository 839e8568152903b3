from __future__ import annotations

from pathlib import Path

import pytest

from graven.errors import DataError
from graven.io.strictjson import parse_json, read_json


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": NaN}', "NaN"),
        ('{"a": -Infinity}', "-Infinity"),
        ('{"a": 1, "a": 2}', "twice"),
        ('{"a": [-1e999]}', "-1e999 is beyond the range of a float"),
        ("[" * 65 + "]" * 65, "nested deeper than 64"),
        ('{"a": ', "not sound JSON"),
        ('{"n": ' + "9" * 5000 + "}", "not sound JSON"),
    ],
)
def test_what_strangers_send_is_refused(text: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        parse_json(text, name="x.json")


def test_brackets_inside_strings_are_not_depth() -> None:
    text = '"' + "[" * 1000 + '\\"' + "]" * 3 + '"'
    assert parse_json(text, name="x.json") == "[" * 1000 + '"' + "]]]"


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "big.json"
    path.write_text("[" + "1," * 50 + "1]", encoding="utf-8")
    with pytest.raises(DataError, match="JSON up to 20 bytes"):
        read_json(path, max_bytes=20)


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "bom.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(path) == {"a": 1}


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.json"
    path.write_bytes('{"a": "\xe9"}'.encode("latin-1"))
    with pytest.raises(DataError, match="UTF-8; byte 7"):
        read_json(path)
