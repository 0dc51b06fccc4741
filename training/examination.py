"""Decides whether a challenger may become champion, and logs the result to MLflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from churn_model.errors import RegistryError
from churn_model.schema import RecordSchema
from churn_model.scoring import Scorer
from pyfunc import CHALLENGER, CHAMPION, registry
from pyfunc.loaded_version import LoadedVersion, read_version
from pyfunc.promotion import is_simulated
from pyfunc.registry import check_reachable
from pyfunc.registry_errors import readable_errors
from training.data.table import Table
from training.evaluation.comparison import Comparison, absolute_values_of, compare
from training.evaluation.gates import Gates, check_gates, failed_gates
from training.progress import in_progress
from training.registration import ALARMS_TAG
from training.reporting.mlflow_dataset import mlflow_dataset
from training.reporting.mlflow_run import choose_experiment
from training.schema_conflict import schema_conflict
from training.terminal import name_flag

ReadTable = Callable[[RecordSchema], Table]
"""Reads the fresh labelled customers with a schema."""


@dataclass
class Examination:
    """A challenger, the champion it would replace, and what was found about them.

    ``champion``: a version, or None. ``simulated``: whether all of these versions were trained on
    simulated customers. ``is_placeholder``: whether only the champion was. ``reasons``: why the
    challenger may not be promoted; empty if it may. ``comparison``: None if the two were not
    compared. ``values``: the metrics that the gates check.
    """

    champion: str | None
    challenger: str
    simulated: bool = False
    is_placeholder: bool = False
    reasons: list[str] = field(default_factory=list)
    comparison: Comparison | None = None
    values: dict[str, float] = field(default_factory=dict)


def contenders(name: str) -> Examination:
    """The versions that the aliases point to. Raises RegistryError without a challenger."""
    check_reachable()
    challenger = registry.version_of_alias(name, CHALLENGER)
    if challenger is None:
        raise RegistryError(
            f"{name} has no challenger; train one with `churn train{name_flag(name)}`"
        )
    champion = registry.version_of_alias(name)
    challenger_simulated = is_simulated(name, challenger)
    champion_simulated = champion is not None and is_simulated(name, champion)
    return Examination(
        champion,
        challenger,
        simulated=challenger_simulated and (champion is None or champion_simulated),
        is_placeholder=champion_simulated and not challenger_simulated,
    )


def examine(
    name: str, examination: Examination, read_table: ReadTable, gates: Gates, seed: int
) -> None:
    """Fill in the examination. Raises ChurnError if the table or a version cannot be read.

    Without a champion, or with only a placeholder, the challenger must pass the absolute gates.
    """
    challenger = _read(name, examination.challenger)
    if examination.champion is None or examination.is_placeholder:
        versions = [challenger]
        table = read_table(challenger.scorer.schema)
        with in_progress(f"scoring {len(table.churned):,} customers"):
            scorer = _of_features(challenger.scorer, table)
            examination.values = absolute_values_of(scorer, table)
        gate_results = check_gates(gates.absolute, _with_alarms(name, examination))
    else:
        champion = _read(name, examination.champion)
        examination.reasons += _not_comparable(champion, challenger)
        if examination.reasons:
            return
        versions = [champion, challenger]
        table = read_table(_of_both(challenger.scorer.schema, champion.scorer.schema))
        with in_progress(f"comparing the versions on {len(table.churned):,} customers"):
            examination.comparison = compare(
                _of_features(champion.scorer, table),
                _of_features(challenger.scorer, table),
                table,
                seed,
            )
        examination.values = examination.comparison.values()
        gate_results = check_gates(gates.challenger, _with_alarms(name, examination))
    examination.reasons += [*_trained_on(versions, table), *failed_gates(gate_results)]


def _read(name: str, version: str) -> LoadedVersion:
    with in_progress(f"reading version {version} of {name}"):
        return read_version(f"models:/{name}/{version}")


def _not_comparable(champion: LoadedVersion, challenger: LoadedVersion) -> Iterator[str]:
    """Why the two versions cannot be compared."""
    if challenger.is_simulated and not champion.is_simulated:
        yield (
            "it was trained on simulated customers, and the champion on real ones; train a "
            "challenger with `churn train --data`"
        )
        return
    conflict = schema_conflict(challenger.scorer.schema, champion.scorer.schema)
    if conflict:
        yield (
            f"{conflict}. For a model for a different customer base, train it again with --name "
            "NAME; to replace the champion regardless, use --force REASON"
        )


def _of_both(challenger: RecordSchema, champion: RecordSchema) -> RecordSchema:
    """The challenger's schema with the features that only the champion has added."""
    names = {column.name for column in challenger}
    removed = (column for column in champion.features if column.name not in names)
    return replace(challenger, columns=(*challenger.columns, *removed))


def _of_features(model: Scorer, table: Table) -> Scorer:
    """A scorer for the table's columns, which have ages in place of dates."""
    return Scorer(model.scorecard, table.features(model.schema))


def _with_alarms(name: str, examination: Examination) -> dict[str, float]:
    """The gates' values, with the alarms of the challenger's training table added."""
    examination.values["alarms"] += int(
        _version(name, examination.challenger).tags.get(ALARMS_TAG, 0)
    )
    return examination.values


def _trained_on(versions: Sequence[LoadedVersion], table: Table) -> Iterator[str]:
    """Why the table's customers are not fresh: a version was trained on them."""
    for version in versions:
        names = [column.name for column in version.scorer.schema]
        digest = mlflow_dataset(replace(table, customers=table.customers[names])).digest
        try:
            run = MlflowClient().get_run(str(version.mlflow_model.run_id))
        except MlflowException:  # the run was deleted
            continue
        inputs = run.inputs.dataset_inputs if run.inputs else []
        if any(each.dataset.digest == digest for each in inputs):
            yield (
                f"version {version.number} was trained on this table; use customers that neither "
                "version was trained on"
            )


def _version(name: str, version: str) -> ModelVersion:
    with readable_errors():
        return MlflowClient().get_model_version(name, version)


def log_examination(name: str, examination: Examination, *, promoted: bool, forced: str) -> None:
    """Log the examination as an MLflow run."""
    with readable_errors():
        choose_experiment()
        with mlflow.start_run(run_name=f"promote {name} {examination.challenger}"):
            mlflow.set_tags(
                {
                    "champion": examination.champion or "",
                    "challenger": examination.challenger,
                    "promoted": str(promoted).lower(),
                    "forced": forced,
                }
            )
            mlflow.log_text(json.dumps(asdict(examination), indent=1), "comparison.json")
            mlflow.log_metrics({f"gate/{metric}": v for metric, v in examination.values.items()})
            if examination.comparison is not None:
                for who in (CHAMPION, CHALLENGER):
                    values = getattr(examination.comparison, who).items()
                    mlflow.log_metrics({f"{who}/{metric}": value for metric, value in values})
