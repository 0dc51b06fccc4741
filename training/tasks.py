"""The tasks of a training run that worker processes carry out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from churn_model.arrays import Floats
from churn_model.schema import RecordSchema
from training.evaluation.alarm import Alarm
from training.evaluation.alarms import alarms
from training.evaluation.held_out_scores import score_baselines, score_scorecard
from training.fitting.fit import FitSettings, Fitted, fit_rows
from training.fitting.labelled_rows import LabelledRows
from training.fitting.splits import Split
from training.reporting.run_figures import Drawings, draw_effects, draw_pairs


@dataclass(frozen=True)
class Workload:
    """What all tasks share: the rows, and the splits for evaluation and for comparing settings."""

    rows: LabelledRows
    splits: list[Split]
    compared: list[Split]
    seed: int


def score_candidate(work: Workload, settings: FitSettings, fold: int) -> Floats:
    """The probabilities (k,) of the held-out rows of a fold for comparing settings."""
    return score_scorecard(work.rows, work.compared[fold], settings, work.seed, threads=1)


def score_split(work: Workload, split: int, settings: FitSettings, threads: int) -> Floats:
    """The scorecard's probabilities (k,) of the held-out rows of a split."""
    return score_scorecard(work.rows, work.splits[split], settings, work.seed, threads)


def score_split_baselines(work: Workload, split: int) -> dict[str, Floats]:
    """The baselines' probabilities (k,) of the held-out rows of a split, by name."""
    return score_baselines(work.rows, work.splits[split], work.seed)


def fit_all(work: Workload, settings: FitSettings, threads: int) -> Fitted:
    """Fit the scorecard on all rows."""
    return fit_rows(work.rows, work.seed, settings, threads)


def find_alarms(work: Workload) -> list[Alarm]:
    """The signs of leakage in the rows."""
    rows = work.rows
    return alarms(rows.customers, rows.churned, rows.schema, rows.customers_of_rows)


def draw_effects_of(work: Workload, fitted: Fitted, names: Collection[str]) -> Drawings:
    """Draw the effects of some features."""
    columns = [column for column in work.rows.schema.features if column.name in names]
    schema = RecordSchema("Customer", tuple(columns))
    customers = work.rows.customers
    return draw_effects(fitted.scorecard, schema, customers, fitted.standard_deviations)


def draw_pairs_of(work: Workload, fitted: Fitted) -> Drawings:
    """Draw the strongest pairs."""
    return draw_pairs(fitted.scorecard, work.rows.schema, work.rows.customers)
