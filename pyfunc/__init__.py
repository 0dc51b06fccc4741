"""MLflow packaging of the churn model: the registered model's code, and the registry."""

MODEL_NAME = "churn"
CHAMPION = "champion"
CHALLENGER = "challenger"
CHAMPION_URI = f"models:/{MODEL_NAME}@{CHAMPION}"
