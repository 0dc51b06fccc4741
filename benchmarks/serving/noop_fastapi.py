"""FastAPI routes with the default record as body model, and no model behind them."""

from fastapi import FastAPI
from pydantic import BaseModel

from churn_model.schema import CustomerRecord


class Customers(BaseModel):
    """A batch."""

    customers: list[CustomerRecord]


app = FastAPI()


@app.get("/ping")
async def ping():
    """Liveness probe."""
    return None


@app.post("/predict/single")
async def single(customer: CustomerRecord):
    """One customer."""
    return {
        "customer_id": customer.customer_id,
        "churn_prediction": 0,
        "churn_probability": 0.5,
    }


@app.post("/predict")
async def batch(body: Customers):
    """Many customers."""
    n = len(body.customers)
    return {"success": True, "predictions": [0] * n, "probabilities": [0.5] * n, "error": None}
