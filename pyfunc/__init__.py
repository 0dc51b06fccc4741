"""MLflow packaging of the churn model: the registered model's code, and the registry."""

MODEL_NAME = "churn"
CHAMPION = "champion"
CHALLENGER = "challenger"
CHAMPION_URI = f"models:/{MODEL_NAME}@{CHAMPION}"

DATA_TAG = "data"
SIMULATED = "simulated"
"""A version with ``data: simulated`` was trained on simulated customers: it is a placeholder."""
