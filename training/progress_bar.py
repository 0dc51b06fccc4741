"""A progress bar with an estimate of the time left."""

from __future__ import annotations

import time
from types import TracebackType

from tqdm import tqdm

_FORMAT = "{desc:<24.24} {bar:30}{postfix}"  # tqdm puts a comma before a postfix
_PRIOR = 1.0  # seconds of work for which the expected costs are believed


class ProgressBar:
    """Estimates the time left from the expected costs of the work, and how long it took so far.

    Costs are in seconds of one core. ``shared`` work is done by ``jobs`` workers at the same time.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._left = {True: 0.0, False: 0.0}
        self._cost = self._seconds = _PRIOR
        self._begun = self._finished = time.perf_counter()
        self._bar = tqdm(total=1.0, disable=None, leave=False, bar_format=_FORMAT)

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()

    def expect(self, cost: float, *, shared: bool) -> None:
        """Add work that is still to be done."""
        self._left[shared] += cost

    def show(self, name: str) -> None:
        """Show what has begun."""
        self._bar.set_description_str(name, refresh=False)
        self.refresh()

    def finish(self, cost: float, seconds: float, *, shared: bool) -> None:
        """Count work as done that was expected to take ``cost`` seconds, and took ``seconds``."""
        self._left[shared] = max(0.0, self._left[shared] - cost)
        if cost:
            self._cost += cost
            self._seconds += seconds
        self._finished = time.perf_counter()
        self.refresh()

    def seconds_left(self) -> float:
        """The estimate: what is left in parallel and then in turn, at the speed so far."""
        pace = self._seconds / self._cost
        expected = pace * (self._left[True] / self._jobs + self._left[False])
        return max(0.0, expected - (time.perf_counter() - self._finished))

    def refresh(self) -> None:
        """Show the current estimate."""
        if self._bar.disable:
            return
        elapsed, left = time.perf_counter() - self._begun, self.seconds_left()
        self._bar.n = elapsed / (elapsed + left) if elapsed else 0.0
        self._bar.set_postfix_str(f"{_minutes(elapsed)}, about {_minutes(left)} left")


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
