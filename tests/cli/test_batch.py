"""``graven batch`` from end to end: with deaths, stops and resumes it gives what ``graven segment`` gives."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="a batch needs graven[scale]")

GRAVEN = [sys.executable, "-c", "from graven.cli.main import run; run()"]
SMALL = ("--only", "mask,prob,traces")
WAIT_S = 280

# Kills its worker when a task whose name holds "poison" begins; loaded into each worker of the cluster below.
CHAOS = """
import os, signal
from distributed import WorkerPlugin

class Poison(WorkerPlugin):
    def transition(self, key, start, finish, **kwargs):
        if finish == "executing" and "poison" in str(key):
            os.kill(os.getpid(), signal.SIGKILL)

async def dask_setup(worker):
    await worker.plugin_add(plugin=Poison(), name="poison")
"""
CLUSTER = """
import logging, sys
from distributed import Client, LocalCluster

if __name__ == "__main__":
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL, preload=[sys.argv[1]]
    ) as cluster, Client(cluster) as client:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.readline()
        print(client.run(lambda: "torch" in __import__("sys").modules), flush=True)
"""


def _run(*args: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [*GRAVEN, *map(str, args)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=WAIT_S)


def _start(*args: str | Path, cwd: Path) -> subprocess.Popen[str]:
    command = [*GRAVEN, *map(str, args)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=cwd, text=True, start_new_session=True, **pipes)


def _events(out: Path) -> list[dict]:
    """Read the manifest; a line that is being written is left for later."""
    path = out / "manifest.jsonl"
    lines = path.read_bytes().split(b"\n")[1:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def _wait(condition: Callable[[], object], process: subprocess.Popen[str]) -> object:
    """Wait until something has happened; the process must not end before."""
    deadline = time.monotonic() + WAIT_S
    while not (found := condition()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
    return found


def _in_hand(out: Path) -> dict | None:
    """Find a worker that is within an image: it has stored its first rows."""
    pids = {event["worker"]: event["pid"] for event in _events(out) if event["event"] == "joined"}
    last = {event["item"]: event for event in _events(out) if "item" in event}
    for item, event in last.items():
        if event["event"] == "started" and any((out / f"{item}-record.partial" / ".work").glob("*.ledger")):
            return {"item": item, "pid": pids[event["worker"]]}
    return None


def _alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists() and "Z (zombie)" not in _status(pid)]


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return "Z (zombie)"


def _pids(out: Path) -> list[int]:
    return [event["pid"] for event in _events(out) if event["event"] == "joined"]


def _nobody_is_left(out: Path) -> bool:
    deadline = time.monotonic() + 20
    while _alive(_pids(out)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not _alive(_pids(out))


def _content(record: Path) -> dict[str, object]:
    """Reduce a record to what must be equal between runs: bytes, but content for GeoPackage."""
    found: dict[str, object] = {}
    for path in sorted(record.iterdir()):
        if path.suffix == ".gpkg":
            with sqlite3.connect(path) as db:
                found[path.name] = db.execute("SELECT * FROM regions ORDER BY fid").fetchall()
        elif path.name != "run.json":
            found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _stamps(record: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in record.iterdir()}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three procedural panels of 600 px, and the records that ``graven segment`` makes of them one by one."""
    from graven.api.segment import segment
    from graven.api.synth import synth

    root = tmp_path_factory.mktemp("archive")
    (root / "panels").mkdir()
    for seed in (1, 2, 3):
        made = synth("petroglyph", seed=seed, size_px=600, out=root / "made")
        image = next(path for path in made.paths if path.name.endswith("_image.tif"))
        shutil.move(image, root / "panels" / f"panel{seed}.tif")
        shutil.rmtree(root / "made")
        only = tuple(SMALL[1].split(","))
        segment(root / "panels" / f"panel{seed}.tif", out=root / "serial" / f"panel{seed}-record", only=only)
    return root


@pytest.fixture(scope="module")
def serial(archive: Path) -> dict[str, dict[str, object]]:
    """What every record must hold."""
    return {path.name: _content(path) for path in sorted((archive / "serial").iterdir())}


