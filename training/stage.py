"""A part of a training run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from training.parallel.workers import Task


@dataclass(frozen=True, eq=False)
class Stage:
    """A named part of a run.

    ``run``: what to do in the main process; it is given the result of ``task`` if there is one.
    ``task``: gives a task for a worker process, or None if it turns out to be needless.
    ``needs``: the groups of stages that must be finished before.
    ``cost``: the expected seconds of one core; 0 for work that nothing waits for.
    ``known_cost``: the same, known better as soon as the group ``known_after`` is finished.
    ``kind``: stages of one kind differ from their costs by about the same factor; the group if
    empty.
    """

    name: str
    run: Callable[..., object]
    task: Callable[[], Task[Any] | None] | None = None
    needs: tuple[str, ...] = ()
    cost: float = 0.0
    known_cost: Callable[[], float] | None = None
    known_after: str = ""
    kind: str = ""

    @property
    def group(self) -> str:
        """The name without what comes after the colon."""
        return self.name.partition(":")[0]
