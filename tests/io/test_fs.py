"""Safe writing: for every failing step, the target is the old bytes or the new ones and nothing else is left."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from graven.errors import DiskFull, InputError, OutputError
from graven.io import seam
from graven.io.fs import (
    atomic_path,
    free_bytes,
    require_free_space,
    sha256_file,
    write_bytes_atomic,
    write_text_atomic,
)


class FailingOperations(seam.FileOperations):
    """Fails at the k-th step, once or from then on; counts the steps."""

    def __init__(self, fail_at: int, number: int, *, lasting: bool) -> None:
        self.steps, self.fail_at, self.number, self.lasting = 0, fail_at, number, lasting

    def _step(self) -> None:
        self.steps += 1
        if self.steps == self.fail_at or (self.lasting and self.steps > self.fail_at):
            raise OSError(self.number, os.strerror(self.number))

    def make_temporary_folder(self, parent: Path) -> Path:
        self._step()
        return super().make_temporary_folder(parent)

    def make_folder(self, path: Path) -> None:
        self._step()
        super().make_folder(path)

    def write_new(self, path: Path, data: bytes) -> None:
        try:
            self._step()
        except OSError:
            path.write_bytes(data[: len(data) // 2])  # a torn write, as a full disk leaves it
            raise
        super().write_new(path, data)

    def fsync(self, path: Path) -> None:
        self._step()
        super().fsync(path)

    def replace(self, source: Path, target: Path) -> None:
        self._step()
        super().replace(source, target)


N_STEPS = 5  # folder, write, fsync, rename, fsync of the parent


def test_a_plain_write_takes_the_steps_the_injection_covers(tmp_path, monkeypatch):
    operations = FailingOperations(99, errno.ENOSPC, lasting=False)
    monkeypatch.setattr(seam, "OPERATIONS", operations)
    write_bytes_atomic(tmp_path / "a.bin", b"new")
    assert operations.steps == N_STEPS


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.EFBIG, DiskFull),
        (errno.EIO, OutputError),
        (errno.EROFS, OutputError),
    ],
)
@pytest.mark.parametrize("k", range(1, N_STEPS + 1))
@pytest.mark.parametrize("old", [None, b"old bytes"])
def test_failure_at_every_step_leaves_old_or_new(tmp_path, monkeypatch, k, number, expected, lasting, old):
    target = tmp_path / "a.bin"
    if old is not None:
        target.write_bytes(old)
    monkeypatch.setattr(seam, "OPERATIONS", FailingOperations(k, number, lasting=lasting))
    with pytest.raises(expected) as caught:
        write_bytes_atomic(target, b"new bytes")
    assert type(caught.value) is expected
    assert "\n" not in str(caught.value)
    renamed = k == N_STEPS  # only the last fsync comes after the rename
    expected_bytes = b"new bytes" if renamed else old
    assert (target.read_bytes() if target.exists() else None) == expected_bytes
    assert [entry.name for entry in tmp_path.iterdir()] == (["a.bin"] if target.exists() else [])


def write_half_and_raise(target: Path, error: BaseException) -> None:
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        raise error


def test_the_error_of_the_block_comes_through_and_nothing_stays(tmp_path):
    with pytest.raises(InputError, match="mine"):
        write_half_and_raise(tmp_path / "a.txt", InputError("mine"))
    assert list(tmp_path.iterdir()) == []


def test_keyboard_interrupt_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_half_and_raise(tmp_path / "a.txt", KeyboardInterrupt())
    assert list(tmp_path.iterdir()) == []


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(OutputError, match="nothing was written"), atomic_path(tmp_path / "a.txt"):
        pass


def test_a_failing_verification_keeps_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def verify(path: Path) -> None:
        assert path.read_text() == "new"
        raise OutputError("not what was meant")

    with pytest.raises(OutputError, match="not what was meant"), atomic_path(target, verify=verify) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "old"


def test_a_missing_parent_is_one_clear_line(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        write_text_atomic(tmp_path / "missing" / "a.txt", "text")


def test_text_keeps_its_line_ends_and_signs(tmp_path):
    write_text_atomic(tmp_path / "a.txt", "ä\r\nß\n")
    assert (tmp_path / "a.txt").read_bytes() == "ä\r\nß\n".encode()


def test_left_overs_of_a_dead_process_go_and_those_of_a_living_one_stay(tmp_path):
    finished = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead = tmp_path / f".graven-{int(finished.stdout)}-{seam.MACHINE}-abc.tmp"
    alive = tmp_path / f".graven-{os.getpid()}-{seam.MACHINE}-abc.tmp"
    elsewhere = tmp_path / f".graven-{int(finished.stdout)}-{'0' * 8}-abc.tmp"  # its number means another process there
    foreign = tmp_path / ".graven-notes.tmp"
    for folder in (dead, alive, elsewhere, foreign):
        folder.mkdir()
        (folder / "x").write_text("x")
    write_text_atomic(tmp_path / "a.txt", "text")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(
        [alive.name, elsewhere.name, foreign.name, "a.txt"]
    )


_KILLED_WRITER = """
import os, sys
from graven.io import seam
from graven.io.fs import write_bytes_atomic