@pytest.fixture(scope="module")
def batched(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The panels, a damaged image and a note, run on two workers."""
    root = tmp_path_factory.mktemp("batched")
    shutil.copytree(archive / "panels", root / "panels")
    (root / "panels" / "broken.tif").write_bytes((archive / "panels" / "panel1.tif").read_bytes()[:20_000])
    (root / "panels" / "notes.md").write_text("not an image\n", encoding="utf-8")
    return root, _run("batch", "panels", "-o", "out", "--workers", "2", "--json", *SMALL, cwd=root)


def _records(out: Path) -> dict[str, dict[str, object]]:
    return {path.name: _content(path) for path in sorted(out.glob("*-record*"))}


@pytest.mark.slow
def test_two_workers_leave_the_same_records_as_one_run_after_the_other(
    batched: tuple[Path, subprocess.CompletedProcess[str]], serial: dict
) -> None:
    assert _records(batched[0] / "out") == serial


@pytest.mark.slow
def test_an_image_that_fails_is_listed_and_the_rest_completes(
    batched: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    root, done = batched
    assert done.returncode == 3, done.stderr
    assert done.stderr.splitlines()[-1].startswith("graven: 1 of 4 images")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    told = {line["image"]: line["status"] for line in lines if line["event"] == "item"}
    assert told == {"broken.tif": "failed", "panel1.tif": "done", "panel2.tif": "done", "panel3.tif": "done"}
    assert lines[-1]["left_out"] == [str(Path("panels/notes.md"))]
    rows = list(csv.DictReader((root / "out" / "summary.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["image"] for row in rows] == sorted(told)
    assert "truncated or damaged" in rows[0]["message"]
    assert all(int(row["figures"]) >= 1 and float(row["seconds"]) > 0 for row in rows[1:])
    assert (root / "out" / "index.html").read_text(encoding="utf-8").count("panel") >= 3


@pytest.mark.slow
def test_no_worker_outlives_the_batch(batched: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    assert len(_pids(batched[0] / "out")) == 2
    assert _nobody_is_left(batched[0] / "out")


@pytest.mark.slow
def test_the_same_command_again_is_refused(batched: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    before = {path: path.stat().st_mtime_ns for path in (batched[0] / "out").rglob("*")}
    again = _run("batch", "panels", "-o", "out", *SMALL, cwd=batched[0])
    assert again.returncode == 1
    assert "--resume" in again.stderr
    other = _run("batch", "panels", "-o", "out", "--resume", "--threshold", "0.6", *SMALL, cwd=batched[0])
    assert other.returncode == 2
    assert "threshold was None, now 0.6" in other.stderr
    assert {path: path.stat().st_mtime_ns for path in (batched[0] / "out").rglob("*")} == before


@pytest.mark.slow
def test_resuming_tries_what_failed_again_and_leaves_the_rest(
    batched: tuple[Path, subprocess.CompletedProcess[str]], serial: dict, tmp_path: Path
) -> None:
    root = tmp_path / "again"
    shutil.copytree(batched[0], root)
    manifest = root / "out" / "manifest.jsonl"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(str(batched[0]), str(root)), encoding="utf-8")
    shutil.copy(root / "panels" / "panel2.tif", root / "panels" / "broken.tif")
    shutil.copy(root / "panels" / "panel2.tif", root / "panels" / "new.tif")
    before = {name: _stamps(root / "out" / name) for name in serial}
    done = _run("batch", "panels", "-o", "out", "--resume", "--workers", "1", *SMALL, cwd=root)
    assert done.returncode == 0, done.stderr
    assert "not there when the batch began, and left out: 1 images" in done.stderr
    assert "4 of 4 images traced, 3 of them before" in done.stdout
    assert {name: _stamps(root / "out" / name) for name in serial} == before
    mask = (root / "out" / "broken-record" / "broken_mask.tif").read_bytes()
    assert hashlib.sha256(mask).hexdigest() == serial["panel2-record"]["panel2_mask.tif"]


@pytest.mark.slow
def test_workers_that_compute_otherwise_than_the_batch_began_get_no_work(
    batched: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    root = tmp_path / "elsewhere"
    shutil.copytree(batched[0], root)
    manifest = root / "out" / "manifest.jsonl"
    told = manifest.read_text(encoding="utf-8").replace(str(batched[0]), str(root))
    manifest.write_text(told.replace('"name": "openvino"', '"name": "abacus"'), encoding="utf-8")
    done = _run("batch", "panels", "-o", "out", "--resume", "--workers", "1", *SMALL, cwd=root)
    assert done.returncode == 4
    assert "computes with openvino" in done.stderr.splitlines()[-1]
    assert _nobody_is_left(root / "out")


@pytest.mark.slow
def test_an_earlier_batch_is_replaced_whole_and_nothing_else(
    batched: tuple[Path, subprocess.CompletedProcess[str]], serial: dict, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(batched[0] / "out", out)
    (out / "mine.txt").touch()
    panel = batched[0] / "panels" / "panel1.tif"
    done = _run("batch", panel, "-o", "out", "--overwrite", "--workers", "1", *SMALL, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = {"panel1-record", "mine.txt", "manifest.jsonl", "summary.csv", "index.html"}
    assert {path.name for path in out.iterdir()} == names
    assert _records(out) == {"panel1-record": serial["panel1-record"]}


@pytest.mark.slow
def test_an_image_divided_into_bands_gives_the_same_record_even_when_a_worker_dies(
    archive: Path, serial: dict, tmp_path: Path
) -> None:
    (tmp_path / "panels").mkdir()
    shutil.copy(archive / "panels" / "panel1.tif", tmp_path / "panels" / "panel1.tif")
    (tmp_path / "panels" / "broken.tif").write_bytes(b"II*\0 and no more")
    command = ("batch", "panels", "-o", "out", "--workers", "2", "--bands", "3", *SMALL)
    process = _start(*command, cwd=tmp_path)
    out = tmp_path / "out"

    def within_a_band() -> int | None:
        pids = {event["worker"]: event["pid"] for event in _events(out) if event["event"] == "joined"}
        last = {event["item"]: event for event in _events(out) if "item" in event}
        at_work = [event for item, event in last.items() if "band" in item and event["event"] == "started"]
        return pids[at_work[0]["worker"]] if at_work else None

    os.kill(_wait(within_a_band, process), signal.SIGKILL)
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 3, err
    assert err.count("broken.tif") == 1
    events = [(event["item"], event["event"]) for event in _events(out) if "item" in event]
    assert sum(event == "lost" for _, event in events) == 1
    done = [item for item, event in events if event == "done"]
    assert sorted(done) == ["panel1", "panel1/band-1", "panel1/band-2", "panel1/band-3", "panel1/gate"]
    assert _records(out) == {"panel1-record": serial["panel1-record"]}


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_only_time(archive: Path, serial: dict, tmp_path: Path) -> None:
    process = _start("batch", archive / "panels", "-o", "out", "--workers", "2", *SMALL, cwd=tmp_path)
    victim = _wait(lambda: _in_hand(tmp_path / "out"), process)
    os.kill(victim["pid"], signal.SIGKILL)
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, err
    assert f"a worker died while it traced {victim['item']}" in err
    events = [event["event"] for event in _events(tmp_path / "out") if event.get("item") == victim["item"]]
    assert events == ["started", "lost", "started", "done"]
    assert _records(tmp_path / "out") == serial


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_batch_that_is_stopped_continues_to_the_same_records(
    sign: signal.Signals, archive: Path, serial: dict, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ("batch", archive / "panels", "-o", "out", "--workers", "1", *SMALL)
    process = _start(*command, cwd=tmp_path)

    def second_in_hand() -> bool:
        return any(event["event"] == "done" for event in _events(out)) and _in_hand(out) is not None

    _wait(second_in_hand, process)
    if sign == signal.SIGINT:
        os.killpg(process.pid, sign)  # as a terminal does: to every process of the command
    else:
        process.kill()
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == (130 if sign == signal.SIGINT else -signal.SIGKILL), err
    assert sign == signal.SIGKILL or err.splitlines()[-1].startswith("graven: interrupted; 1 of 3 images are done")
    assert "Traceback" not in err
    assert _nobody_is_left(out)
    done = {path.name: _stamps(path) for path in out.glob("*-record")}
    assert len(done) >= 1

    resumed = _run(*command, "--resume", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert _records(out) == serial
    assert {name: _stamps(out / name) for name in done} == done
    finished = [event["item"] for event in _events(out) if event["event"] == "done"]
    assert sorted(finished) == ["panel1", "panel2", "panel3"]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A Dask cluster that runs already, whose workers die of poison."""
    (tmp_path / "chaos.py").write_text(CHAOS, encoding="utf-8")
    (tmp_path / "cluster.py").write_text(CLUSTER, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "cluster.py"), str(tmp_path / "chaos.py")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, text=True, **pipes) as process:
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.terminate()


