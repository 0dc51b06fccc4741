"""Runs tasks in worker processes, or in this process if there is only one job.

The workers are forked from a small server process, which has imported the libraries and has no
threads (multiprocessing's ``forkserver``). They end when this process does, however it ends.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from typing import Any, Protocol, TypeVar

import joblib

from churn_model.errors import TrainingError
from training.parallel.shared_memory import SharedObject
from training.parallel.worker import start_worker, timed, work

T = TypeVar("T")
Task = Callable[[Any], T]
"""Called with the shared object. It and its result must be picklable."""

_METHOD = "forkserver"
_TASKS = "training.tasks"
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def without_shared(function: Callable[[], T]) -> Task[T]:
    """A task that does not use the shared object."""
    return partial(_call, function)


def _call(function: Callable[[], T], shared: object) -> T:
    return function()


class Workers(Protocol):
    """``jobs``: how many tasks run at the same time."""

    jobs: int

    def submit(self, task: Task[T]) -> Future[tuple[T, float]]:
        """Start a task. The future has its result, and the seconds that it took."""


def available_cores() -> int:
    """The cores that this process may use: its affinity and its cgroup's limit count."""
    return int(joblib.cpu_count())


def prepare_workers(jobs: int) -> None:
    """Start the server process, which imports what tasks need while this process goes on."""
    if jobs > 1 and _METHOD in multiprocessing.get_all_start_methods():
        multiprocessing.get_context(_METHOD).set_forkserver_preload([_TASKS])
        with _environment(_ONE_THREAD):
            forkserver.ensure_running()


@contextmanager
def start_workers(jobs: int, shared: object) -> Iterator[Workers]:
    """Workers for tasks on the shared object. They are killed if the block raises an exception."""
    if jobs == 1 or _METHOD not in multiprocessing.get_all_start_methods():
        yield _ThisProcess(shared)
        return
    prepare_workers(jobs)
    with _stop_signal() as (stop, stopped):
        processes = _Processes(jobs, shared, stopped)
        try:
            yield processes
        except BaseException:
            stop.close()
            raise
        finally:
            processes.close()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for processes that are started in the block."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name)
            if name in before:
                os.environ[name] = before[name]


@contextmanager
def _stop_signal() -> Iterator[tuple[Connection, Connection]]:
    """A pipe whose workers end when this process closes its end, or ends itself."""
    stopped, stop = multiprocessing.Pipe(duplex=False)
    with stopped, stop:
        yield stop, stopped


class _ThisProcess:
    jobs = 1

    def __init__(self, shared: object) -> None:
        self._shared = shared

    def submit(self, task: Task[T]) -> Future[tuple[T, float]]:
        future: Future[tuple[T, float]] = Future()
        future.set_result(timed(task, self._shared))
        return future


class _Processes:
    def __init__(self, jobs: int, shared: object, stopped: Connection) -> None:
        self.jobs = jobs
        self._shared = SharedObject(shared)
        self._executor = ProcessPoolExecutor(
            jobs,
            multiprocessing.get_context(_METHOD),
            initializer=start_worker,
            initargs=(self._shared, stopped),
        )

    def submit(self, task: Task[T]) -> Future[tuple[T, float]]:
        with _readable():
            return self._executor.submit(work, task)

    def close(self) -> None:
        self._executor.shutdown(cancel_futures=True)
        self._shared.close()


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool:
        raise worker_killed() from None


def result_of(future: Future[T]) -> T:
    """The result of a finished task. Raises TrainingError if its worker was killed."""
    with _readable():
        return future.result()


def worker_killed() -> TrainingError:
    """The error for a worker process that ended during a task."""
    return TrainingError(
        "a worker process of the training was killed, as systems do when memory runs out; use "
        "fewer processes (--jobs 1) or fewer rows, or give the machine more memory"
    )
