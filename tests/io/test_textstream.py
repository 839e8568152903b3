"""Text written as it is made: whole or not at all, and checked before it gets its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from graven.errors import InputError, OutputError
from graven.io import textstream
from graven.io.textstream import plain_number, write_text_stream


def test_chunks_become_one_file(tmp_path: Path) -> None:
    write_text_stream(tmp_path / "a.txt", iter(["ä\r\n", "", "ß\n"]))
    assert (tmp_path / "a.txt").read_bytes() == "ä\r\nß\n".encode()


def test_an_error_between_two_chunks_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")

    def chunks():
        yield "new"
        raise InputError("no such class")

    with pytest.raises(InputError, match="no such class"):
        write_text_stream(tmp_path / "a.txt", chunks())
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]


def test_a_check_that_fails_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")

    def check(path: Path) -> None:
        assert path.read_text() == "new"
        raise OutputError("one path is missing")

    with pytest.raises(OutputError, match="one path is missing"):
        write_text_stream(tmp_path / "a.txt", ["new"], check=check)
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_disk_that_changes_what_was_written_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    atomic = textstream.atomic_path

    def lossy(target, *, verify):
        def verify_changed(path: Path) -> None:
            path.write_bytes(path.read_bytes()[:-1] + b"?")
            verify(path)

        return atomic(target, verify=verify_changed)

    monkeypatch.setattr(textstream, "atomic_path", lossy)
    with pytest.raises(OutputError, match="does not read back"):
        write_text_stream(tmp_path / "a.txt", ["one", "two"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("decimals", "value", "text"),
    [(0, 20.0, "20"), (3, 20.0, "20"), (3, 1.5, "1.5"), (2, -0.001, "0"), (4, 5_100_000.0001, "5100000.0001")],
)
def test_numbers_have_no_zeros_to_spare(decimals: int, value: float, text: str) -> None:
    assert plain_number(decimals)(value) == text
