"""A model with the churn model's signature that does nothing; it measures MLflow's own overhead."""

import mlflow
import pandas as pd


class Noop(mlflow.pyfunc.PythonModel):
    """Predicts 0 with probability 0.5 for every row."""

    def predict(self, context, model_input, params=None):
        """Use only the number of rows."""
        return pd.DataFrame(
            {
                "customer_id": model_input["customer_id"],
                "churn_prediction": 0,
                "churn_probability": 0.5,
            }
        )


mlflow.models.set_model(Noop())
