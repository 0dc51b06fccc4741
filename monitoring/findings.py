"""What a run of ``churn monitor`` found, for all of its outputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitoring.results import Alarm, PopulationResult, Verdict

VERDICTS: tuple[Verdict, ...] = ("fine", "watch", "recalibrate", "retrain")
"""From the best to the worst."""


@dataclass(frozen=True)
class Findings:
    """The results of all populations, and how they were found.

    ``model_uri``: as it was given. ``version``: the version that it names; its populations are
    the current ones. ``now``: when the run began (UTC). ``every``: the length of a window.
    ``limits``: of the alarms, as name and meaning. ``notes``: what was left out, one sentence each.
    ``labelled``: the command that trains on the labelled table; empty if none was written.
    """

    model_uri: str
    model_name: str
    version: str
    now: datetime
    every: timedelta
    results: tuple[PopulationResult, ...]
    limits: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    labelled: str = ""

    def is_current(self, result: PopulationResult) -> bool:
        """Whether a population was scored by the version that is monitored."""
        return result.population.model_version == self.version

    @property
    def current(self) -> tuple[PopulationResult, ...]:
        """The populations of the version that is monitored."""
        return tuple(filter(self.is_current, self.results))

    @property
    def others(self) -> tuple[PopulationResult, ...]:
        """The populations of other versions."""
        return tuple(each for each in self.results if not self.is_current(each))

    @property
    def verdict(self) -> Verdict:
        """The worst verdict on a current population; fine without one."""
        return max((each.verdict for each in self.current), key=VERDICTS.index, default="fine")

    @property
    def alarms(self) -> Iterator[tuple[PopulationResult, Alarm]]:
        """The alarms of the current populations."""
        return ((result, alarm) for result in self.current for alarm in result.alarms)

    @property
    def has_alarm(self) -> bool:
        """Whether a current population has an alarm."""
        return any(result.alarms for result in self.current)
