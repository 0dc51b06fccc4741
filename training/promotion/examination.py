"""Decides whether a challenger may become champion, and logs the result to MLflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from churn_model.errors import RegistryError
from churn_model.progress import in_progress
from churn_model.schema import RecordSchema
from churn_model.scoring import Scorer
from churn_model.tables.descriptor import TableDescriptor
from pyfunc import CHALLENGER, CHAMPION, registry
from pyfunc.loaded_version import LoadedVersion, read_version
from pyfunc.mlflow_run import choose_experiment
from pyfunc.promotion import is_simulated
from pyfunc.registry import check_reachable
from pyfunc.registry_errors import readable_errors
from training.data.table import Table
from training.evaluation.alarm import Alarm, check_accepted, not_accepted, with_accepted
from training.evaluation.alarms import alarms
from training.evaluation.comparison import (
    Comparison,
    absolute_values_of,
    compare,
    score_table,
)
from training.evaluation.gates import Gates, Limit, check_gates, failed_gates
from training.promotion.alarm_tags import accepted_alarms, alarms_of_training
from training.promotion.churn_rate import Expected, implausible_churn_rate
from training.promotion.overlap import find_overlap
from training.promotion.repeated_examinations import register_examination, required_confidence
from training.promotion.schema_conflict import schema_conflict
from training.promotion.tags import BASELINE_SHARE_TAG, RECALIBRATED_TAG
from training.reporting.mlflow_run import EXPERIMENT
from training.reporting.training_rows import read_fingerprints
from training.terminal import name_flag

ReadTable = Callable[[RecordSchema, TableDescriptor], Table]
"""Reads the fresh labelled customers with a schema."""


@dataclass
class Examination:
    """A challenger, the champion it would replace, and what was found about them.

    ``champion``: a version, or None. ``simulated``: whether all of these versions were trained on
    simulated customers. ``is_placeholder``: whether only the champion was. ``reasons``: why the
    challenger may not be promoted; empty if it may. ``comparison``: None if the two were not
    compared. ``values``: the metrics that the gates check. ``known_rows``: for each version, the
    rows of the table that it was trained on; these were left out. ``unknown``: the versions whose
    training rows are not recorded. ``number``: how many times a challenger has been examined
    against this champion, this time included; 0 without a comparison. ``alarms``: the leakage
    alarms of the table. ``accepted``: why the alarms of some features are accepted, in the
    challenger's tag or by the user.
    """

    champion: str | None
    challenger: str
    simulated: bool = False
    is_placeholder: bool = False
    reasons: list[str] = field(default_factory=list)
    comparison: Comparison | None = None
    values: dict[str, float] = field(default_factory=dict)
    known_rows: dict[str, int] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    number: int = 0
    alarms: list[Alarm] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)


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
        accepted=accepted_alarms(_version(name, challenger).tags),
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
    check_accepted(examination.accepted, challenger.scorer.schema)
    if examination.champion is None or examination.is_placeholder:
        _examine_alone(name, examination, challenger, read_table, gates)
        return
    champion = _read(name, examination.champion)
    examination.reasons += _not_comparable(champion, challenger)
    if not examination.reasons:
        _examine_both(name, examination, (champion, challenger), read_table, gates, seed)


def _examine_alone(
    name: str,
    examination: Examination,
    challenger: LoadedVersion,
    read_table: ReadTable,
    gates: Gates,
) -> None:
    schema = challenger.scorer.schema
    table = _fresh_customers(
        examination, [challenger], read_table(schema, challenger.table()), schema
    )
    if table is None:
        return
    scorer = _of_features(challenger.scorer, table)
    with in_progress(f"scoring {len(table.churned):,} customers"):
        examination.values = absolute_values_of(scorer, table)
        _add_alarms(name, examination, scorer.schema, table)
        limits = _add_baseline_share(name, examination, gates)
    examination.reasons += failed_gates(check_gates(limits, examination.values))


def _examine_both(
    name: str,
    examination: Examination,
    versions: tuple[LoadedVersion, LoadedVersion],
    read_table: ReadTable,
    gates: Gates,
    seed: int,
) -> None:
    champion, challenger = versions
    schema = _of_both(challenger.scorer.schema, champion.scorer.schema)
    table = _fresh_customers(examination, versions, read_table(schema, challenger.table()), schema)
    if table is None:
        return
    examination.number = register_examination(
        name, str(champion.number), str(challenger.number), table
    )
    before, after = (_of_features(version.scorer, table) for version in versions)
    with in_progress(f"comparing the versions on {len(table.churned):,} customers"):
        examination.comparison = comparison = compare(before, after, table, seed)
        examination.values = comparison.values()
        _add_alarms(name, examination, after.schema, table)
    limits = dict(_limits_of_examination(gates, examination.number))
    if _version(name, examination.challenger).tags.get(RECALIBRATED_TAG) == champion.number:
        limits.pop("contacted", None)  # other probabilities at the same threshold are its purpose
    examination.reasons += failed_gates(check_gates(limits, examination.values))
    examination.reasons += implausible_churn_rate(
        table,
        _expected(champion, before, table),
        _expected(challenger, after, table),
    )


def _expected(version: LoadedVersion, scorer: Scorer, table: Table) -> Expected:
    return Expected(str(version.number), score_table(scorer, table), _trained_on(version))


def _trained_on(version: LoadedVersion) -> float | None:
    """The churn rate (0..1) in the version's training table; None if that is not recorded."""
    profile = version.profile()
    if profile is not None:
        return profile.churn_rate
    try:  # versions from before profiles have it in their run only
        rate = MlflowClient().get_run(str(version.mlflow_model.run_id)).data.params["churn_rate"]
    except (MlflowException, KeyError):
        return None
    return float(rate)


