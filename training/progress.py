"""Runs the stages of a training run with a progress bar. Nothing is shown without a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any

from training.interrupt import interruptible
from training.parallel.workers import Task, Workers, result_of
from training.progress_bar import ProgressBar

_REFRESH = 0.5  # seconds


@dataclass(frozen=True)
class Stage:
    """A named part of a run.

    ``run``: what to do in this process; it is given the result of ``task`` if there is one.
    ``task``: gives a task for a worker process, or None if it turns out to be needless. ``needs``:
    the groups of stages that must be finished before. ``cost``: the expected seconds of one core; 0
    for work that nothing waits for.
    """

    name: str
    run: Callable[..., object]
    task: Callable[[], Task[Any] | None] | None = None
    needs: tuple[str, ...] = ()
    cost: float = 0.0

    @property
    def group(self) -> str:
        """The name without what comes after the colon."""
        return self.name.partition(":")[0]


def run_stages(stages: Sequence[Stage], workers: Workers) -> None:
    """Run each stage as soon as those that it needs are finished.

    Of several stages that could start, the first in the list does. Tasks run in the workers, and
    meanwhile this process runs the stages without a task.
    """
    with interruptible() as raise_if_interrupted, ProgressBar(workers.jobs) as bar:
        run = _Run(stages, workers, bar)
        while run.waiting or run.running:
            raise_if_interrupted()
            run.start_tasks()
            if not (run.finish_tasks() or run.run_here()):
                run.wait()


class _Run:
    def __init__(self, stages: Sequence[Stage], workers: Workers, bar: ProgressBar) -> None:
        self.waiting = list(stages)
        self.running: dict[Future[tuple[Any, float]], Stage] = {}
        self._workers = workers
        self._bar = bar
        bar.expect(sum(each.cost for each in stages if each.task), shared=True)
        bar.expect(sum(each.cost for each in stages if not each.task), shared=False)

    def start_tasks(self) -> None:
        """Give tasks to the workers, and one more to each than it can do now."""
        while len(self.running) < 2 * self._workers.jobs - 1:
            stage = self._next(lambda each: each.task is not None)
            if stage is None or stage.task is None:
                return
            task = stage.task()
            if task is None:
                self._bar.expect(-stage.cost, shared=True)
                continue
            self._bar.show(stage.name)
            self.running[self._workers.submit(task)] = stage

    def finish_tasks(self) -> bool:
        """Process the results that have arrived; whether there were any."""
        finished = [future for future in self.running if future.done()]
        for future in finished:
            result, seconds = result_of(future)
            stage = self.running.pop(future)
            stage.run(result)
            self._bar.finish(stage.cost, seconds, shared=True)
        return bool(finished)

    def run_here(self) -> bool:
        """Run one stage in this process; whether there was one to run."""
        stage = self._next(lambda each: each.task is None)
        if stage is None:
            return False
        self._bar.show(stage.name)
        begun = time.perf_counter()
        stage.run()
        self._bar.finish(stage.cost, time.perf_counter() - begun, shared=False)
        return True

    def wait(self) -> None:
        """Wait for a result, but not for long, because the progress bar shows the time."""
        wait(self.running, timeout=_REFRESH, return_when=FIRST_COMPLETED)
        self._bar.refresh()

    def _next(self, suits: Callable[[Stage], bool]) -> Stage | None:
        """Take the first stage that suits and whose needs are finished."""
        unfinished = {each.group for each in (*self.waiting, *self.running.values())}
        for stage in self.waiting:
            if suits(stage) and not unfinished.intersection(stage.needs):
                self.waiting.remove(stage)
                return stage
        return None
