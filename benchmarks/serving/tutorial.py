"""The usual FastAPI tutorial app: a pickled scikit-learn pipeline behind a pydantic body model."""

import os
import pickle
from pathlib import Path

import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel


class Customer(BaseModel):
    """One customer."""

    customer_id: str
    age: int
    tenure: int
    monthly_charges: float
    total_charges: float | None = None


class Customers(BaseModel):
    """A batch."""

    customers: list[Customer]


app = FastAPI()
model = pickle.loads(Path(os.environ["TUTORIAL_MODEL"]).read_bytes())


@app.get("/ping")
def ping():
    """Is it up."""
    return None


def _score(customers):
    frame = pd.DataFrame([customer.model_dump() for customer in customers])
    features = frame.drop(columns="customer_id").astype(float)
    return model.predict_proba(features)[:, 1]


@app.post("/predict/single")
def single(customer: Customer):
    """One customer."""
    probability = float(_score([customer])[0])
    return {
        "customer_id": customer.customer_id,
        "churn_prediction": int(probability >= 0.5),
        "churn_probability": probability,
    }


@app.post("/predict")
def batch(body: Customers):
    """Many customers."""
    probability = _score(body.customers)
    return {
        "success": True,
        "predictions": (probability >= 0.5).astype(int).tolist(),
        "probabilities": probability.tolist(),
        "error": None,
    }
