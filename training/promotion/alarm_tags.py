"""Leakage alarms in the tags of a version: of its training table, and why some are accepted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from mlflow import MlflowClient

from pyfunc.registry_errors import readable_errors
from training.evaluation.alarm import Alarm, not_accepted
from training.promotion.tags import ACCEPTED_TAG, ALARM_FEATURES_TAG, ALARMS_TAG


def alarm_tags(alarms: Sequence[Alarm]) -> dict[str, str]:
    """The tags of a version that was trained on a table with these alarms."""
    features = [alarm.feature for alarm in not_accepted(alarms)]
    accepted = {alarm.feature: alarm.accepted for alarm in alarms if alarm.accepted}
    tags = {ALARMS_TAG: str(len(features)), ALARM_FEATURES_TAG: json.dumps(features)}
    return tags | {ACCEPTED_TAG: json.dumps(accepted)} if accepted else tags


def accepted_alarms(tags: Mapping[str, str]) -> dict[str, str]:
    """Why the alarms of some features are accepted: feature -> reason."""
    return dict(json.loads(tags.get(ACCEPTED_TAG, "{}")))


def alarms_of_training(tags: Mapping[str, str], accepted: Mapping[str, str]) -> int:
    """The number of alarms of the training table, without those of the ``accepted`` features."""
    features = json.loads(tags.get(ALARM_FEATURES_TAG, "[]"))
    return int(tags.get(ALARMS_TAG, 0)) - sum(feature in accepted for feature in features)


def store_accepted(name: str, version: str, accepted: Mapping[str, str]) -> None:
    """Store why the alarms of some features are accepted."""
    with readable_errors():
        MlflowClient().set_model_version_tag(name, version, ACCEPTED_TAG, json.dumps(accepted))
