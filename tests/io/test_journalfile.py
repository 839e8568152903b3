"""Journals on disk: what was told is there, a torn last line is dropped with a notice, other damage is named."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graven.errors import DataError, DiskFull, MismatchError, OutputError, UsageError
from graven.io import seam
from graven.io.journalfile import JournalFile

HEAD: dict[str, Any] = {"height": 20, "width": 30, "image": "abc", "tiles": [256, 64]}
EVENTS: list[dict[str, Any]] = [
    {"id": 1, "action": "create", "points": [[0.1, 1e-17], [3.0, -2.5]], "author": "Žofie"},
    {"id": 2, "action": "refine", "data": "e" * 200},
    {"id": 3, "action": "undo", "crc32": "a member that only looks like a checksum"},
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.jsonl"
    with JournalFile(path, HEAD, resume=False) as journal:
        for event in EVENTS[:2]:
            journal.add(event)
    return path


def read(path: Path, head: dict[str, Any] = HEAD) -> tuple[list[dict[str, Any]], str | None]:
    with JournalFile(path, head, resume=True) as journal:
        return list(journal.events()), journal.notice


def test_what_was_added_is_read_again_and_continued(path):
    assert read(path) == (EVENTS[:2], None)
    with JournalFile(path, HEAD, resume=True) as journal:
        journal.add(EVENTS[2])
        assert list(journal.events()) == EVENTS
    assert read(path) == (EVENTS, None)


def test_every_line_is_json_on_its_own(path):
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[0].items() >= HEAD.items()
    assert [line["id"] for line in lines[1:]] == [1, 2]


class WithoutWaiting(seam.FileOperations):
    """Files as they are, but no waiting for the device."""

    def fsync(self, path: Path) -> None:
        """Go on at once."""


def test_a_cut_anywhere_leaves_whole_lines_and_a_notice(path, monkeypatch):
    monkeypatch.setattr(seam, "OPERATIONS", WithoutWaiting())
    whole = path.read_bytes()
    ends = [index for index in range(len(whole)) if whole[index : index + 1] == b"\n"]
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        n_lines = sum(end <= cut for end in ends)  # a line of which only the end is missing is whole
        is_whole = cut in ends or (cut and cut - 1 in ends)
        events, notice = read(path)
        assert events == EVENTS[: max(0, n_lines - 1)]
        assert (notice is None) == bool(is_whole), cut
        with JournalFile(path, HEAD, resume=True) as journal:
            assert journal.notice is None
            journal.add({"id": "next"})
        assert read(path) == ([*EVENTS[: max(0, n_lines - 1)], {"id": "next"}], None)


def test_a_last_line_of_rubbish_is_dropped(path):
    path.write_bytes(path.read_bytes() + b"\0" * 40 + b"\n")
    events, notice = read(path)
    assert events == EVENTS[:2]
    assert notice is not None
    assert "the last line, 4, was torn" in notice


def test_every_flipped_byte_further_up_is_noticed(path):
    whole = path.read_bytes()
    begin = whole.index(b"\n") + 1
    for index in range(begin, whole.index(b"\n", begin)):
        path.write_bytes(whole[:index] + bytes([whole[index] ^ 1]) + whole[index + 1 :])
        with pytest.raises(DataError, match="line 2 is damaged"):
            read(path)


def test_the_journal_of_something_else_is_refused(path):
    with pytest.raises(MismatchError, match="image was 'abc', now 'abx'"):
        read(path, {**HEAD, "image": "abx"})
    with pytest.raises(MismatchError, match="more was None, now 1"):
        read(path, {**HEAD, "more": 1})


def test_what_is_no_journal_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("buy bread\nand milk\n", encoding="utf-8")
    with pytest.raises(DataError, match="no journal of graven"):
        read(path)
    assert path.read_text(encoding="utf-8") == "buy bread\nand milk\n"


def test_a_later_version_is_named(path, monkeypatch):
    later = path.with_name("later.jsonl")
    monkeypatch.setattr("graven.io.journalfile.SCHEMA", "graven-journal/2")
    JournalFile(later, HEAD, resume=False).close()
    monkeypatch.undo()
    with pytest.raises(DataError, match="of version graven-journal/2"):
        read(later)


def test_a_journal_is_neither_begun_twice_nor_continued_from_nothing(path, tmp_path):
    with pytest.raises(UsageError, match="exists; continue it"):
        JournalFile(path, HEAD, resume=False)
    with pytest.raises(UsageError, match="does not exist"):
        read(tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="is not a file"):
        read(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="locks are taken with flock, which Windows lacks")
def test_a_journal_is_open_in_one_process_at_a_time(path):
    code = f"""
from pathlib import Path
from graven.io.journalfile import JournalFile
JournalFile(Path({str(path)!r}), {HEAD!r}, resume=True)
"""
    with JournalFile(path, HEAD, resume=True):
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "is open in another process" in found.stderr
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class Failing(seam.FileOperations):
    """A device that does not confirm what was written."""

    def __init__(self, number: int) -> None:
        self.number = number

    def fsync(self, path: Path) -> None:
        """Fail."""
        raise OSError(self.number, "no", str(path))


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, DiskFull), (errno.EIO, OutputError)])
def test_after_a_failure_nothing_is_trusted_until_the_journal_is_opened_again(path, monkeypatch, number, kind):
    with JournalFile(path, HEAD, resume=True) as journal:
        monkeypatch.setattr(seam, "OPERATIONS", Failing(number))
        with pytest.raises(kind):
            journal.add(EVENTS[2])
        monkeypatch.undo()
        with pytest.raises(OutputError, match="an earlier line could not be written"):
            journal.add(EVENTS[2])
    events, _ = read(path)
    assert events[:2] == EVENTS[:2]
