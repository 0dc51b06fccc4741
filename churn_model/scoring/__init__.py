"""Scoring: the scorecard file, its lookup tables, and the ``Scorer`` that all callers use."""

from churn_model.scoring.scorer import (
    EXPECTED_PROFIT,
    AsOf,
    OnInvalid,
    Reason,
    Score,
    Scorer,
    Scores,
)

__all__ = ["EXPECTED_PROFIT", "AsOf", "OnInvalid", "Reason", "Score", "Scorer", "Scores"]