def _fresh_customers(
    examination: Examination,
    versions: Sequence[LoadedVersion],
    table: Table,
    schema: RecordSchema,
) -> Table | None:
    """The table without the customers that a version was trained on; None if too few remain."""
    with in_progress("looking for training customers"):
        recorded = {
            str(version.number): read_fingerprints(str(version.mlflow_model.run_id))
            for version in versions
        }
        overlap = find_overlap(recorded, table, schema)
    examination.known_rows, examination.unknown = overlap.by_version, overlap.unknown
    if reason := overlap.reason(table):
        examination.reasons.append(reason)
        return None
    return table.take(np.flatnonzero(~overlap.known))


def _limits_of_examination(gates: Gates, number: int) -> Mapping[Any, Limit]:
    """The challenger's gates, with the confidence that this examination requires."""
    better = gates.challenger.get("better")
    if better is None:
        return gates.challenger
    threshold = required_confidence(better.threshold, number)
    return {**gates.challenger, "better": better.model_copy(update={"threshold": threshold})}


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


def _add_baseline_share(name: str, examination: Examination, gates: Gates) -> Mapping[Any, Limit]:
    """Add the share that the version's tag records; returns the gates, without it if unknown."""
    share = _version(name, examination.challenger).tags.get(BASELINE_SHARE_TAG)
    if share is None:
        return {metric: v for metric, v in gates.absolute.items() if metric != "baseline_share"}
    examination.values["baseline_share"] = float(share)
    return gates.absolute


def _add_alarms(name: str, examination: Examination, schema: RecordSchema, table: Table) -> None:
    """Look for leaks in the fresh table, and count them and those of the training table."""
    tags = _version(name, examination.challenger).tags
    accepted = examination.accepted
    raised = alarms(table.customers, table.churned, schema, table.customers_of_rows)
    examination.alarms = with_accepted(raised, accepted)
    count = len(not_accepted(examination.alarms)) + alarms_of_training(tags, accepted)
    examination.values["alarms"] = float(count)


def _version(name: str, version: str) -> ModelVersion:
    with readable_errors():
        return MlflowClient().get_model_version(name, version)


def log_examination(name: str, examination: Examination, *, promoted: bool, forced: str) -> None:
    """Log the examination as an MLflow run."""
    with readable_errors():
        choose_experiment(EXPERIMENT)
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
