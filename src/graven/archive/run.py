"""Give tasks to workers one by one, and make good what a dead worker had in hand.

A task is given to one worker by name, and a worker has one at a time, so it is known what a worker that dies was doing.
That is given to another worker; a task that was in hand when a worker died for the second time is set aside.
"""

from __future__ import annotations

import math
import queue
import time
import uuid
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graven.errors import ResourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from distributed import Client, Future

__all__ = ["Listener", "Outcome", "Task", "is_wanted_here", "run_tasks"]

DEATHS_ALLOWED = 1
BIRTHS_TRIED = 5
POLL_S = 0.3
PATIENCE_S = 20.0

Outcome = dict[str, Any]
"""What came of a task: ``status`` is ``done`` or ``failed``, and a failed one has ``message``."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something that one worker does.

    Attributes
    ----------
    name : str
        Unlike that of every other task.
    payload : mapping
        What the worker is told.
    after : tuple of str
        Tasks that must be done before; their outcomes are told as well.
    """

    name: str
    payload: Mapping[str, Any]
    after: tuple[str, ...] = ()


class Listener:
    """What `run_tasks` reports to; every method may raise to stop the work."""

    def joined(self, worker: str, facts: Mapping[str, Any]) -> None:
        """Hear that a worker is there and fit."""

    def started(self, task: Task, worker: str, attempt: int) -> None:
        """Hear that a task is given to a worker."""

    def lost(self, task: Task, worker: str, deaths: int) -> None:
        """Hear that a worker died with a task in hand."""

    def ended(self, task: Task, outcome: Outcome) -> None:
        """Hear that a task is done, has failed, or is set aside."""

    def say(self, text: str) -> None:
        """Take one line for a person."""


def run_tasks(
    client: Client,
    tasks: Sequence[Task],
    *,
    work: Callable[[Mapping[str, Any], Mapping[str, Outcome]], Outcome],
    greet: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    greeting: Mapping[str, Any],
    judge: Callable[[Mapping[str, Any]], str | None],
    hear: Listener,
) -> dict[str, Outcome]:
    """Have all tasks done.

    Parameters
    ----------
    client : distributed.Client
        Connected to the workers.
    tasks : sequence of Task
        In the order in which they are begun.
    work : callable
        ``work(payload, outcomes of the tasks before)``, run by workers; it must be importable there, may be run again
        for the same task, and returns its outcome.
    greet : callable
        ``greet(greeting)``, run once on every worker before it gets a task; what it gives is judged here.
    greeting : mapping
        For `greet`.
    judge : callable
        Says in words why a worker cannot be used, or None.
    hear : Listener
        Told what happens.

    Returns
    -------
    dict of str to Outcome
        By task; ``status`` is ``done``, ``failed`` or ``set aside``.

    Raises
    ------
    ResourceError
        If no worker can be used, or the scheduler is gone.
    """
    crew = _Crew(client, greet, greeting, judge, hear)
    plan = _Plan(tasks)
    try:
        while not plan.is_finished:
            crew.muster(plan)
            while (worker := crew.free()) is not None and (task := plan.next()) is not None:
                crew.give(worker, task, work, plan)
            crew.listen(plan)
        return plan.outcomes
    finally:
        crew.drop_all()


def is_wanted_here() -> Callable[[], bool]:
    """Within a task on a worker, give a function that tells whether somebody still waits for its outcome.

    Returns
    -------
    callable
        May be called from any thread. False after the batch was stopped or its process has died; always True outside a
        worker.
    """
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:
        return lambda: True
    key = worker.get_current_task()

    def is_wanted() -> bool:
        known = worker.state.tasks.get(key)
        return known is not None and known.state == "executing"

    return is_wanted


@dataclass
class _Plan:
    """What is still to be done, and what came of the rest."""

    tasks: Sequence[Task]
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.waiting = deque(self.tasks)
        self.deaths = dict.fromkeys((task.name for task in self.tasks), 0)

    @property
    def is_finished(self) -> bool:
        return len(self.outcomes) == len(self.tasks)

    def next(self) -> Task | None:
        """Take the first task that nothing holds back."""
        for task in self.waiting:
            if all(name in self.outcomes for name in task.after):
                self.waiting.remove(task)
                return task
        return None

    def before(self, task: Task) -> dict[str, Outcome]:
        return {name: self.outcomes[name] for name in task.after}

    def end(self, task: Task, outcome: Outcome, hear: Listener) -> None:
        """Note an outcome; what cannot be done without it has failed too."""
        self.outcomes[task.name] = outcome
        hear.ended(task, outcome)
        if outcome["status"] == "done":
            return
        for other in [other for other in self.waiting if task.name in other.after]:
            self.waiting.remove(other)
            self.end(other, outcome, hear)


@dataclass
class _Hand:
    """What a worker has been given; no task means that it is being greeted."""

    future: Future
    task: Task | None = None


