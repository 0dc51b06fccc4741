"""Estimates how long the rest of a training run takes.

The rest of the run is simulated: which worker does what, and what has to wait for what. Each stage
is expected to take its cost, times the factor by which the stages of its kind have differed so far.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import count

from training.stage import Cost, Stage

_PRIOR = 1.0  # seconds of work for which the expectation is believed
_OVERDUE = 0.05  # of the time that a stage has taken, if that is longer than expected


class TimeLeft:
    """The time left, from what has begun and finished.

    ``jobs``: how many tasks run at the same time. ``clock``: the present time in seconds.
    """

    def __init__(
        self, stages: Sequence[Stage], jobs: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._jobs = jobs
        self._clock = clock
        self._waiting = list(stages)
        self._started: list[Stage] = []  # or given to the workers, which do one task after another
        self._begun: dict[Stage, float] = {}
        self._costs: dict[tuple[Stage, str], Cost] = {}
        self._pace = _Pace()

    def start(self, stage: Stage) -> None:
        """Count a stage as started, or as the workers' next task."""
        self._waiting.remove(stage)
        self._started.append(stage)
        self._note_beginnings()

    def leave_out(self, stage: Stage) -> None:
        """Expect no time for a stage that turned out to be needless."""
        self._waiting.remove(stage)

    def finish(self, stage: Stage, seconds: float) -> None:
        """Count a started stage as finished, in this time."""
        self._pace.add(self._cost(stage, set()), seconds)
        self._started.remove(stage)
        self._note_beginnings()

    def _note_beginnings(self) -> None:
        """The first tasks of those that the workers were given have begun."""
        tasks = [stage for stage in self._started if stage.task is not None]
        here = [stage for stage in self._started if stage.task is None]
        for stage in (*tasks[: self._jobs], *here):
            self._begun.setdefault(stage, self._clock())

    def seconds(self) -> float:
        """The estimate."""
        now = self._clock()
        unfinished = {stage.group for stage in (*self._started, *self._waiting)}
        left = []
        for stage in self._started:
            expected, taken = self._expected(stage, unfinished), now - self._begun.get(stage, now)
            left.append((stage, max(expected - taken, _OVERDUE * taken)))
        left += [(stage, self._expected(stage, unfinished)) for stage in self._waiting]
        return _simulated(left, self._jobs)

    def _expected(self, stage: Stage, unfinished: set[str]) -> float:
        return self._pace.expected(self._cost(stage, unfinished))

    def _cost(self, stage: Stage, unfinished: set[str]) -> Cost:
        """The cost, as far as it is known while these groups are unfinished."""
        finished = [group for group in stage.known_costs if group not in unfinished]
        if not finished:
            return stage.cost
        last = stage, finished[-1]
        if last not in self._costs:
            self._costs[last] = stage.known_costs[finished[-1]]()
        return self._costs[last]


class _Pace:
    """The seconds that stages took, over their expected costs."""

    def __init__(self) -> None:
        self._cost: dict[str, float] = defaultdict(float)
        self._seconds: dict[str, float] = defaultdict(float)

    def add(self, cost: Cost, seconds: float) -> None:
        if cost.seconds:
            self._cost[cost.kind] += cost.seconds
            self._seconds[cost.kind] += seconds

    def expected(self, cost: Cost) -> float:
        """The cost, times the pace of its kind so far and the mean pace, weighted.

        The mean pace has the weight of ``_PRIOR`` seconds of work.
        """
        known = _PRIOR * self._mean_pace() + self._seconds[cost.kind]
        return cost.seconds * known / (_PRIOR + self._cost[cost.kind])

    def _mean_pace(self) -> float:
        """The geometric mean of the paces of all kinds so far, and of 1, which is expected.

        Kinds count equally: there are many fits, and how long they take depends on the table.
        """
        paces = [
            (_PRIOR + self._seconds[kind]) / (_PRIOR + cost) for kind, cost in self._cost.items()
        ]
        return math.prod(paces) ** (1 / (1 + len(paces)))


def _simulated(left: list[tuple[Stage, float]], jobs: int) -> float:
    """How long stages take that start in this order, each as soon as it can.

    With several jobs, one stage without a task runs beside the tasks.
    """
    unfinished = Counter(stage.group for stage, _ in left)
    free = {True: jobs, False: 1} if jobs > 1 else {True: 1}
    running: list[tuple[float, int, Stage, bool]] = []  # by the time at which they end
    now, order = 0.0, count()  # the order decides between equal times
    while left or running:
        waiting = []
        for stage, seconds in left:
            place = stage.task is not None or jobs == 1
            if free[place] and not any(unfinished[group] for group in stage.needs):
                free[place] -= 1
                heapq.heappush(running, (now + seconds, next(order), stage, place))
            else:
                waiting.append((stage, seconds))
        left = waiting
        now, _, stage, place = heapq.heappop(running)
        free[place] += 1
        unfinished[stage.group] -= 1
    return now
