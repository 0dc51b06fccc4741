"""The scikit-learn pipeline as an MLflow model: what most people serve with MLflow."""

import os
import pickle
from pathlib import Path

import mlflow
import pandas as pd


class Pipeline(mlflow.pyfunc.PythonModel):
    """The tutorial's pipeline, loaded from the same pickle."""

    def load_context(self, context):
        """Load the pickle."""
        self.pipeline = pickle.loads(Path(os.environ["TUTORIAL_MODEL"]).read_bytes())

    def predict(self, context, model_input, params=None):
        """One probability per customer."""
        features = model_input.drop(columns="customer_id").astype(float)
        probability = self.pipeline.predict_proba(features)[:, 1]
        return pd.DataFrame(
            {
                "customer_id": model_input["customer_id"],
                "churn_prediction": (probability >= 0.5).astype(int),
                "churn_probability": probability,
            }
        )


mlflow.models.set_model(Pipeline())
