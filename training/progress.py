"""Runs the stages of a training run with a progress bar. Nothing is shown without a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from training.interrupt import interruptible
from training.parallel.workers import Workers, result_of
from training.progress_bar import ProgressBar
from training.stage import Stage
from training.time_left import TimeLeft

_REFRESH = 0.5  # seconds


def run_stages(stages: Sequence[Stage], workers: Workers) -> None:
    """Run each stage as soon as those that it needs are finished.

    Of several stages that could start, the first in the list does. Tasks run in the workers, and
    meanwhile this process runs the stages without a task.
    """
    time_left = TimeLeft(stages, workers.jobs)
    with interruptible() as raise_if_interrupted, ProgressBar(time_left.seconds) as bar:
        run = _Run(stages, workers, time_left, bar)
        while run.waiting or run.running:
            raise_if_interrupted()
            run.start_tasks()
            if not (run.finish_tasks() or run.run_here()):
                run.wait()


class _Run:
    def __init__(
        self, stages: Sequence[Stage], workers: Workers, time_left: TimeLeft, bar: ProgressBar
    ) -> None:
        self.waiting = list(stages)
        self.running: dict[Future[tuple[Any, float]], Stage] = {}
        self._workers = workers
        self._time_left = time_left
        self._bar = bar

    def start_tasks(self) -> None:
        """Give tasks to the workers, and one more to each than it can do now."""
        while len(self.running) < 2 * self._workers.jobs - 1:
            stage = self._next(lambda each: each.task is not None)
            if stage is None or stage.task is None:
                return
            task = stage.task()
            if task is None:
                self._time_left.leave_out(stage)
                continue
            self._time_left.start(stage)
            self._bar.show(stage.name)
            self.running[self._workers.submit(task)] = stage

    def finish_tasks(self) -> bool:
        """Process the results that have arrived; whether there were any."""
        finished = [future for future in self.running if future.done()]
        for future in finished:
            result, seconds = result_of(future)
            stage = self.running.pop(future)
            stage.run(result)
            self._time_left.finish(stage, seconds)
            self._bar.refresh()
        return bool(finished)

    def run_here(self) -> bool:
        """Run one stage in this process; whether there was one to run."""
        stage = self._next(lambda each: each.task is None)
        if stage is None:
            return False
        self._time_left.start(stage)
        self._bar.show(stage.name)
        begun = time.perf_counter()
        stage.run()
        self._time_left.finish(stage, time.perf_counter() - begun)
        self._bar.refresh()
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
