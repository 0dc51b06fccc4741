"""How long each part of a run is expected to take, for the progress bar.

In seconds of one core. ``training.time_left`` corrects them by the time that the work has taken.
The constants were fitted to runs on simulated tables of 2,000 to 1,000,000 rows and 5 to 56
features, so that the largest relative error of the time left is small on machines of different
speeds. ``benchmarks/training/run.py`` measures how good the estimates are.
"""

from __future__ import annotations

from dataclasses import dataclass

from training.evaluation.alarms import MOST_ROWS
from training.evaluation.intervals import resample_count
from training.fitting.fit import FitSettings
from training.stage import Cost

_ROUNDS = 700  # of boosting, beyond those that the settings require
_PAIR_ROUNDS = 130  # the same for pairs
_FEW_ROWS = 13_000  # with more, boosting takes more rounds
_START = 0.6  # seconds more for the first fits, while workers start and MLflow is imported


@dataclass(frozen=True)
class Costs:
    """The expected costs of a table with this many features."""

    features: int

    def fit(self, rows: int, settings: FitSettings) -> Cost:
        """One scorecard fitted on this many rows."""
        pairs = settings.pairs(self.features)
        rounds = _ROUNDS + settings.early_stopping_rounds + settings.smoothing_rounds
        updates = self.features**0.6 * rounds  # in most tables only few features matter
        updates += pairs * (_PAIR_ROUNDS + 0.3 * settings.interaction_smoothing_rounds)
        updates *= max(1.0, rows / _FEW_ROWS) ** 0.18
        if pairs:  # the strongest of all possible ones are looked for
            updates += 2.0 * self.features**2
        seconds = 0.02 + settings.bags(rows) * updates * (1.45e-5 + 1.6e-9 * rows)
        return Cost(seconds, f"fit {settings.name}")

    def first_fit(self, rows: int, settings: FitSettings) -> Cost:
        """The same in a worker that has just started."""
        return Cost(_START + self.fit(rows, settings).seconds, "first fit")

    def baselines(self, rows: int) -> Cost:
        """Both baselines, fitted on this many rows."""
        return Cost(0.1 + (5.5e-6 + 8e-7 * self.features) * rows, "baselines")

    def alarms(self, rows: int) -> Cost:
        """The search for signs of leakage."""
        return Cost(0.1 + 5e-7 * min(rows, MOST_ROWS) * self.features, "alarms")

    def intervals(self, scores: int) -> Cost:
        """One model's intervals from this many scores."""
        return Cost(resample_count(scores) * (1e-4 + 3e-8 * scores), "intervals")

    def figures(self, number: int) -> Cost:
        """Drawing this number of figures."""
        return Cost(0.2 * number, "figures")

    def describe(self, rows: int) -> Cost:
        """Slices, profile and what else describes the fitted scorecard."""
        return Cost(0.1 + (0.033 + 4.7e-7 * rows) * self.features, "describe")

    def log(self, rows: int) -> Cost:
        """Logging everything except the model to MLflow."""
        return Cost(0.25 + 2.4e-6 * rows, "log")

    def register(self) -> Cost:
        """Registering the model, with the end of the process."""
        return Cost(1.5, "register")
