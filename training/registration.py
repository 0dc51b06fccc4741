"""Registers a trained model, and decides whether it becomes the champion at once."""

from __future__ import annotations

from churn_model.schema import RecordSchema
from pyfunc import CHALLENGER, CHAMPION, DATA_TAG, SIMULATED
from pyfunc.logging import log_model
from pyfunc.promotion import is_simulated, promote
from pyfunc.registry import register, version_of_alias
from training.reporting.findings import Findings

ALARMS_TAG = "alarms"
"""The version's tag with the number of leakage alarms of its training table."""

_EXAMPLE_ROWS = 3


def register_trained(
    findings: Findings, record: RecordSchema, name: str, description: str
) -> tuple[str, str, str | None]:
    """Log and register the scorecard; returns its version, its alias, and the version it replaced.

    A version is registered as challenger. It becomes champion at once if it passes the absolute
    gates and there is no champion yet, or only a placeholder: one trained on simulated customers
    gives way to the first one trained on real customers.
    """
    simulated = findings.table.source is None
    examples = findings.table.as_sent(_EXAMPLE_ROWS, record)
    info = log_model(findings.scorecard, record, examples, simulated=simulated)
    tags = {ALARMS_TAG: str(len(findings.alarms))}
    if simulated:
        tags[DATA_TAG] = SIMULATED
    registered = register(info, name=name, alias=CHALLENGER, description=description, tags=tags)
    version = str(registered.version)
    champion = version_of_alias(name)
    is_open = champion is None or (not simulated and is_simulated(name, champion))
    if not (is_open and findings.passed):
        return version, CHALLENGER, None
    promote(version, replacing=champion, name=name)
    return version, CHAMPION, champion
