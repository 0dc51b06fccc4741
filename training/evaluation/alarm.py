"""One sign of target leakage, and whether the user has accepted it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from churn_model.errors import TrainingError
from churn_model.schema import RecordSchema
from churn_model.tables.column_names import suggest

WHOLE_MODEL = "whole-model"
"""In place of a feature's name: the alarm is about all features together."""


@dataclass(frozen=True)
class Alarm:
    """One sign of leakage. ``kind`` is a stable name; ``text`` says what was found and what to do.

    Kinds: ``identifier``, ``target_leakage`` (a feature alone predicts churn too well), ``missing``
    and ``one_sided`` (the customers without a value, or with some values, churned far more or less
    often than can be expected), ``dominant`` (nearly all of the model's skill comes from one
    feature), ``too_accurate`` (the whole model is).

    ``feature``: a field, or WHOLE_MODEL. ``accepted``: why the user accepts the alarm; empty if not
    accepted. An accepted alarm does not fail a gate.
    """

    kind: str
    feature: str
    text: str
    accepted: str = ""


def with_accepted(alarms: Sequence[Alarm], reasons: Mapping[str, str]) -> list[Alarm]:
    """The alarms, with the reasons for which the user accepts those of some features."""
    return [replace(alarm, accepted=reasons.get(alarm.feature, "")) for alarm in alarms]


def check_accepted(reasons: Mapping[str, str], schema: RecordSchema) -> None:
    """Raise TrainingError unless each name is a feature or WHOLE_MODEL."""
    names = [*(column.name for column in schema.features), WHOLE_MODEL]
    for name in reasons:
        if name not in names:
            raise TrainingError(
                f"--accept-alarm: {name!r} is not a feature.{suggest(name, names, 'features')}"
            )


def not_accepted(alarms: Sequence[Alarm]) -> list[Alarm]:
    """The alarms that fail a gate."""
    return [alarm for alarm in alarms if not alarm.accepted]
