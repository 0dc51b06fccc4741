"""Tags of model versions that promotion reads."""

ALARMS_TAG = "alarms"
"""The number of leakage alarms of a version's training table that are not accepted."""

ALARM_FEATURES_TAG = "alarm_features"
"""The features of these alarms, as a JSON array."""

ACCEPTED_TAG = "accepted_alarms"
"""Why the alarms of some features are accepted, as a JSON object by feature."""

BASELINE_SHARE_TAG = "baseline_share"
"""The share of the best baseline's skill that the version reached on its training table."""

INHERITED_TAGS = (ALARMS_TAG, ALARM_FEATURES_TAG, ACCEPTED_TAG, BASELINE_SHARE_TAG)
"""The tags that a recalibrated version inherits."""

RECALIBRATED_TAG = "recalibrated_version"
"""The tag of a recalibrated version: the version that it was."""
