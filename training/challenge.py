"""Whether a challenger may become champion: the whole examination, and its record in MLflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from churn_model.errors import RegistryError
from churn_model.schema import RecordSchema
from churn_model.schema.compatibility import incompatibilities
from churn_model.scoring import Scorer
from pyfunc import CHALLENGER, CHAMPION, registry
from pyfunc.registry_errors import readable_errors
from pyfunc.version import read
from training.data.table import Table
from training.evaluation.comparison import Comparison, absolute, compare
from training.evaluation.gates import Gates, judge, refusals
from training.reporting.inputs import dataset
from training.run import ALARMS, choose_experiment

ReadTable = Callable[[RecordSchema], Table]
"""Reads the fresh labelled customers as a schema declares them."""


@dataclass
class Outcome:
    """What became of the examination.

    ``champion``: the version that has the alias, None where there is none. ``reasons``: what stands
    against the challenger; empty where it may be promoted. ``comparison``: None where there was
    nothing to compare with, or where the comparison could not be made.
    """

    champion: str | None
    challenger: str
    reasons: list[str] = field(default_factory=list)
    comparison: Comparison | None = None
    values: dict[str, float] = field(default_factory=dict)


def contenders(name: str) -> Outcome:
    """The two versions as the registry has them. Raises RegistryError without a challenger."""
    registry.check_reachable()
    challenger = registry.version_of_alias(name, CHALLENGER)
    if challenger is None:
        raise RegistryError(f"{name} has no challenger; train one: python -m training")
    return Outcome(registry.version_of_alias(name), challenger)


def examine(name: str, outcome: Outcome, read_table: ReadTable, gates: Gates, seed: int) -> None:
    """Fill in the outcome. Raises ChurnError where the table or a version cannot be read."""
    challenger = read(f"models:/{name}/{outcome.challenger}").scorer
    if outcome.champion is None:
        table = read_table(challenger.schema)
        outcome.values = absolute(_of_features(challenger, table), table)
        verdicts = judge(gates.first, _with_alarms(name, outcome))
    else:
        champion = read(f"models:/{name}/{outcome.champion}").scorer
        narrowed = incompatibilities(challenger.schema, champion.schema)
        if narrowed:
            outcome.reasons += [f"the champion's records would not do: {why}" for why in narrowed]
            return
        table = read_table(challenger.schema)
        outcome.comparison = compare(
            _of_features(champion, table), _of_features(challenger, table), table, seed
        )
        outcome.values = outcome.comparison.values()
        verdicts = judge(gates.challenger, _with_alarms(name, outcome))
    outcome.reasons += [*_trained_on(name, outcome, table), *refusals(verdicts)]


def _of_features(model: Scorer, table: Table) -> Scorer:
    """The model as it scores a table of features, which has ages in place of dates."""
    return Scorer(model.scorecard, table.features(model.schema))


def _with_alarms(name: str, outcome: Outcome) -> dict[str, float]:
    """The values, with the alarms of the table that the challenger was trained on."""
    outcome.values["alarms"] += int(_version(name, outcome.challenger).tags.get(ALARMS, 0))
    return outcome.values


def _trained_on(name: str, outcome: Outcome, table: Table) -> Iterator[str]:
    fingerprint = dataset(table).digest
    for version in filter(None, (outcome.champion, outcome.challenger)):
        try:
            run = MlflowClient().get_run(str(_version(name, version).run_id))
        except MlflowException:  # the run was deleted, so nobody knows
            continue
        inputs = run.inputs.dataset_inputs if run.inputs else []
        if any(each.dataset.digest == fingerprint for each in inputs):
            yield (
                f"version {version} was trained on this very table; bring customers that neither "
                "has seen"
            )


def _version(name: str, version: str) -> ModelVersion:
    return MlflowClient().get_model_version(name, version)


def log(name: str, outcome: Outcome, *, promoted: bool, forced: str) -> None:
    """Keep the examination as a run."""
    with readable_errors():
        choose_experiment()
        with mlflow.start_run(run_name=f"promote {name} {outcome.challenger}"):
            mlflow.set_tags(
                {
                    "champion": outcome.champion or "",
                    "challenger": outcome.challenger,
                    "promoted": str(promoted).lower(),
                    "forced": forced,
                }
            )
            mlflow.log_text(json.dumps(asdict(outcome), indent=1), "comparison.json")
            mlflow.log_metrics({f"gate/{metric}": v for metric, v in outcome.values.items()})
            if outcome.comparison is not None:
                for who in (CHAMPION, CHALLENGER):
                    values = getattr(outcome.comparison, who).items()
                    mlflow.log_metrics({f"{who}/{metric}": value for metric, value in values})
