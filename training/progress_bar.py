"""A progress bar with an estimate of the time left."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from tqdm import tqdm

_FORMAT = "{desc:<24.24} {bar:30}{postfix}"  # tqdm puts a comma before a postfix


class ProgressBar:
    """Shows what has begun, the time so far, and the estimate of ``seconds_left``."""

    def __init__(self, seconds_left: Callable[[], float]) -> None:
        self._seconds_left = seconds_left
        self._begun = time.perf_counter()
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

    def show(self, name: str) -> None:
        """Show what has begun."""
        self._bar.set_description_str(name, refresh=False)
        self.refresh()

    def refresh(self) -> None:
        """Show the current estimate."""
        if self._bar.disable:
            return
        elapsed, left = time.perf_counter() - self._begun, self._seconds_left()
        self._bar.n = elapsed / (elapsed + left) if elapsed else 0.0
        self._bar.set_postfix_str(f"{_minutes(elapsed)}, about {_minutes(left)} left")


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
