"""Output folders: whole or not at all, resumable when interrupted, and never somebody else's data."""

from __future__ import annotations

import errno
import os
import sys

import pytest

from graven.errors import DiskFull, InputError, Interrupted, UsageError
from graven.io import seam
from graven.io.fs import COMPLETE_MARKER, PARTIAL_MARKER, OutputFolder, write_text_atomic


def fill(folder: OutputFolder, text: str) -> None:
    write_text_atomic(folder.path / "result.txt", text)
    write_text_atomic(folder.path / COMPLETE_MARKER, "{}")


def stop(out, error: BaseException, **options) -> None:
    """Work a little, then fail."""
    with OutputFolder(out, **options) as folder:
        write_text_atomic(folder.path / "ledger", "7 tiles")
        raise error


def names(folder) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_folder_appears_only_when_complete(tmp_path):
    with OutputFolder(tmp_path / "out") as folder:
        fill(folder, "one")
        assert names(tmp_path) == ["out.partial"]
        assert not folder.resumed
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["result.txt", COMPLETE_MARKER]


@pytest.mark.parametrize("interruption", [Interrupted, KeyboardInterrupt])
def test_interrupted_work_is_kept_and_resumed(tmp_path, interruption):
    with pytest.raises(interruption):
        stop(tmp_path / "out", interruption(), resumable=True)
    assert names(tmp_path) == ["out.partial"]
    with pytest.raises(UsageError, match="--resume"):
        OutputFolder(tmp_path / "out", resumable=True)
    with pytest.raises(UsageError, match="--overwrite discards it") as caught:
        OutputFolder(tmp_path / "out")
    assert "--resume" not in str(caught.value)
    with OutputFolder(tmp_path / "out", resume=True) as folder:
        assert folder.resumed
        assert (folder.path / "ledger").read_text() == "7 tiles"
        fill(folder, "one")
    assert names(tmp_path / "out") == ["ledger", "result.txt", COMPLETE_MARKER]


@pytest.mark.parametrize("interruption", [Interrupted, KeyboardInterrupt])
def test_an_interruption_of_work_that_cannot_be_continued_leaves_nothing(tmp_path, interruption):
    with pytest.raises(interruption):
        stop(tmp_path / "out", interruption())
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("kind", "overwrite"),
    [("folder", False), ("folder", True), ("file", False), ("file", True), ("result of graven", False)],
)
def test_what_appears_under_the_name_during_the_run_is_left_alone(tmp_path, kind, overwrite):
    target = tmp_path / "out"

    def work():
        with OutputFolder(target, overwrite=overwrite) as folder:
            fill(folder, "hours of work")
            if kind == "file":
                target.write_text("mine")
            else:
                target.mkdir()
                (target / (COMPLETE_MARKER if kind == "result of graven" else "thesis.doc")).write_text("mine")

    with pytest.raises(UsageError, match=r"appeared during the run.*is kept in .*out\.partial"):
        work()
    found = target if kind == "file" else next(target.iterdir())
    assert found.read_text() == "mine"
    assert (tmp_path / "out.partial" / "result.txt").read_text() == "hours of work"


def test_an_error_leaves_nothing_behind(tmp_path):
    with pytest.raises(InputError):
        stop(tmp_path / "out", InputError("wrong"))
    assert names(tmp_path) == []


def test_an_error_in_resumed_work_does_not_destroy_it(tmp_path):
    with pytest.raises(Interrupted):
        stop(tmp_path / "out", Interrupted("stop"), resumable=True)
    with pytest.raises(DiskFull), OutputFolder(tmp_path / "out", resume=True):
        raise DiskFull("full")
    assert (tmp_path / "out.partial" / "ledger").read_text() == "7 tiles"


def test_nothing_to_resume_is_said(tmp_path):
    with pytest.raises(UsageError, match="nothing to resume"):
        OutputFolder(tmp_path / "out", resume=True)
    assert names(tmp_path) == []


