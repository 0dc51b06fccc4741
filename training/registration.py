"""Registers a trained model, and decides whether it becomes the champion at once."""

from __future__ import annotations

from dataclasses import dataclass

from churn_model.errors import ChurnError
from churn_model.schema import RecordSchema
from pyfunc import CHALLENGER, CHAMPION, DATA_TAG, SIMULATED
from pyfunc.loaded_version import read_version
from pyfunc.logging import log_model
from pyfunc.promotion import is_simulated, promote
from pyfunc.registry import register, version_of_alias
from training.promotion.alarm_tags import alarm_tags
from training.promotion.schema_conflict import schema_conflict
from training.promotion.tags import BASELINE_SHARE_TAG
from training.reporting.findings import Findings

_EXAMPLE_ROWS = 3


@dataclass(frozen=True)
class Registration:
    """A registered version and its alias, champion or challenger.

    ``previous``: the version that was champion before, or None. ``simulated`` and
    ``previous_simulated``: whether each was trained on simulated customers. ``conflict``: why the
    version cannot be compared with a champion that stays; empty if it can.
    """

    name: str
    version: str
    alias: str
    simulated: bool
    previous: str | None = None
    previous_simulated: bool = False
    conflict: str = ""


def register_trained(
    findings: Findings, record_schema: RecordSchema, name: str, description: str
) -> Registration:
    """Log and register the scorecard.

    A version is registered as challenger. It becomes champion at once if it passes the absolute
    gates and there is no champion yet, or only a placeholder: the first version trained on real
    customers replaces one trained on simulated customers.
    """
    simulated = findings.table.source is None
    version = _register(findings, record_schema, name, description, simulated=simulated)
    previous = version_of_alias(name)
    previous_simulated = previous is not None and is_simulated(name, previous)
    is_open = previous is None or (previous_simulated and not simulated)
    if is_open and findings.passed:
        promote(version, replacing=previous, name=name)
        return Registration(name, version, CHAMPION, simulated, previous, previous_simulated)
    conflict = "" if is_open or previous is None else _conflict(record_schema, name, previous)
    return Registration(
        name, version, CHALLENGER, simulated, previous, previous_simulated, conflict
    )


def _register(
    findings: Findings,
    record_schema: RecordSchema,
    name: str,
    description: str,
    *,
    simulated: bool,
) -> str:
    """Register the scorecard as challenger; returns its version."""
    examples = findings.table.as_sent(_EXAMPLE_ROWS, record_schema)
    info = log_model(
        findings.scorecard,
        record_schema,
        examples,
        simulated=simulated,
        descriptor=findings.table.dataset,
        profile=findings.profile,
    )
    tags = alarm_tags(findings.alarms)
    tags[BASELINE_SHARE_TAG] = f"{findings.evaluation.baseline_share:.6g}"
    if simulated:
        tags[DATA_TAG] = SIMULATED
    registered = register(info, name=name, alias=CHALLENGER, description=description, tags=tags)
    return str(registered.version)


def _conflict(record_schema: RecordSchema, name: str, champion: str) -> str:
    """Why the version cannot be compared with the champion, as far as that can be read."""
    try:
        schema = read_version(f"models:/{name}/{champion}").scorer.schema
    except ChurnError:  # the version is registered; `churn promote` reports the problem
        return ""
    return schema_conflict(record_schema, schema)
