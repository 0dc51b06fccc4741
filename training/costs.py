"""How long each part of a run is expected to take, for the progress bar.

In seconds of one core. ``training.time_left`` corrects them by the time that the work has taken.
``benchmarks/training/run.py`` measures how good the estimates are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from training.evaluation.intervals import resample_count
from training.fitting.fit import FitSettings

_ROUNDS = 35  # of boosting, beyond those that the settings require
_FEW_ROWS = 13_000  # with more, boosting takes more rounds


@dataclass(frozen=True)
class Costs:
    """The expected costs of a table with this many features."""

    features: int

    def fit(self, rows: int, settings: FitSettings) -> float:
        """One scorecard fitted on this many rows."""
        pairs = settings.pairs(self.features)
        patience = _ROUNDS + settings.early_stopping_rounds
        updates = self.features * (patience + 0.2 * settings.smoothing_rounds)
        updates += pairs * (110 + 0.3 * settings.interaction_smoothing_rounds)
        updates *= math.sqrt(math.sqrt(max(1.0, rows / _FEW_ROWS)))
        if pairs:  # the strongest of all possible ones are looked for
            updates += 0.3 * self.features**2
        return 0.02 + settings.bags(rows) * updates * (4.2e-5 + 4.9e-9 * rows)

    def baselines(self, rows: int) -> float:
        """Both baselines, fitted on this many rows."""
        return 0.12 + 1.2e-6 * rows * self.features

    def alarms(self, rows: int) -> float:
        """The search for signs of leakage."""
        return 0.05 + 5e-7 * rows * self.features

    def intervals(self, scores: int) -> float:
        """One model's intervals from this many scores."""
        return resample_count(scores) * (1e-4 + 3e-8 * scores)

    def figures(self, number: int) -> float:
        """Drawing this number of figures."""
        return 0.2 * number

    def describe(self, rows: int) -> float:
        """Slices, profile and what else describes the fitted scorecard."""
        return 0.1 + 6e-7 * rows * self.features

    def log(self, rows: int) -> float:
        """Logging everything except the model to MLflow."""
        return 0.2 + 3e-6 * rows