class Killed(seam.FileOperations):
    def __getattribute__(self, name):
        method = super().__getattribute__(name)
        if name.startswith("_") or not callable(method):
            return method
        def step(*args):
            Killed.steps += 1
            if Killed.steps == int(sys.argv[2]):
                os.kill(os.getpid(), 9)
            return method(*args)
        return step

Killed.steps = 0
seam.OPERATIONS = Killed()
write_bytes_atomic(sys.argv[1], b"new bytes")
"""


@pytest.mark.parametrize("k", range(1, N_STEPS + 1))
def test_kill_minus_nine_at_every_step_leaves_old_or_new_and_the_next_write_tidies_up(tmp_path, k):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old bytes")
    killed = subprocess.run([sys.executable, "-c", _KILLED_WRITER, str(target), str(k)], check=False)
    assert killed.returncode == -9
    assert target.read_bytes() == (b"old bytes" if k < N_STEPS else b"new bytes")
    write_bytes_atomic(target, b"newer")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]


def test_sha256_of_the_empty_and_the_abc_file(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256_file(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256_file(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_free_space_is_required_with_the_reserve(tmp_path):
    free = free_bytes(tmp_path / "not" / "there" / "yet")
    require_free_space(tmp_path, 0, reserve_bytes=0)
    with pytest.raises(DiskFull, match="must be free before the start"):
        require_free_space(tmp_path, 2 * free, reserve_bytes=0)
    with pytest.raises(DiskFull):
        require_free_space(tmp_path, 0, reserve_bytes=2 * free)


@pytest.mark.parametrize(("platform", "flag"), [("linux", os.O_RDONLY), ("win32", os.O_RDWR)])
def test_a_file_is_opened_so_that_the_system_can_flush_it(tmp_path, monkeypatch, platform, flag):
    (tmp_path / "a").write_bytes(b"x")
    opened, flushed, real = [], [], os.open
    monkeypatch.setattr(seam.sys, "platform", platform)
    monkeypatch.setattr(seam.os, "open", lambda path, flags: opened.append(flags) or real(path, flags))
    monkeypatch.setattr(seam.os, "fsync", flushed.append)
    seam.FileOperations().fsync(tmp_path / "a")
    assert opened == [flag]
    assert len(flushed) == 1


@pytest.mark.parametrize("known", [True, False])
def test_macos_flushes_the_cache_of_the_drive_where_it_can(tmp_path, monkeypatch, known):
    (tmp_path / "a").write_bytes(b"x")
    calls = []

    class Fcntl:
        F_FULLFSYNC = 51

        @staticmethod
        def fcntl(_descriptor, command):
            calls.append(command)
            if not known:
                raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(seam, "fcntl", Fcntl)
    monkeypatch.setattr(seam.os, "fsync", lambda _: calls.append("fsync"))
    seam.FileOperations().fsync(tmp_path / "a")
    assert calls == ([51] if known else [51, "fsync"])
