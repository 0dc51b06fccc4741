"""One training run: compare settings, evaluate, fit, describe, log to MLflow and register."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from churn_model.errors import TrainingError
from churn_model.progress import in_progress
from churn_model.schema import RecordSchema
from churn_model.scoring import Scorer
from churn_model.scoring.scorecard import Scorecard
from pyfunc import MODEL_NAME
from pyfunc.registry import check_reachable
from pyfunc.registry_errors import readable_errors
from training.data.table import Table
from training.decision import Decision, DecisionPlan
from training.evaluation.alarm import Alarm, check_accepted, not_accepted, with_accepted
from training.evaluation.alarms import alarms, model_alarms
from training.evaluation.economics import Economics
from training.evaluation.empc import empc
from training.evaluation.evaluation import SCORECARD, Evaluation, HeldOutScores
from training.evaluation.gates import (
    GateResult,
    Gates,
    absolute_values,
    check_gates,
    load_gates,
)
from training.evaluation.group_gates import audited_columns, group_values
from training.evaluation.importance import importances
from training.evaluation.monitoring_profile import monitoring_profile
from training.evaluation.selection import Candidate, SettingsComparison, candidates
from training.evaluation.slices import slices
from training.fitting.date_splits import FEWEST, DatedRows, by_date
from training.fitting.fit import FitSettings, Fitted, fit
from training.fitting.splits import Splits, by_folds
from training.progress import Stage, run_stages
from training.registration import Registration, register_trained
from training.reporting.findings import Findings
from training.reporting.log_run import log_findings
from training.reporting.mlflow_dataset import mlflow_dataset
from training.reporting.mlflow_run import training_run
from training.reporting.model_card import model_card
from training.reporting.run_figures import draw_figures

_LARGEST = 1e150


@dataclass(frozen=True)
class Plan:
    """How to train: everything except the table.

    ``repeats``: repeats of the cross-validation; None to choose by the table's size.
    ``interactions``: the maximum number of feature pairs; None to compare several numbers.
    ``bags``: the number of models to average; None to choose by the table's size.
    ``decision``: which customers the version predicts to churn. ``accepted``: why the user accepts
    the leakage alarms of some features. ``command``: the user's command line, and ``assumed``: what
    was inferred from the table; both are for the report.
    """

    seed: int = 0
    folds: int = 5
    repeats: int | None = None
    interactions: int | None = None
    bags: int | None = None
    decision: DecisionPlan = field(default_factory=DecisionPlan)
    gates: Gates = field(default_factory=load_gates)
    name: str = MODEL_NAME
    accepted: Mapping[str, str] = field(default_factory=dict)
    command: str = "churn train"
    assumed: str = ""


@dataclass(frozen=True)
class Trained:
    """The result of a run. ``decision``: where the threshold comes from; empty for the default."""

    registration: Registration
    run_id: str
    evaluation: Evaluation
    gate_results: list[GateResult]
    alarms: list[Alarm]
    scorecard: Scorecard
    campaign: Economics | None = None
    decision: str = ""


def train(table: Table, record_schema: RecordSchema, plan: Plan | None = None) -> Trained:
    """Evaluate on held-out customers, fit on all rows, log to MLflow and register.

    Raises TrainingError for a table that cannot be trained on, RegistryError if MLflow fails. A run
    that stops early is marked as failed and registers nothing.
    """
    plan = plan or Plan()
    _check_labels(table, plan.folds)
    _check_magnitude(table, table.features(record_schema))
    check_accepted(plan.accepted, record_schema)
    run = _TrainingRun(table, record_schema, plan)
    with in_progress("opening the MLflow registry"):
        check_reachable()
    with training_run(table.name) as run_id:
        run.run_id = run_id
        run_stages(run.stages())
    findings = run.findings
    return Trained(
        run.registration,
        run.run_id,
        findings.evaluation,
        findings.gate_results,
        findings.alarms,
        findings.scorecard,
        findings.campaign,
        findings.decision,
    )


class _TrainingRun:
    """A run's input, and the results that its stages fill in.

    The order is in ``stages``; each stage reads what the stages before it have set.
    """

    run_id: str
    evaluation: Evaluation
    fitted: Fitted
    findings: Findings
    registration: Registration

    def __init__(self, table: Table, record_schema: RecordSchema, plan: Plan) -> None:
        self.table = table
        self.record_schema = record_schema
        self.plan = plan
        self.feature_schema = table.features(record_schema)
        self.decision = Decision(plan.decision, table, record_schema)
        self.splits = _splits(table, plan)
        self.comparison = SettingsComparison(
            table.customers,
            table.churned,
            table.weights,
            self.feature_schema,
            self.splits.development,
            plan.seed,
            customers_of_rows=table.customers_of_rows,
        )
        self.held_out = HeldOutScores(
            table.customers,
            table.churned,
            table.weights,
            self.feature_schema,
            self.splits,
            plan.seed,
            customers_of_rows=table.customers_of_rows,
        )

    def stages(self) -> list[Stage]:
        """The stages of the run, in order."""
        folds = range(len(self.splits.pairs))
        return [
            *(
                Stage(f"compare: {each.name}", partial(self.comparison.score, each))
                for each in candidates(self.plan.interactions, self.plan.bags)
            ),
            *(
                Stage(f"evaluate: {fold + 1} of {len(folds)}", partial(self._score_fold, fold))
                for fold in folds
            ),
            Stage("intervals", self._summarise),
            Stage("fit on all rows", self._fit),
            Stage("describe", self._describe),
            Stage("log to MLflow", self._log),
            Stage("register", self._register),
        ]

    @property
    def compared(self) -> list[Candidate]:
        """The settings that were compared, best first."""
        return self.comparison.best_first()

    @property
    def settings(self) -> FitSettings:
        """The best settings."""
        return self.compared[0].settings

    def _score_fold(self, fold: int) -> None:
        self.held_out.score(fold, self.settings)

    def _summarise(self) -> None:
        self.evaluation = self.held_out.evaluation()

    def _fit(self) -> None:
        table = self.table
        self.fitted = fit(
            table.customers,
            table.churned,
            self.feature_schema,
            self.plan.seed,
            weights=table.weights,
            settings=self.settings,
            customers_of_rows=table.customers_of_rows,
        )

    def _describe(self) -> None:
        table, plan, evaluation = self.table, self.plan, self.evaluation
        self.decision.decide(evaluation.held_out, plan.seed)
        scorecard = self.decision.apply(self.fitted.scorecard)
        raised = self._alarms()
        groups = slices(
            table.customers,
            self.feature_schema,
            evaluation.held_out,
            self.decision.predicted(evaluation.held_out),
            table.audit,
        )
        audited = audited_columns(self.feature_schema, table.audit)
        self.findings = Findings(
            table=table,
            schema=self.feature_schema,
            dataset=mlflow_dataset(table),
            evaluation=evaluation,
            slices=groups,
            alarms=raised,
            gate_results=check_gates(
                plan.gates.absolute,
                {
                    **absolute_values(
                        evaluation.metrics[SCORECARD], evaluation.skill, evaluation.calibration
                    ),
                    "baseline_share": evaluation.baseline_share,
                    **group_values(groups, audited),
                    "alarms": float(len(not_accepted(raised))),
                },
            ),
            scorecard=scorecard,
            standard_deviations=self.fitted.standard_deviations,
            profile=monitoring_profile(
                Scorer(scorecard, self.feature_schema), table, evaluation.held_out
            ),
            converged=self.fitted.converged,
            importance=importances(scorecard, self.feature_schema, table.customers, table.weights),
            candidates=self.compared,
            empc=empc(evaluation.held_out),
            campaign=self.decision.economics,
            seed=plan.seed,
            command=plan.command,
            assumed=plan.assumed,
            decision=self.decision.reason,
            run_id=self.run_id,
        )

    def _alarms(self) -> list[Alarm]:
        table = self.table
        raised = alarms(
            table.customers, table.churned, self.feature_schema, table.customers_of_rows
        )
        return with_accepted([*raised, *model_alarms(self.evaluation)], self.plan.accepted)

    def _log(self) -> None:
        with readable_errors():
            figures = draw_figures(self.findings)
            log_findings(self.findings, figures, model_card(self.findings), self.record_schema)

    def _register(self) -> None:
        description = model_card(self.findings)
        self.registration = register_trained(
            self.findings, self.record_schema, self.plan.name, description
        )


def _check_labels(table: Table, folds: int) -> None:
    churned, stayed = table.customers_by_class()
    fewest = max(folds, FEWEST)
    if min(churned, stayed) < fewest:
        raise TrainingError(
            f"{table.name}: {churned} customers churned and {stayed} stayed; training needs at "
            f"least {fewest} of each. Check --target or [target], or add rows"
        )


def _check_magnitude(table: Table, schema: RecordSchema) -> None:
    """Raise TrainingError for numbers whose squares are too large for a double."""
    for column in schema.features:
        if column.kind in ("integer", "number"):
            values = table.customers[column.name].to_numpy(np.float64, na_value=np.nan)
            largest = np.nanmax(np.abs(values), initial=0.0)
            if largest > _LARGEST:
                raise TrainingError(
                    f"{column.name} has values as large as {largest:.3g}, which cannot be computed "
                    "with; correct them, or leave the column out with --exclude"
                )


def _splits(table: Table, plan: Plan) -> Splits:
    churned, customers = table.churned, table.customers_of_rows
    note = ""
    if table.dates is not None:
        rows = DatedRows(churned, customers, table.dates, table.split_by)
        try:
            return by_date(rows, window=table.observation.window, folds=plan.folds, seed=plan.seed)
        except TrainingError:
            if table.split_by != table.observation.column:  # asked for by --split-by
                raise
            note = f"; the dates in {table.split_by} cover too short a time to split by"
    splits = by_folds(
        churned, folds=plan.folds, repeats=plan.repeats, seed=plan.seed, customers=customers
    )
    return replace(splits, text=splits.text + note)
