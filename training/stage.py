"""A part of a training run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from training.parallel.workers import Task


class Cost(NamedTuple):
    """How long a stage is expected to take, in seconds of one core.

    ``kind``: stages of one kind differ from what is expected by about the same factor.
    """

    seconds: float
    kind: str

    def times(self, factor: float) -> Cost:
        """The cost of so many times the work, or of this share of it."""
        return Cost(factor * self.seconds, self.kind)


NO_COST = Cost(0.0, "")


@dataclass(frozen=True, eq=False)
class Stage:
    """A named part of a run.

    ``run``: what to do in the main process; it is given the result of ``task`` if there is one.
    ``task``: gives a task for a worker process, or None if it turns out to be needless.
    ``needs``: the groups of stages that must be finished before.
    ``cost``: none for work that nothing waits for. ``known_costs``: better estimates,
    by the group of stages after which each is known, in the order of the groups.
    """

    name: str
    run: Callable[..., object]
    task: Callable[[], Task[Any] | None] | None = None
    needs: tuple[str, ...] = ()
    cost: Cost = NO_COST
    known_costs: Mapping[str, Callable[[], Cost]] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """The name without what comes after the colon."""
        return self.name.partition(":")[0]
