"""One training run: evaluate, fit, log everything to MLflow, register."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.pandas_dataset import from_pandas
from tqdm import tqdm

from churn_model.errors import TrainingError
from churn_model.schema import RecordSchema
from churn_model.scorecard import Scorecard
from pyfunc import CHAMPION, MODEL_NAME, registry
from training.evaluation import SCORECARD, Evaluation, evaluate
from training.figures import effect_figures, evaluation_figures
from training.fit import SETTINGS, fit
from training.table import Table, describe_rejected

EXPERIMENT = "churn"
_CHOSEN_ELSEWHERE = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME")
"""Set by ``mlflow run`` and by users who want the run elsewhere than in EXPERIMENT."""

_EXAMPLE_ROWS = 3
_OTHER_STEPS = 3  # fit, log, register
_BAR = "{desc:<18} {bar:30} {n_fmt}/{total_fmt} steps, {elapsed}"


@dataclass(frozen=True)
class Trained:
    """What a run leaves: the registered version, its evaluation and its scorecard."""

    name: str
    version: str
    alias: str
    run_id: str
    evaluation: Evaluation
    scorecard: Scorecard


def train(
    table: Table,
    schema: RecordSchema,
    *,
    seed: int = 0,
    folds: int = 5,
    name: str = MODEL_NAME,
    alias: str = CHAMPION,
    descriptor: Path | None = None,
) -> Trained:
    """Evaluate on ``folds`` folds, fit on all rows, log, register as ``name`` with ``alias``.

    Raises TrainingError for a table that cannot be trained on, RegistryError for MLflow. A run that
    stops half-way is marked as failed and registers nothing.
    """
    _check_labels(table, folds)
    registry.check_reachable()
    steps = folds + _OTHER_STEPS
    with tqdm(total=steps, initial=-1, disable=None, bar_format=_BAR) as bar:

        def step(text: str) -> None:
            bar.update()  # what was begun before is done now
            bar.set_description_str(text)

        with _run(table.name) as run:
            evaluation = evaluate(
                table.customers, table.churned, schema, folds=folds, seed=seed, step=step
            )
            step("fit on all rows")
            scorecard = fit(table.customers, table.churned, schema, seed).scorecard
            step("log to MLflow")
            with registry.readable_errors():
                _log_inputs(table, descriptor, seed=seed, folds=folds)
                _log_results(evaluation, scorecard, schema)
                mlflow.set_tag("mlflow.note.content", _description(table, evaluation))
            example = table.customers.head(_EXAMPLE_ROWS)
            info = registry.log(scorecard, schema, example)
            step("register")
            registered = registry.register(info, name=name, alias=alias)
        bar.update()
    return Trained(name, registered.version, alias, run.info.run_id, evaluation, scorecard)


def _check_labels(table: Table, folds: int) -> None:
    churned = int(table.churned.sum())
    kept = len(table.churned) - churned
    if min(churned, kept) < folds:
        raise TrainingError(
            f"{table.name}: {churned} customers churned and {kept} were kept; {folds} folds need "
            f"at least {folds} of each. Check what [target] calls churned and kept, or add rows"
        )


@contextmanager
def _run(name: str) -> Iterator[Any]:
    with registry.readable_errors():
        if not any(os.environ.get(name) for name in _CHOSEN_ELSEWHERE):
            mlflow.set_experiment(EXPERIMENT)
        run = mlflow.start_run(run_name=name)
    with run:
        yield run


def _log_inputs(table: Table, descriptor: Path | None, *, seed: int, folds: int) -> None:
    frame = table.customers.assign(churned=table.churned)
    source = table.source or CodeDatasetSource({"generator": "training.simulator"})
    with warnings.catch_warnings():
        # two remarks of MLflow's on its own guesses: which kind of path this is, and that a column
        # of whole numbers could hold missing ones
        warnings.simplefilter("ignore", UserWarning)
        data = from_pandas(frame, source, targets="churned", name=table.name)
        mlflow.log_input(data, context="training")
    mlflow.log_params(
        {
            # names that MLproject's own parameters do not have: a run's parameter has one value
            "dataset_name": table.name,
            "data_source": table.source or "simulator",
            "rows_read": table.rows,
            "rows_used": len(frame),
            "rows_rejected": table.rejected_rows,
            "rows_unlabelled": table.unlabelled_rows,
            "churn_rate": round(float(table.churned.mean()), 6),
            "seed": seed,
            "folds": folds,
            **SETTINGS,
        }
    )
    if descriptor is not None:
        mlflow.log_artifact(str(descriptor), "data")
    if table.rejected_rows:
        mlflow.log_text(table.rejected.to_csv(index=False), "data/rejected_rows.csv")


def _log_results(evaluation: Evaluation, scorecard: Scorecard, schema: RecordSchema) -> None:
    for model, values in evaluation.metrics.items():
        prefix = "" if model == SCORECARD else f"{model}/"
        mlflow.log_metrics({f"{prefix}{metric}": value for metric, value in values.items()})
    for fold, values in enumerate(evaluation.fold_metrics[SCORECARD], start=1):
        mlflow.log_metrics({f"fold/{metric}": v for metric, v in values.items()}, step=fold)
    gap, noise = evaluation.log_loss_gap()
    mlflow.log_metrics({"baseline_gap/log_loss": gap, "baseline_gap/noise": noise})
    mlflow.log_text(json.dumps(schema.to_json_schema(), indent=1), "data/schema.json")
    for name, figure in evaluation_figures(evaluation):
        mlflow.log_figure(figure, f"figures/{name}.png")
    for name, figure in effect_figures(scorecard, schema):
        mlflow.log_figure(figure, f"figures/effects/{name}.png")


def _description(table: Table, evaluation: Evaluation) -> str:
    """The run's description in MLflow, in Markdown."""
    text = f"**{table.name}**: {table.summary()}.\n\nOut of fold, {evaluation.verdict()}.\n"
    if table.rejected_rows:
        text += f"\nRejected: {describe_rejected(table)} (`data/rejected_rows.csv`).\n"
    return text
