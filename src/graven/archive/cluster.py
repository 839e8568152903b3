"""Processes to work with: of this machine, of a Dask cluster that runs already, or of jobs that SLURM starts."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import yaml

from graven.errors import MissingExtra, ResourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from dask_jobqueue import SLURMCluster
    from distributed import Client, LocalCluster

__all__ = ["check_scheduler", "default_workers", "open_cluster", "slurm_job_script"]

BYTES_PER_WORKER = 3 << 29
CONNECT_S = 15
LEAVE_S = 1.0

# A worker that dies is our business (graven.archive.run), so Dask shall not try the item again by itself; and what a
# worker has in memory is no data of Dask's that it could write to disk or wait for.
SETTINGS = {
    "distributed.scheduler.allowed-failures": 0,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
}

SLURM_DEFAULTS: dict[str, Any] = {
    "cores": 1,
    "processes": 1,
    "memory": "4GB",
    "scheduler_options": {"dashboard": False, "dashboard_address": None},
}


def check_scheduler(scheduler: str, *, n_workers: int | None, config: Path | None) -> None:
    """Refuse a choice of workers that cannot be obeyed, before anything is started.

    Parameters
    ----------
    scheduler : str
        ``local``, ``slurm``, or the address of a scheduler such as ``tcp://host:8786``.
    n_workers : int or None
        Processes, or jobs of SLURM.
    config : Path or None
        YAML file with options of the jobs.

    Raises
    ------
    UsageError
        If they do not go together.
    MissingExtra
        If Dask is not installed.
    """
    running = "://" in scheduler
    if scheduler not in ("local", "slurm") and not running:
        raise UsageError(f"--scheduler takes local, slurm or an address such as tcp://host:8786, got {scheduler!r}")
    if n_workers is not None and n_workers < 1:
        raise UsageError(f"--workers must be at least 1, got {n_workers}")
    if running and n_workers is not None:
        raise UsageError(f"the cluster at {scheduler} has its workers already; leave --workers out")
    if scheduler == "slurm" and n_workers is None:
        raise UsageError("--scheduler slurm needs --workers, the number of jobs")
    if config is not None and scheduler != "slurm":
        raise UsageError("--cluster-config goes with --scheduler slurm only; leave it out")
    try:
        import distributed  # noqa: F401 - whether it is there
    except ImportError as error:
        raise MissingExtra("a batch needs Dask, which is not installed; run: pip install 'graven[scale]'") from error
    if scheduler == "slurm":
        _slurm_options(config)


def default_workers(n_items: int) -> int:
    """Choose the number of local processes.

    Parameters
    ----------
    n_items : int, >= 1
        What is to be done.

    Returns
    -------
    int
        One per core that this process may use, as far as there are items, and 1.5 GiB of memory for each.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    from distributed.system import MEMORY_LIMIT

    n_fit: int = MEMORY_LIMIT // BYTES_PER_WORKER
    return max(1, min(cores, n_items, n_fit))


@contextmanager
def open_cluster(scheduler: str, *, n_workers: int, config: Path | None = None) -> Iterator[Client]:
    """Start or find workers, and leave none of our own behind.

    Parameters
    ----------
    scheduler : str
        As in `check_scheduler`.
    n_workers : int
        Processes of this machine, or jobs of SLURM; an existing cluster has its own.
    config : Path, optional
        YAML file with options of ``dask_jobqueue.SLURMCluster``.

    Yields
    ------
    distributed.Client
        Connected; workers may still be on their way.

    Raises
    ------
    UsageError
        If the options of the jobs are wrong.
    ResourceError
        If no scheduler answers, or SLURM takes no jobs.

    Notes
    -----
    Local workers listen on the loopback address only. Ctrl-C reaches this process alone; what local workers have in
    hand when the block ends is cut off at once and can be resumed.
    """
    _quieten()
    if "://" in scheduler:
        with _running(scheduler) as client:
            yield client
        return
    import dask

    with dask.config.set(SETTINGS):
        opened = _local(n_workers) if scheduler == "local" else _slurm(n_workers, config)
        with opened as client:
            yield client


def _quieten() -> None:
    """Silence the log of Dask in this process: what matters is said by ourselves, in one line."""
    import distributed  # noqa: F401 - makes its loggers

    for name in logging.root.manager.loggerDict:
        if name.split(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def _running(address: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise ResourceError(
            f"no Dask scheduler answers at {address} ({' '.join(str(error).split())}); start one with: dask scheduler"
        ) from error
    with client:
        yield client


@contextmanager
def _local(n_workers: int) -> Iterator[Client]:
    from distributed import Client, LocalCluster

    cluster = None
    try:
        with _deaf_children():
            cluster = LocalCluster(
                n_workers=n_workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )
        with Client(cluster, set_as_default=False) as client:
            yield client
    finally:
        if cluster is not None:
            cluster.sync(_dismiss, cluster)
            cluster.close()


async def _dismiss(cluster: LocalCluster) -> None:
    """End the processes at once: Dask would wait for what they are doing."""
    await asyncio.gather(*(nanny.close(timeout=LEAVE_S) for nanny in cluster.workers.values()))


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Block Ctrl-C in every thread and process that is started here, so that the terminal reaches this process alone.

    Processes and threads inherit what is blocked, also those that Dask starts later from a thread of its own.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # when started later it would unblock the signal for whoever starts it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _slurm(n_workers: int, config: Path | None) -> Iterator[Client]:
    from distributed import Client

    if shutil.which("sbatch") is None:
        raise ResourceError("--scheduler slurm needs sbatch, which is not here; run graven where jobs are submitted")
    with _slurm_cluster(config) as cluster, Client(cluster, set_as_default=False) as client:
        cluster.scale(jobs=n_workers)
        yield client


def slurm_job_script(config: Path | None) -> str:
    """Give the script of one job as it would be submitted.

    Parameters
    ----------
    config : Path or None
        As in `open_cluster`.

    Returns
    -------
    str
        The script; the address of the scheduler is that of a moment.

    Raises
    ------
    UsageError
        If the options of the jobs are wrong.
    """
    _quieten()
    with _slurm_cluster(config) as cluster:
        script: str = cluster.job_script()
        return script


def _slurm_cluster(config: Path | None) -> AbstractContextManager[SLURMCluster]:
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError as error:
        raise MissingExtra(
            "--scheduler slurm needs dask-jobqueue, which is not installed; run: pip install 'graven[scale]'"
        ) from error
    try:
        with _deaf_children():
            cluster: AbstractContextManager[SLURMCluster] = SLURMCluster(**_slurm_options(config))
            return cluster
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"--cluster-config: dask_jobqueue.SLURMCluster does not take this: {reason}") from error


def _slurm_options(config: Path | None) -> dict[str, Any]:
    """Read the options of the jobs: one process with one core where nothing else is said, and `SETTINGS` in each."""
    given = {} if config is None else _read_mapping(config)
    named = {name.upper().replace(".", "__").replace("-", "_"): value for name, value in SETTINGS.items()}
    exports = [f"export DASK_{name}={value}" for name, value in named.items()]
    return {**SLURM_DEFAULTS, **given, "job_script_prologue": [*exports, *given.get("job_script_prologue", ())]}


def _read_mapping(config: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(
            f"--cluster-config needs a readable YAML file, got {config}: {' '.join(str(error).split())}"
        ) from error
    if not isinstance(found, dict):
        raise UsageError(f"--cluster-config needs a YAML mapping of options, got {type(found).__name__} in {config}")
    return {str(key).replace("-", "_"): value for key, value in found.items()}
