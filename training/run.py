"""One training run: compare settings, evaluate, fit, describe, log to MLflow and register."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from churn_model.schema import RecordSchema
from churn_model.scoring.scorecard import Scorecard
from pyfunc import MODEL_NAME
from training.data.table import Table
from training.decision import DecisionPlan
from training.evaluation.alarm import Alarm, check_accepted
from training.evaluation.economics import Economics
from training.evaluation.evaluation import Evaluation
from training.evaluation.gates import GateResult, Gates, load_gates
from training.fitting.threads import one_thread
from training.parallel.workers import start_workers
from training.progress import run_stages
from training.registration import Registration
from training.run_input import check_labels, check_magnitude
from training.stages import stages
from training.training_run import TrainingRun


@dataclass(frozen=True)
class Plan:
    """How to train: everything except the table.

    ``repeats``: repeats of the cross-validation; None to choose by the table's size.
    ``interactions``: the maximum number of feature pairs; None to compare several numbers.
    ``bags``: the number of models to average; None to choose by the table's size.
    ``jobs``: how many tasks run at the same time; with 1 they run in this process.
    ``decision``: which customers the version predicts to churn. ``accepted``: why the user accepts
    the leakage alarms of some features. ``command``: the user's command line, and ``assumed``: what
    was inferred from the table; both are for the report.
    """

    seed: int = 0
    folds: int = 5
    repeats: int | None = None
    interactions: int | None = None
    bags: int | None = None
    jobs: int = 1
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
    check_labels(table, plan.folds)
    check_magnitude(table, table.features(record_schema))
    check_accepted(plan.accepted, record_schema)
    with ExitStack() as exit_stack, one_thread():
        run = TrainingRun(table, record_schema, plan, exit_stack)
        with start_workers(plan.jobs, run.work) as workers:
            run_stages(stages(run, plan.jobs), workers)
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
