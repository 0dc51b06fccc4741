"""The inference log of ``mlflow models serve``."""

import json
import time

import requests

from churn_model.inference_log.identifiers import hash_identifier, read_key
from tests.customers import CUSTOMER
from tests.integration.conftest import serving
from tests.unit.churn_model.inference_log.reading import assert_adds_up, outcomes, table


def test_a_stop_by_sigterm_writes_what_was_scored_and_nothing_else(registry, tmp_path):
    log, key = tmp_path / "log", tmp_path / "key"
    variables = {"CHURN_INFERENCE_LOG": str(log), "CHURN_INFERENCE_LOG_KEY": str(key)}
    with serving(registry, tmp_path, **variables) as url:
        body = json.dumps({"dataframe_records": [CUSTOMER] * 3})
        headers = {"Content-Type": "application/json"}
        for _ in range(5):
            reply = requests.post(f"{url}/invocations", body, headers=headers, timeout=30)
            assert reply.status_code == 200, reply.text
    deadline = time.monotonic() + 20
    while not outcomes(log) and time.monotonic() < deadline:  # uvicorn ends after its parent
        time.sleep(0.1)
    time.sleep(0.5)
    serve_log = (tmp_path / "serve.log").read_text()
    assert outcomes(log), [*log.rglob("*"), serve_log[-3000:]]
    assert assert_adds_up(log) == {"scored": 15, "logged": 15}
    rows = table(log)
    assert set(rows.customer_id) == {hash_identifier(CUSTOMER["customer_id"], read_key(key))}
    assert set(rows.source) == {"mlflow"}
    assert set(rows.model_name) == {"churn"}
    assert set(rows.model_version) == {"1"}
