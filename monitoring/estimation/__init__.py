"""The performance to expect before labels, if features and churn still relate as in training."""

from monitoring.estimation.estimate import (
    Estimator,
    estimate,
    expected_losses,
    reference_estimates,
)

__all__ = ["Estimator", "estimate", "expected_losses", "reference_estimates"]
