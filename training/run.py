"""One training run: choose settings, evaluate, fit, report, log to MLflow, register."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import mlflow
import numpy as np
from tqdm import tqdm

from churn_model.errors import TrainingError
from churn_model.schema import RecordSchema
from churn_model.scoring.scorecard import Scorecard
from pyfunc import CHALLENGER, CHAMPION, MODEL_NAME, registry
from pyfunc.logging import log_model
from pyfunc.promotion import promote
from pyfunc.registry_errors import readable_errors
from training.data.table import Table
from training.evaluation.alarms import Alarm, alarms
from training.evaluation.economics import Economics, Offer, economics, empc
from training.evaluation.evaluation import SCORECARD, Evaluation, evaluate
from training.evaluation.gates import Gates, Verdict, judge, load_gates
from training.evaluation.importance import importances
from training.evaluation.selection import Candidate, candidates, compare
from training.evaluation.slices import slices
from training.fitting.fit import fit
from training.fitting.splits import Splits, by_date, by_folds
from training.interrupt import interruptible
from training.reporting.findings import Findings
from training.reporting.inputs import dataset
from training.reporting.log import log
from training.reporting.model_card import model_card

EXPERIMENT = "churn"
ALARMS = "alarms"
"""The version's tag that counts the leakage alarms of its training table."""

_CHOSEN_ELSEWHERE = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME")
"""Set by ``mlflow run`` and by users who want the run elsewhere than in EXPERIMENT."""

_EXAMPLE_ROWS = 3
_OTHER_STEPS = 4  # intervals, fit, log, register
_BAR = "{desc:<18} {bar:30} {n_fmt}/{total_fmt} steps, {elapsed}"

Step = Callable[[str], object]


@dataclass(frozen=True)
class Plan:
    """How to train: everything but the table.

    ``repeats``: how often the folds are drawn; None leaves it to the table's size.
    ``interactions``: the most pairs of features; None compares some numbers. ``revenue``: the field
    that says what a customer pays a month; None takes the one whose schema says so. ``command``:
    what the user typed, and ``assumed``: what was inferred from the table, for the report.
    """

    seed: int = 0
    folds: int = 5
    repeats: int | None = None
    interactions: int | None = None
    offer: Offer | None = None
    revenue: str | None = None
    gates: Gates = field(default_factory=load_gates)
    name: str = MODEL_NAME
    command: str = "python -m training"
    assumed: str = ""


@dataclass(frozen=True)
class Trained:
    """What a run leaves. ``alias``: champion where the first version passed the gates."""

    name: str
    version: str
    alias: str
    run_id: str
    evaluation: Evaluation
    verdicts: list[Verdict]
    alarms: list[Alarm]
    scorecard: Scorecard


def train(table: Table, record: RecordSchema, plan: Plan | None = None) -> Trained:
    """Evaluate on held-out customers, fit on all rows, log, register as challenger.

    The first version that passes the absolute gates becomes champion. Raises TrainingError for a
    table that cannot be trained on, RegistryError for MLflow. A run that stops half-way is marked
    as failed and registers nothing.
    """
    plan = plan or Plan()
    _check_labels(table, plan.folds)
    schema = table.features(record)
    revenue = _revenue(schema, plan)
    splits = _splits(table, plan)
    registry.check_reachable()
    settings = candidates(plan.interactions)
    steps = len(settings) + len(splits.pairs) + _OTHER_STEPS
    bar = tqdm(total=steps, initial=-1, disable=None, bar_format=_BAR)
    with bar, interruptible() as check:

        def step(text: str) -> None:
            check()
            bar.update()  # what was begun before is done now
            bar.set_description_str(text)

        with _run(table.name) as run:
            compared = compare(
                table.customers,
                table.churned,
                table.weights,
                schema,
                splits.known,
                settings,
                seed=plan.seed,
                step=step,
            )
            findings = _find(table, schema, plan, splits, compared, revenue, run.info.run_id, step)
            step("log to MLflow")
            card = model_card(findings)
            with readable_errors():
                log(findings, card, record)
            examples = table.as_sent(_EXAMPLE_ROWS, record)
            info = log_model(findings.scorecard, record, examples)
            step("register")
            registered = registry.register(
                info,
                name=plan.name,
                alias=CHALLENGER,
                description=card,
                tags={ALARMS: str(len(findings.alarms))},
            )
            version = str(registered.version)
            alias = _crown(findings, plan.name, version)
        bar.update()
    return Trained(
        plan.name,
        version,
        alias,
        run.info.run_id,
        findings.evaluation,
        findings.verdicts,
        findings.alarms,
        findings.scorecard,
    )


