"""The FastAPI app of most tutorials: a pickled scikit-learn pipeline and a pydantic body model.

The body model is made from a JSON Schema instead of being written by hand.
"""

import json
import os
import pickle
from pathlib import Path

import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, Field, create_model

from churn_model.schema import RecordSchema

TYPES = {"integer": int, "number": float, "boolean": bool}
schema = RecordSchema.from_json_schema(json.loads(Path(os.environ["TUTORIAL_SCHEMA"]).read_text()))
NUMBERS = [c.name for c in schema.features if c.kind in TYPES]
IDENTIFIERS = [c.name for c in schema.identifiers]


def field(column):
    """Type and default of a field of the body model."""
    kind = TYPES.get(column.kind, str)
    if column.required:
        return kind, Field(alias=column.name)
    return kind | None, Field(alias=column.name, default=None)


fields = {f"field_{i}": field(column) for i, column in enumerate(schema)}
Customer = create_model("Customer", **fields)


class Customers(BaseModel):
    """A batch."""

    customers: list[Customer]


app = FastAPI()
model = pickle.loads(Path(os.environ["TUTORIAL_MODEL"]).read_bytes())


@app.get("/ping")
def ping():
    """Liveness probe."""
    return None


def _score(customers):
    frame = pd.DataFrame([customer.model_dump(by_alias=True) for customer in customers])
    features = frame.drop(columns=IDENTIFIERS).astype(dict.fromkeys(NUMBERS, float))
    return model.predict_proba(features)[:, 1]


@app.post("/predict/single")
def single(customer: Customer):
    """One customer."""
    probability = float(_score([customer])[0])
    sent = customer.model_dump(by_alias=True)
    return {
        **{name: sent[name] for name in IDENTIFIERS},
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
