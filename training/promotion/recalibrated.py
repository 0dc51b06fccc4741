"""Recalibrates the champion on fresh customers, and registers the result as challenger."""

from __future__ import annotations

from dataclasses import dataclass, replace

import mlflow
import numpy as np
from mlflow import MlflowClient

from churn_model.errors import TrainingError
from churn_model.scoring import Scorer
from pyfunc import CHALLENGER, DATA_TAG, SIMULATED
from pyfunc.loaded_version import LoadedVersion
from pyfunc.logging import log_model
from pyfunc.registry import register
from pyfunc.registry_errors import readable_errors
from training.data.fingerprints import fingerprints
from training.data.table import Table
from training.evaluation.comparison import score_table
from training.evaluation.metrics import metrics
from training.fitting.recalibration import Recalibration, fit_recalibration
from training.progress import in_progress
from training.promotion.overlap import FEWEST, find_overlap
from training.promotion.tags import INHERITED_TAGS, RECALIBRATED_TAG
from training.reporting.mlflow_dataset import log_dataset, mlflow_dataset
from training.reporting.mlflow_run import training_run
from training.reporting.model_card import MOST
from training.reporting.training_rows import log_fingerprints, read_fingerprints

_EXAMPLE_ROWS = 3


@dataclass(frozen=True)
class Recalibrated:
    """A registered challenger.

    ``champion``: the version that was recalibrated. ``before``, ``after``: metrics on the
    ``customers`` that the two parameters were fitted on.
    """

    version: str
    champion: str
    recalibration: Recalibration
    customers: int
    before: dict[str, float]
    after: dict[str, float]


def recalibrate(name: str, champion: LoadedVersion, table: Table, command: str) -> Recalibrated:
    """Fit on the customers that the champion was not trained on, and register the result.

    Raises TrainingError if these are too few, or do not agree with the champion at all;
    RegistryError if MLflow fails.
    """
    schema = champion.scorer.schema
    overlap = find_overlap([champion], table, schema)
    if reason := overlap.reason(table):
        raise TrainingError(f"{table.name}: {reason}")
    fresh = table.take(np.flatnonzero(~overlap.known))
    feature_schema = fresh.features(schema)
    scorer = Scorer(champion.scorer.scorecard, feature_schema)
    probability = score_table(scorer, fresh)
    fresh, probability = _accepted(fresh, probability)
    recalibration = fit_recalibration(fresh.churned, probability, fresh.weights)
    scorecard = recalibration.apply(champion.scorer.scorecard)
    after = score_table(Scorer(scorecard, feature_schema), fresh)
    found = Recalibrated(
        "",
        str(champion.number),
        recalibration,
        fresh.customers_of_rows.n,
        metrics(fresh.churned, probability, fresh.weights),
        metrics(fresh.churned, after, fresh.weights),
    )
    with in_progress("registering the challenger"), training_run(f"recalibrate {name}"):
        with readable_errors():
            _log(found, champion, fresh, command)
        info = log_model(
            scorecard,
            schema,
            fresh.as_sent(_EXAMPLE_ROWS, schema),
            simulated=fresh.source is None,
            descriptor=champion.table(),
        )
        return replace(found, version=_register(name, info, champion, fresh, found))


def _accepted(table: Table, probability: np.ndarray) -> tuple[Table, np.ndarray]:
    """The customers that the champion accepts. Raises TrainingError if these are too few."""
    accepted = np.flatnonzero(np.isfinite(probability))
    usable = table.take(accepted)
    churned, stayed = usable.customers_by_class()
    if min(churned, stayed) < FEWEST:
        raise TrainingError(
            f"{table.name}: {churned:,} usable customers churned and {stayed:,} stayed; "
            f"recalibration needs at least {FEWEST} of each"
        )
    return usable, probability[accepted]


def _log(found: Recalibrated, champion: LoadedVersion, table: Table, command: str) -> None:
    mlflow.set_tag(RECALIBRATED_TAG, found.champion)
    mlflow.log_params(
        {
            "recalibrated_version": found.champion,
            "command": command[:500],
            "rows_used": found.customers,
            "intercept": found.recalibration.intercept,
            "slope": found.recalibration.slope,
        }
    )
    mlflow.log_metrics({f"before/{metric}": value for metric, value in found.before.items()})
    mlflow.log_metrics({f"after/{metric}": value for metric, value in found.after.items()})
    log_dataset(mlflow_dataset(table))
    hashes = fingerprints(table, champion.scorer.schema)
    trained_on = read_fingerprints(str(champion.mlflow_model.run_id))
    if trained_on is not None:  # an incomplete record would look complete
        log_fingerprints(trained_on.with_others(hashes))


def _register(
    name: str,
    info: mlflow.models.model.ModelInfo,
    champion: LoadedVersion,
    table: Table,
    found: Recalibrated,
) -> str:
    """Register as challenger; returns the version."""
    with readable_errors():
        version = MlflowClient().get_model_version(name, found.champion)
    inherited = {tag: value for tag, value in version.tags.items() if tag in INHERITED_TAGS}
    if table.source is None:
        inherited[DATA_TAG] = SIMULATED
    description = (
        f"Version {found.champion}, recalibrated on {found.customers:,} customers of {table.name}: "
        f"intercept {found.recalibration.intercept:+.3f}, slope {found.recalibration.slope:.3f}."
        f"\n\n{version.description or ''}"
    )
    registered = register(
        info,
        name=name,
        alias=CHALLENGER,
        description=description[:MOST],
        tags={**inherited, RECALIBRATED_TAG: found.champion},
    )
    return str(registered.version)
