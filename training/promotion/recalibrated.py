"""Recalibrates the champion on fresh customers, and registers the result as challenger."""

from __future__ import annotations

from dataclasses import dataclass

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.models.model import ModelInfo

from churn_model.arrays import Floats
from churn_model.errors import TrainingError
from churn_model.profile import MonitoringProfile
from churn_model.progress import in_progress
from churn_model.scoring import Scorer
from pyfunc import CHALLENGER, DATA_TAG, SIMULATED
from pyfunc.loaded_version import LoadedVersion
from pyfunc.logging import log_model
from pyfunc.registry import register
from pyfunc.registry_errors import readable_errors
from training.data.fingerprints import fingerprints
from training.data.table import Table
from training.evaluation.comparison import score_table
from training.evaluation.evaluation import SCORECARD, HeldOut
from training.evaluation.metrics import metrics
from training.evaluation.monitoring_profile import monitoring_profile
from training.fitting.recalibration import Recalibration, fit_recalibration
from training.promotion.overlap import FEWEST, Overlap, find_overlap
from training.promotion.tags import INHERITED_TAGS, RECALIBRATED_TAG
from training.reporting.mlflow_dataset import log_dataset, mlflow_dataset
from training.reporting.mlflow_run import training_run
from training.reporting.model_card import MOST
from training.reporting.training_rows import log_fingerprints, read_fingerprints

_EXAMPLE_ROWS = 3


@dataclass(frozen=True)
class Fit:
    """A recalibration, the table it was fitted on, and the metrics there before and after it.

    ``profile``: the table's rows by the cells of the recalibrated scorecard.
    """

    recalibration: Recalibration
    table: Table
    before: dict[str, float]
    after: dict[str, float]
    profile: MonitoringProfile


@dataclass(frozen=True)
class Recalibrated:
    """A registered challenger: ``version`` is ``champion``, recalibrated by ``fit``.

    ``overlap``: the customers of the fresh table that the champion was trained on.
    """

    version: str
    champion: str
    fit: Fit
    overlap: Overlap


def recalibrate(name: str, champion: LoadedVersion, table: Table, command: str) -> Recalibrated:
    """Fit on the customers that the champion was not trained on, and register the result.

    Raises TrainingError if these are too few, or do not agree with the champion at all;
    RegistryError if MLflow fails.
    """
    schema, number = champion.scorer.schema, str(champion.number)
    trained_on = read_fingerprints(str(champion.mlflow_model.run_id))
    overlap = find_overlap({number: trained_on}, table, schema)
    if reason := overlap.reason(table):
        raise TrainingError(f"{table.name}: {reason}")
    found = _fit(champion.scorer, table.take(np.flatnonzero(~overlap.known)))
    fresh = found.table
    with in_progress("registering the challenger"), training_run(f"recalibrate {name}"):
        with readable_errors():
            _log(found, number, command)
            if trained_on is not None:  # an incomplete record would look complete
                log_fingerprints(trained_on.with_others(fingerprints(fresh, schema)))
        info = log_model(
            found.recalibration.apply(champion.scorer.scorecard),
            schema,
            fresh.as_sent(_EXAMPLE_ROWS, schema),
            simulated=fresh.source is None,
            descriptor=champion.table(),
            profile=found.profile,
        )
        return Recalibrated(_register(name, info, number, found), number, found, overlap)


def _fit(champion: Scorer, table: Table) -> Fit:
    """Fit on the customers that the champion accepts. Raises TrainingError if they are too few."""
    schema = table.features(champion.schema)
    table, before = _accepted(table, score_table(Scorer(champion.scorecard, schema), table))
    recalibration = fit_recalibration(table.churned, before, table.weights)
    recalibrated = Scorer(recalibration.apply(champion.scorecard), schema)
    after = score_table(recalibrated, table)
    return Fit(
        recalibration,
        table,
        metrics(table.churned, before, table.weights),
        metrics(table.churned, after, table.weights),
        monitoring_profile(recalibrated, table, _held_out(table, after)),
    )


def _held_out(table: Table, probability: Floats) -> HeldOut:
    """The scores of all rows, which the champion was not trained on."""
    return HeldOut(
        np.arange(len(table.churned)),
        table.customers_of_rows.code,
        table.churned,
        table.weights,
        {SCORECARD: probability},
    )


def _accepted(table: Table, probability: Floats) -> tuple[Table, Floats]:
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


def _log(found: Fit, champion: str, command: str) -> None:
    mlflow.set_tag(RECALIBRATED_TAG, champion)
    mlflow.log_params(
        {
            RECALIBRATED_TAG: champion,
            "command": command[:500],
            "rows_used": len(found.table.churned),
            "intercept": found.recalibration.intercept,
            "slope": found.recalibration.slope,
        }
    )
    mlflow.log_metrics({f"before/{metric}": value for metric, value in found.before.items()})
    mlflow.log_metrics({f"after/{metric}": value for metric, value in found.after.items()})
    log_dataset(mlflow_dataset(found.table))


def _register(name: str, info: ModelInfo, champion: str, found: Fit) -> str:
    """Register as challenger; returns the version."""
    with readable_errors():
        version = MlflowClient().get_model_version(name, champion)
    tags = {tag: value for tag, value in version.tags.items() if tag in INHERITED_TAGS}
    tags[RECALIBRATED_TAG] = champion
    if found.table.source is None:
        tags[DATA_TAG] = SIMULATED
    customers = found.table.customers_of_rows.n
    description = (
        f"Version {champion}, recalibrated on {customers:,} customers of {found.table.name}: "
        f"intercept {found.recalibration.intercept:+.3f}, slope {found.recalibration.slope:.3f}."
        f"\n\n{version.description or ''}"
    )
    registered = register(
        info, name=name, alias=CHALLENGER, description=description[:MOST], tags=tags
    )
    return str(registered.version)