def _check_labels(table: Table, folds: int) -> None:
    churned = int(table.churned.sum())
    kept = len(table.churned) - churned
    if min(churned, kept) < folds:
        raise TrainingError(
            f"{table.name}: {churned} customers churned and {kept} were kept; {folds} folds need "
            f"at least {folds} of each. Check what [target] calls churned and kept, or add rows"
        )


def _revenue(schema: RecordSchema, plan: Plan) -> str | None:
    """The field that the campaign's profit is computed from; None without a campaign."""
    if plan.offer is None:
        return None
    numbers = [c.name for c in schema.features if c.kind in ("integer", "number")]
    if plan.revenue is not None:
        if plan.revenue not in numbers:
            raise TrainingError(f"--revenue {plan.revenue}: no number; these are: {numbers}")
        return plan.revenue
    marked = [c.name for c in schema.features if c.role == "monthly_revenue"]
    if not marked:
        raise TrainingError(
            "which field says what a customer pays a month? Name it with --revenue, or give it "
            '"role": "monthly_revenue" in the schema'
        )
    return marked[0]


def _splits(table: Table, plan: Plan) -> Splits:
    if table.dates is not None:
        return by_date(table.churned, table.dates, table.split_by)
    return by_folds(table.churned, folds=plan.folds, repeats=plan.repeats, seed=plan.seed)


def _find(
    table: Table,
    schema: RecordSchema,
    plan: Plan,
    splits: Splits,
    compared: list[Candidate],
    revenue: str | None,
    run_id: str,
    step: Step,
) -> Findings:
    settings = compared[0].settings
    evaluation = evaluate(
        table.customers,
        table.churned,
        schema,
        splits,
        weights=table.weights,
        settings=settings,
        seed=plan.seed,
        step=step,
    )
    step("fit on all rows")
    fitted = fit(
        table.customers,
        table.churned,
        schema,
        plan.seed,
        weights=table.weights,
        settings=settings,
    )
    money = _money(table, plan.offer, revenue, evaluation)
    card = fitted.scorecard
    if money is not None:
        card = card.model_copy(update={"threshold": money.threshold})
    found = alarms(table.customers, table.churned, schema)
    return Findings(
        table=table,
        schema=schema,
        data=dataset(table),
        evaluation=evaluation,
        slices=slices(table.customers, schema, evaluation.held_out),
        alarms=found,
        verdicts=judge(plan.gates.first, first_values(evaluation, len(found))),
        spread=fitted.spread,
        scorecard=card,
        importance=importances(card, schema, table.customers),
        candidates=compared,
        empc=empc(evaluation.held_out),
        money=money,
        seed=plan.seed,
        command=plan.command,
        assumed=plan.assumed,
        run_id=run_id,
    )


def first_values(evaluation: Evaluation, alarms: int) -> dict[str, float]:
    """What the absolute gates are held against."""
    return {**evaluation.metrics[SCORECARD], "skill": evaluation.skill, "alarms": float(alarms)}


def _money(
    table: Table, offer: Offer | None, revenue: str | None, evaluation: Evaluation
) -> Economics | None:
    if offer is None or revenue is None:
        return None
    paid = table.customers[revenue].to_numpy(np.float64, na_value=np.nan)
    return economics(offer, evaluation.held_out, np.nan_to_num(paid))  # unknown: worth nothing


def _crown(findings: Findings, name: str, version: str) -> str:
    """The first version that passes the gates is champion; others have to prove themselves."""
    if registry.version_of_alias(name) is not None or not findings.passed:
        return CHALLENGER
    promote(version, replacing=None, name=name)
    return CHAMPION


@contextmanager
def _run(name: str) -> Iterator[Any]:
    with readable_errors():
        choose_experiment()
        run = mlflow.start_run(run_name=name)
    with run:
        yield run


def choose_experiment() -> None:
    """Let the next run go to EXPERIMENT, unless the environment names another one."""
    if not any(os.environ.get(name) for name in _CHOSEN_ELSEWHERE):
        mlflow.set_experiment(EXPERIMENT)
