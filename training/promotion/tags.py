"""Tags of model versions that promotion reads."""

ALARMS_TAG = "alarms"
"""The number of leakage alarms of a version's training table."""