@pytest.mark.slow
def test_an_image_that_kills_two_workers_of_a_cluster_is_set_aside(
    cluster: tuple[str, subprocess.Popen[str]], archive: Path, serial: dict, tmp_path: Path
) -> None:
    address, process = cluster
    (tmp_path / "panels").mkdir()
    shutil.copy(archive / "panels" / "panel1.tif", tmp_path / "panels" / "panel1.tif")
    shutil.copy(archive / "panels" / "panel2.tif", tmp_path / "panels" / "poison.tif")
    done = _run("batch", "panels", "-o", "out", "--scheduler", address, *SMALL, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "set aside: poison.tif: 2 workers died" in done.stdout
    events = [event["event"] for event in _events(tmp_path / "out") if event.get("item") == "poison"]
    assert events == ["started", "lost", "started", "lost", "set aside"]
    assert _records(tmp_path / "out") == {"panel1-record": serial["panel1-record"]}

    process.stdin.write("\n")
    process.stdin.flush()
    assert "True" not in process.stdout.readline()  # no worker has imported PyTorch


@pytest.mark.slow
def test_the_first_failure_can_stop_the_batch(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "panels").mkdir()
    (tmp_path / "panels" / "a.tif").write_bytes(b"II*\0 and no more")
    shutil.copy(archive / "panels" / "panel1.tif", tmp_path / "panels" / "b.tif")
    done = _run("batch", "panels", "-o", "out", "--workers", "1", "--on-error", "fail", *SMALL, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("graven: a.tif")
    assert not (tmp_path / "out" / "b-record").exists()
    statuses = csv.DictReader((tmp_path / "out" / "summary.csv").read_text(encoding="utf-8").splitlines())
    assert [row["status"] for row in statuses] == ["failed", "to do"]


def test_a_dry_run_names_images_and_records(graven: Callable, tmp_path: Path) -> None:
    for name in ("north/a.tif", "south/a.tif", "south/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    facts = graven("batch", "north", "south", "-o", "out", "--dry-run", "--json").lines()[-1]
    assert [row["record"] for row in facts["images"]] == ["a-north-record", "a-south-record", "b-record"]
    assert not (tmp_path / "out").exists()


def test_slurm_gets_the_job_that_was_configured(tmp_path: Path) -> None:
    pytest.importorskip("dask_jobqueue")
    (tmp_path / "a.tif").touch()
    (tmp_path / "slurm.yaml").write_text(
        "queue: short\nwalltime: '02:00:00'\nmemory: 3GB\njob-script-prologue: ['module load python']\n",
        encoding="utf-8",
    )
    slurm = ("--scheduler", "slurm", "--cluster-config", "slurm.yaml", "--workers", "3")
    done = _run("batch", "a.tif", "-o", "out", *slurm, "--dry-run", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    script = json.loads(done.stdout)["job_script"].splitlines()
    assert {"#SBATCH -p short", "#SBATCH -t 02:00:00", "#SBATCH --mem=3G", "#SBATCH --cpus-per-task=1"} <= set(script)
    assert script.index("module load python") > script.index("export DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE=False")
    assert "distributed.cli.dask_worker" in script[-1]
    assert "--nthreads 1" in script[-1]


def _refusals() -> list[tuple[tuple[str, ...], int, str]]:
    return [
        (("--workers", "0"), 1, "--workers must be at least 1"),
        (("--scheduler", "cloud"), 1, "local, slurm or an address"),
        (("--scheduler", "tcp://h:1", "--workers", "2"), 1, "leave --workers out"),
        (("--cluster-config", "a.yaml"), 1, "--scheduler slurm only"),
        (("--scheduler", "slurm"), 1, "needs --workers"),
        (("--scheduler", "slurm", "--workers", "2", "--cluster-config", "gone.yaml"), 1, "readable YAML"),
        (("--bands", "0"), 1, "--bands must be at least 1"),
        (("--on-error", "panic"), 1, "skip or fail"),
        (("--resume", "--overwrite"), 1, "not both"),
        (("--resume",), 1, "nothing to resume"),
        (("--engine", "torch"), 1, "without PyTorch"),
        (("--threshold", "7"), 1, "threshold"),
        (("--gate-threshold", "7"), 1, "--gate-threshold"),
        (("--scale", "5m/px"), 2, "scale"),
        (("--only", "cake"), 1, "--only"),
        (("-m", "gone"), 1, "gone"),
        (("-o", "taken"), 1, "is left alone"),
    ]


@pytest.mark.parametrize(("options", "code", "words"), _refusals(), ids=lambda value: str(value)[:30])
def test_what_cannot_be_obeyed_is_refused_before_anything_starts(
    options: tuple[str, ...], code: int, words: str, graven: Callable, tmp_path: Path
) -> None:
    (tmp_path / "a.tif").touch()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "precious.txt").touch()
    result = graven("batch", "a.tif", *(() if "-o" in options else ("-o", "out")), *options)
    assert (result.code, result.err.count("\n")) == (code, 1), result.err
    assert words in result.err
    assert not (tmp_path / "out").exists()
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["precious.txt"]
