"""The manifest of a batch: nothing that was told is lost, and what is torn or strange is noticed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graven.archive.manifest import Manifest, read_head
from graven.errors import DataError, MismatchError, UsageError

HEAD = {"id": "1", "settings": {"threshold": 0.4, "model": "rock"}, "inputs": [{"item": "a"}]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A manifest with one item done, one lost, and a worker."""
    path = tmp_path / "manifest.jsonl"
    with Manifest(path, HEAD, resume=False) as manifest:
        manifest.join(worker="tcp://w", engine={"name": "openvino"})
        manifest.add("started", "a", worker="tcp://w")
        manifest.add("done", "a", figures=3)
        manifest.add("started", "b", worker="tcp://w")
        manifest.add("lost", "b", deaths=1)
    return path


def test_what_was_told_is_known_again(path: Path) -> None:
    with Manifest(path, HEAD, resume=True) as manifest:
        assert {item: entry.event for item, entry in manifest.last.items()} == {"a": "done", "b": "lost"}
        assert manifest.last["a"].facts == {"figures": 3}
        assert manifest.worker == {"worker": "tcp://w", "engine": {"name": "openvino"}}
        assert manifest.head == read_head(path)


def test_every_line_stands_in_the_file_before_the_next_step(path: Path) -> None:
    with Manifest(path, HEAD, resume=True) as manifest:
        manifest.add("done", "b", figures=1)
        last = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
    assert (last["event"], last["item"], last["figures"]) == ("done", "b", 1)


def test_a_line_torn_anywhere_is_dropped_and_the_next_one_is_whole(path: Path) -> None:
    whole = path.read_bytes()
    start = whole[:-1].rfind(b"\n") + 1
    for cut in range(start, len(whole)):
        path.write_bytes(whole[:cut])
        with Manifest(path, HEAD, resume=True) as manifest:
            assert manifest.last["b"].event == "started"
            manifest.add("failed", "b", message="no")
        lines = path.read_text(encoding="utf-8").splitlines()
        assert [json.loads(line).get("event") for line in lines[-2:]] == ["started", "failed"]


def test_a_last_line_of_rubbish_is_dropped(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0\0\0\n")
    with Manifest(path, HEAD, resume=True) as manifest:
        assert manifest.last["b"].event == "lost"


def test_damage_further_up_is_an_error(path: Path) -> None:
    lines = path.read_bytes().split(b"\n")
    lines[3] = lines[3][:-5]
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(DataError, match="line 4 is damaged"):
        Manifest(path, HEAD, resume=True)


def test_a_batch_that_was_begun_otherwise_is_not_continued(path: Path) -> None:
    with pytest.raises(MismatchError, match=r"threshold was 0\.4, now 0\.5"):
        Manifest(path, {**HEAD, "settings": {**HEAD["settings"], "threshold": 0.5}}, resume=True)


def test_a_manifest_is_not_begun_twice(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(UsageError, match="--resume"):
        Manifest(path, HEAD, resume=False)
    assert path.read_bytes() == before


def test_two_runs_do_not_write_one_manifest(path: Path) -> None:
    with Manifest(path, HEAD, resume=True), pytest.raises(UsageError, match="another batch"):
        Manifest(path, HEAD, resume=True)


def test_a_manifest_cut_within_its_first_line_has_not_begun(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(b'{"schema": "graven-ba')
    with pytest.raises(UsageError, match="before it began"):
        Manifest(path, HEAD, resume=True)
    with Manifest(path, HEAD, resume=False) as manifest:
        assert manifest.last == {}
    assert read_head(path)["id"] == "1"


def test_a_manifest_is_replaced_only_after_its_own_was_removed(path: Path) -> None:
    told = []
    with Manifest(path, {**HEAD, "id": "2"}, resume=False, discard=lambda head: told.append(head["id"])) as manifest:
        assert manifest.last == {}
    assert (told, read_head(path)["id"]) == (["1"], "2")


@pytest.mark.parametrize("line", ["{}", '{"schema": "graven-batch/9"}', "no JSON"])
def test_another_file_is_no_manifest(path: Path, line: str) -> None:
    path.write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(DataError):
        Manifest(path, HEAD, resume=True)