def test_overwrite_replaces_a_result_of_graven_only_when_complete(tmp_path):
    with OutputFolder(tmp_path / "out") as folder:
        fill(folder, "old")
    with pytest.raises(UsageError, match="--overwrite"):
        OutputFolder(tmp_path / "out")
    with pytest.raises(InputError):
        stop(tmp_path / "out", InputError("wrong"), overwrite=True)
    assert (tmp_path / "out" / "result.txt").read_text() == "old"
    with OutputFolder(tmp_path / "out", overwrite=True) as folder:
        fill(folder, "new")
        assert (tmp_path / "out" / "result.txt").read_text() == "old"
    assert (tmp_path / "out" / "result.txt").read_text() == "new"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_somebody_else_is_never_touched(tmp_path, overwrite):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").write_text("years of work")
    with pytest.raises(UsageError, match="left alone"):
        OutputFolder(tmp_path / "out", overwrite=overwrite)
    assert names(tmp_path) == ["out"]
    (tmp_path / "photo").write_text("file")
    with pytest.raises(UsageError, match="not a folder"):
        OutputFolder(tmp_path / "photo", overwrite=overwrite)
    (tmp_path / "other.partial").mkdir()
    (tmp_path / "other.partial" / "mine").write_text("x")
    with pytest.raises(UsageError, match="not work of graven"):
        OutputFolder(tmp_path / "other", overwrite=overwrite)
    assert names(tmp_path / "other.partial") == ["mine"]


def test_a_name_that_cannot_be_renamed_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for target in ("/", "..", "new/.."):
        with pytest.raises(UsageError, match="a name of its own"):
            OutputFolder(target)
    assert names(tmp_path) == []


def test_a_folder_that_the_vector_library_takes_for_an_archive_is_refused(tmp_path):
    (tmp_path / "urgent!").mkdir()
    with pytest.raises(UsageError, match="with ! in its name"):
        OutputFolder(tmp_path / "urgent!" / "out")
    assert names(tmp_path / "urgent!") == []


def test_an_empty_folder_may_become_the_output(tmp_path):
    (tmp_path / "out").mkdir()
    with OutputFolder(tmp_path / "out") as folder:
        fill(folder, "one")
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out" / "result.txt").read_text() == "one"


def test_overwrite_drops_interrupted_work(tmp_path):
    with pytest.raises(Interrupted):
        stop(tmp_path / "out", Interrupted("stop"), resumable=True)
    with OutputFolder(tmp_path / "out", overwrite=True) as folder:
        fill(folder, "one")
    assert names(tmp_path / "out") == ["result.txt", COMPLETE_MARKER]


@pytest.mark.skipif(sys.platform == "win32", reason="locks are taken with flock, which Windows lacks")
def test_two_runs_cannot_write_to_the_same_folder(tmp_path):
    with OutputFolder(tmp_path / "out") as folder:
        with pytest.raises(UsageError, match="another run"):
            OutputFolder(tmp_path / "out", resume=True)
        with pytest.raises(UsageError, match="another run"):
            OutputFolder(tmp_path / "out", overwrite=True)
        fill(folder, "one")


@pytest.mark.parametrize("k", [1, 2])
def test_a_failing_rename_puts_the_old_result_back(tmp_path, monkeypatch, k):
    with OutputFolder(tmp_path / "out") as folder:
        fill(folder, "old")

    class FailingReplace(seam.FileOperations):
        count = 0

        def replace(self, source, target):
            if source.is_dir():
                FailingReplace.count += 1
                if FailingReplace.count == k:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            super().replace(source, target)

    monkeypatch.setattr(seam, "OPERATIONS", FailingReplace())
    with pytest.raises(DiskFull), OutputFolder(tmp_path / "out", overwrite=True) as folder:
        fill(folder, "new")
    assert (tmp_path / "out" / "result.txt").read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_a_death_between_the_two_renames_is_mended_by_the_next_run(tmp_path):
    with OutputFolder(tmp_path / "out") as folder:
        fill(folder, "old")
    (tmp_path / "out").rename(tmp_path / ".graven-out.old")  # what a killed complete() leaves
    with pytest.raises(UsageError, match="exists"):
        OutputFolder(tmp_path / "out")
    assert (tmp_path / "out" / "result.txt").read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_a_resumed_run_sweeps_half_written_files(tmp_path):
    with pytest.raises(Interrupted):
        stop(tmp_path / "out", Interrupted("stop"), resumable=True)
    for machine in (seam.MACHINE, "0" * 8):
        (tmp_path / "out.partial" / f".graven-{os.getpid()}-{machine}-x.tmp").mkdir()
    with OutputFolder(tmp_path / "out", resume=True) as folder:
        assert names(folder.path) == [PARTIAL_MARKER, "ledger"]
        fill(folder, "one")
