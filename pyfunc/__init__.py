"""MLflow packaging: the registered model's code, its signature, logging, registry and promotion."""

MODEL_NAME = "churn"
CHAMPION = "champion"
CHALLENGER = "challenger"
CHAMPION_URI = f"models:/{MODEL_NAME}@{CHAMPION}"

DATA_TAG = "data"
SIMULATED = "simulated"
"""The tag ``data: simulated`` marks a version trained on simulated customers, a placeholder."""

CELLS = "cells"
"""The key of a model's metadata that says how the cells of its training table are written."""

MONITORING_PROFILE = "monitoring_profile"
"""The name of the artifact that monitoring needs and scoring does not."""

MONITORING_EXPERIMENT = "churn-monitoring"
"""The MLflow experiment in which ``churn monitor`` logs its runs."""