class _Crew:
    """The workers that are there, and what each has in hand."""

    def __init__(
        self,
        client: Client,
        greet: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        greeting: Mapping[str, Any],
        judge: Callable[[Mapping[str, Any]], str | None],
        hear: Listener,
    ) -> None:
        self.client, self.hear = client, hear
        self._greet, self._greeting, self._judge = greet, dict(greeting), judge
        self._idle: deque[str] = deque()
        self._hands: dict[str, _Hand] = {}
        self._unfit: dict[str, str] = {}
        self._answers: queue.SimpleQueue[tuple[str, Future]] = queue.SimpleQueue()
        self._alone_since: float | None = None
        self._deaths_at_greeting = 0
        self._run = uuid.uuid4().hex[:8]

    def muster(self, plan: _Plan) -> None:
        """Notice who came and who went."""
        present = self._present()
        for worker in [worker for worker in (*self._idle, *self._hands) if worker not in present]:
            self._gone(worker, plan)
        self._unfit = {worker: reason for worker, reason in self._unfit.items() if worker in present}
        for worker in present:
            if worker not in self._idle and worker not in self._hands and worker not in self._unfit:
                self._submit(worker, None, self._greet, self._greeting)
        if self._unfit and len(self._unfit) == len(present):
            raise ResourceError(next(iter(self._unfit.values())))
        self._wait_in_words(present)

    def free(self) -> str | None:
        """Give a worker with empty hands."""
        return self._idle[0] if self._idle else None

    def give(self, worker: str, task: Task, work: Callable[..., Outcome], plan: _Plan) -> None:
        """Have a task done by a worker."""
        self._idle.remove(worker)
        self.hear.started(task, worker, plan.deaths[task.name] + 1)
        self._submit(worker, task, work, dict(task.payload), plan.before(task))

    def listen(self, plan: _Plan) -> None:
        """Wait a moment for answers, and take those that are there."""
        try:
            answers = [self._answers.get(timeout=POLL_S)]
            while not self._answers.empty():
                answers.append(self._answers.get())
        except queue.Empty:
            return
        for worker, future in answers:
            hand = self._hands.get(worker)
            if hand is not None and hand.future is future:
                self._take(worker, hand, plan)

    def drop_all(self) -> None:
        """Tell the workers that nobody waits any more."""
        with suppress(OSError, TimeoutError, RuntimeError):  # a scheduler that is gone knows of nothing any more
            for hand in self._hands.values():
                hand.future.cancel()

    def _present(self) -> tuple[str, ...]:
        try:
            return tuple(self.client.nthreads())
        except (OSError, TimeoutError, RuntimeError) as error:
            raise ResourceError(
                "the Dask scheduler does not answer any more; repeat the command with --resume when it is back"
            ) from error

    def _submit(self, worker: str, task: Task | None, function: Callable[..., Any], *args: Any) -> None:
        name = "greeting" if task is None else task.name
        future = self.client.submit(
            function,
            *args,
            key=f"graven-{name}-{self._run}-{uuid.uuid4().hex[:8]}",
            workers=[worker],
            allow_other_workers=False,
            pure=False,
        )
        self._hands[worker] = _Hand(future, task)
        future.add_done_callback(lambda done: self._answers.put((worker, done)))

    def _take(self, worker: str, hand: _Hand, plan: _Plan) -> None:
        from distributed import KilledWorker

        if hand.future.status == "cancelled":  # the scheduler has forgotten us
            self._gone(worker, plan)
            return
        error = hand.future.exception()
        if isinstance(error, KilledWorker):
            self._gone(worker, plan)
            return
        del self._hands[worker]
        if hand.task is None:
            self._welcome(worker, f"cannot be used: {_words(error)}" if error else self._judge(hand.future.result()))
            if worker not in self._unfit:
                self._deaths_at_greeting = 0
                self._idle.append(worker)
                self.hear.joined(worker, hand.future.result())
            return
        self._idle.append(worker)
        outcome = {"status": "failed", "message": _words(error), "exit_code": 70} if error else hand.future.result()
        plan.end(hand.task, outcome, self.hear)

    def _welcome(self, worker: str, reason: str | None) -> None:
        if reason is not None:
            self._unfit[worker] = f"worker {worker} {reason}"
            self.hear.say(f"worker {worker} {reason}; it gets no work")

    def _gone(self, worker: str, plan: _Plan) -> None:
        """Give what a dead worker had in hand to another one, but not for ever."""
        if worker in self._idle:
            self._idle.remove(worker)
        hand = self._hands.pop(worker, None)
        if hand is None:
            return
        hand.future.cancel()
        if hand.task is None:
            self._deaths_at_greeting += 1
            if self._deaths_at_greeting > BIRTHS_TRIED:
                raise ResourceError(
                    f"{self._deaths_at_greeting} workers in a row died as soon as they began; see graven doctor, and "
                    "whether there is memory for them"
                )
            return
        task = hand.task
        plan.deaths[task.name] += 1
        deaths = plan.deaths[task.name]
        self.hear.lost(task, worker, deaths)
        if deaths <= DEATHS_ALLOWED:
            plan.waiting.appendleft(task)
        else:
            message = f"{deaths} workers died while they had it in hand; it is set aside"
            plan.end(task, {"status": "set aside", "message": message}, self.hear)

    def _wait_in_words(self, present: Sequence[str]) -> None:
        """Say once that there is nobody to work."""
        if present:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = time.monotonic()
        elif time.monotonic() - self._alone_since > PATIENCE_S:
            self.hear.say("no worker is there; waiting for one (Ctrl-C stops, and --resume continues)")
            self._alone_since = math.inf


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
