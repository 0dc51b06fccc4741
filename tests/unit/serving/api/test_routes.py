"""The scoring routes, called in this process."""

from __future__ import annotations

import asyncio
import json

import pytest

JSON = "application/json"
CUSTOMER = {
    "customer_id": "C1",
    "age": 42,
    "tenure": 12,
    "monthly_charges": 70.5,
    "total_charges": 846.0,
}
CSV_CUSTOMER = ",".join(CUSTOMER) + "\nC1,42,12,70.5,846.0\n"


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        ("/predict", json.dumps({"customers": [CUSTOMER] * 200}), JSON),
        ("/invocations", json.dumps({"inputs": [CUSTOMER] * 200}), JSON),
        ("/invocations", CSV_CUSTOMER, "text/csv"),
    ],
)
def test_the_time_limit_includes_the_time_that_the_body_takes(
    application, path, body, content_type
):
    app = application(timeout=0.2)
    headers = {"content-type": content_type}
    reply = asyncio.run(app.request("POST", path, body.encode(), headers, pause=0.3))
    assert reply.status == 504
