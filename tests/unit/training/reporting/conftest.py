"""The findings of a small training run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from churn_model.scoring import Scorer
from tests.unit.training.reporting.figures import draw_figures
from training.data.customers import CustomersOfRows
from training.data.table import REJECTED_COLUMNS, Table
from training.evaluation import intervals
from training.evaluation.alarm import Alarm
from training.evaluation.gates import absolute_values, check_gates, load_gates
from training.evaluation.held_out_scores import evaluate
from training.evaluation.importance import importances
from training.evaluation.monitoring_profile import monitoring_profile
from training.evaluation.selection import Candidate
from training.evaluation.slices import slices
from training.fitting.fit import FitSettings, fit
from training.fitting.labelled_rows import LabelledRows
from training.fitting.splits import by_folds
from training.reporting.findings import Findings
from training.reporting.mlflow_dataset import mlflow_dataset
from training.reporting.run_figures import RunFigures

SCHEMA = RecordSchema(
    "Customer",
    (
        Column("Gender", "category", required=False, levels=("F", "M"), allows_unlisted=True),
        Column("Months", "integer", minimum=0),
        Column("other_plan", "category", levels=("basic", "other"), allows_unlisted=True),
    ),
)


@pytest.fixture(scope="session")
def findings() -> Findings:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "_MOST_RESAMPLES", 50)
        patch.setattr(intervals, "_FEWEST_RESAMPLES", 50)
        return _findings(*_customers(240))


@pytest.fixture(scope="session")
def figures(findings) -> RunFigures:
    return draw_figures(findings)


def _customers(rows: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    months = rng.integers(0, 60, rows)
    gender = pd.Series(rng.choice(["F", "M", "X", None], rows), dtype=object)
    plan = rng.choice(["basic", "other", "new"], rows).astype(object)
    customers = pd.DataFrame({"Gender": gender, "Months": months, "other_plan": plan})
    return customers, (rng.random(rows) < 0.6 - months / 120).astype(np.int64)


def _findings(customers: pd.DataFrame, churned: np.ndarray) -> Findings:
    rows = len(churned)
    nothing = pd.DataFrame(columns=list(REJECTED_COLUMNS))
    table = Table(
        "made up",
        customers,
        churned,
        nothing,
        rows,
        0,
        0,
        np.ones(rows),
        CustomersOfRows.one_per_row(rows),
    )
    settings = FitSettings(outer_bags=2, interactions=1)
    splits = by_folds(churned, folds=2, repeats=1, seed=0)
    evaluation = evaluate(LabelledRows.unweighted(customers, churned, SCHEMA), splits, settings)
    fitted = fit(customers, churned, SCHEMA, settings=settings)
    values = absolute_values(
        evaluation.metrics["scorecard"], evaluation.skill, evaluation.calibration
    )
    values |= {"baseline_share": evaluation.baseline_share, "alarms": 1.0}
    values |= {"group_calibration": 0.0, "group_contacted": 0.0}
    return Findings(
        table=table,
        schema=SCHEMA,
        dataset=mlflow_dataset(table),
        evaluation=evaluation,
        slices=slices(
            customers, SCHEMA, evaluation.held_out, evaluation.held_out.probability >= 0.3
        ),
        alarms=[
            Alarm("identifier", "Months", "Months looks like an identifier"),
            Alarm("one_sided", "Gender", "nobody churned", accepted="the table has one shop"),
        ],
        gate_results=check_gates(load_gates().absolute, values),
        scorecard=fitted.scorecard.model_copy(update={"threshold": 0.3}),
        standard_deviations=fitted.standard_deviations,
        profile=monitoring_profile(Scorer(fitted.scorecard, SCHEMA), table, evaluation.held_out),
        importance=importances(fitted.scorecard, SCHEMA, customers, np.ones(len(customers))),
        candidates=[Candidate(settings, evaluation.metrics["scorecard"])],
        empc=0.0,
        campaign=None,
        seed=0,
        command="churn train",
        run_id="run",
    )
