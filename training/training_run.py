"""The input of a training run, its results, and what its stages do in the main process."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from churn_model.schema import RecordSchema
from churn_model.scoring import Scorer
from pyfunc.registry import check_reachable
from pyfunc.registry_errors import readable_errors
from training.data.table import Table
from training.decision import Decision
from training.evaluation.alarm import Alarm, not_accepted, with_accepted
from training.evaluation.alarms import model_alarms
from training.evaluation.empc import empc
from training.evaluation.evaluation import SCORECARD, Evaluation, PeriodMetrics, Resampled
from training.evaluation.gates import GateResult, absolute_values, check_gates
from training.evaluation.group_gates import audited_columns, group_values
from training.evaluation.held_out_scores import HeldOutScores
from training.evaluation.importance import importances
from training.evaluation.monitoring_profile import monitoring_profile
from training.evaluation.selection import Candidate, SettingsComparison, comparison_splits
from training.evaluation.slices import Slice, slices
from training.fitting.fit import FitSettings, Fitted
from training.fitting.labelled_rows import LabelledRows
from training.registration import Registration, register_trained
from training.reporting.findings import Findings
from training.reporting.log_run import log_findings
from training.reporting.mlflow_dataset import mlflow_dataset
from training.reporting.mlflow_run import training_run
from training.reporting.model_card import model_card
from training.reporting.run_figures import Drawings, RunFigures
from training.run_input import splits_of
from training.tasks import Workload

if TYPE_CHECKING:
    from training.run import Plan


class TrainingRun:
    """A run's input, and the results that its stages fill in (see ``training.stages``).

    Each stage reads what the stages that it needs have set. ``exit_stack``: closes the MLflow run.
    """

    run_id: str
    alarms: list[Alarm]
    evaluation: Evaluation
    fitted: Fitted
    findings: Findings
    registration: Registration

    def __init__(
        self, table: Table, record_schema: RecordSchema, plan: Plan, exit_stack: ExitStack
    ) -> None:
        self.table = table
        self.record_schema = record_schema
        self.plan = plan
        self.feature_schema = table.features(record_schema)
        self.decision = Decision(plan.decision, table, record_schema)
        self.splits = splits_of(table, folds=plan.folds, repeats=plan.repeats, seed=plan.seed)
        customers = table.customers_of_rows
        compared = comparison_splits(table.churned, customers, self.splits.development, plan.seed)
        rows = LabelledRows(
            table.customers, table.churned, table.weights, self.feature_schema, customers
        )
        self.work = Workload(rows, self.splits.pairs, compared, plan.seed)
        self.comparison = SettingsComparison(table.churned, table.weights, compared)
        self.held_out = HeldOutScores(rows, self.splits, plan.seed)
        self.resampled: dict[str, Resampled] = {}
        self.over_time: dict[int, PeriodMetrics] = {}
        self.effects: Drawings = {}
        self.pairs: Drawings = {}
        self.evaluation_figures: Drawings = {}
        self._exit_stack = exit_stack

    @property
    def compared(self) -> list[Candidate]:
        """The settings that were compared, best first."""
        return self.comparison.best_first()

    @property
    def settings(self) -> FitSettings:
        """The best settings, with as many bags in the evaluation as in the fit on all rows."""
        best = self.compared[0].settings
        return replace(best, outer_bags=best.bags(len(self.table.churned)))

    def open_mlflow(self) -> None:
        """Start the MLflow run."""
        check_reachable()
        self.run_id = self._exit_stack.enter_context(training_run(self.table.name))

    def summarise(self) -> None:
        """Evaluate the held-out scores."""
        over_time = [self.over_time[period] for period in range(len(self.splits.periods))]
        self.evaluation = self.held_out.evaluation(self.resampled, over_time)
        self.decision.decide(self.evaluation.held_out, self.plan.seed)

    def describe(self) -> None:
        """Collect the findings."""
        table, plan, evaluation = self.table, self.plan, self.evaluation
        scorecard = self.decision.apply(self.fitted.scorecard)
        raised = with_accepted([*self.alarms, *model_alarms(evaluation)], plan.accepted)
        groups = slices(
            table.customers,
            self.feature_schema,
            evaluation.held_out,
            self.decision.predicted(evaluation.held_out),
            table.audit,
        )
        self.findings = Findings(
            table=table,
            schema=self.feature_schema,
            dataset=mlflow_dataset(table),
            evaluation=evaluation,
            slices=groups,
            alarms=raised,
            gate_results=self._gate_results(groups, raised),
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

    def _gate_results(self, groups: list[Slice], raised: list[Alarm]) -> list[GateResult]:
        evaluation = self.evaluation
        audited = audited_columns(self.feature_schema, self.table.audit)
        values = {
            **absolute_values(
                evaluation.metrics[SCORECARD], evaluation.skill, evaluation.calibration
            ),
            "baseline_share": evaluation.baseline_share,
            **group_values(groups, audited),
            "alarms": float(len(not_accepted(raised))),
        }
        return check_gates(self.plan.gates.absolute, values)

    def log(self) -> None:
        """Log everything except the model."""
        figures = RunFigures(self.evaluation_figures, self.effects, self.pairs)
        with readable_errors():
            log_findings(self.findings, figures, model_card(self.findings), self.record_schema)

    def register(self) -> None:
        """Log and register the model."""
        description = model_card(self.findings)
        self.registration = register_trained(
            self.findings, self.record_schema, self.plan.name, description
        )
