"""A user's own table, from a raw export to every way of scoring, without editing this project."""

from __future__ import annotations

import json
import shutil
from datetime import date

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from batch.score import main as score
from churn_model.client import ChurnClient
from churn_model.errors import InvalidRecords
from churn_model.schema import RecordSchema
from pyfunc import loaded_version
from tests.integration.conftest import (
    ROOT,
    SMALL_FIT,
    Registry,
    assert_one_line,
    call,
    run,
    working_in,
)
from tests.integration.serving.conftest import our_server
from training.infer import main as infer
from training.promote import main as promote
from training.train import main as train

ROWS = 1500
PRICE, PLAN, SIGNED = 'Price "net" ($)', "Größe `客户`", "Signed a.b; DROP TABLE"
AS_OF = "2026-01-31"


def raw_export():
    """Customers as somebody exported them: odd names, dates, categories, gaps."""
    rng = np.random.default_rng(5)
    months, price = rng.integers(0, 72, ROWS), np.round(rng.uniform(10, 100, ROWS), 2)
    plan = rng.choice(["basic", "plus", "pro", ""], ROWS)
    days = rng.integers(0, 1500, ROWS)
    log_odds = 0.5 - 0.06 * months + 0.02 * (price - 50) + (plan == "basic") - days / 1000
    churned = rng.random(ROWS) < 1 / (1 + np.exp(-log_odds))
    return pd.DataFrame(
        {
            "Id": [f"K{i}" for i in range(ROWS)],
            "Months": months,
            PRICE: price,
            PLAN: plan,
            SIGNED: np.datetime_as_string(np.datetime64(AS_OF) - days),
            "Shop": [f"shop {i}" for i in rng.integers(0, 900, ROWS)],
            "Exited": np.where(churned, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def exported(tmp_path_factory, empty_database):
    """The raw export, and the registry that one command made of it."""
    folder = tmp_path_factory.mktemp("own")
    shutil.copy(empty_database, folder)
    raw_export().to_csv(folder / "raw.csv", index=False, sep=";", encoding="utf-8-sig")
    columns = ["--id", "Id", "--target", "Exited=yes", "--as-of", AS_OF]
    done = call(train, "--data", "raw.csv", *columns, *SMALL_FIT, cwd=folder)
    assert done.returncode == 0, done.stderr
    with working_in(folder):
        yield Registry(folder, done.stdout)


@pytest.fixture(scope="module")
def customers():
    """The same customers as a notebook has them."""
    return raw_export().replace({PLAN: {"": None}}).drop(columns=["Shop", "Exited"])


@pytest.fixture(scope="module")
def scored(exported, customers):
    """What the notebook path says of them."""
    model = mlflow.pyfunc.load_model("models:/churn@champion")
    return model.predict(customers, params={"as_of": AS_OF})


def test_the_command_says_what_it_assumed_and_what_it_left_out(exported):
    assert "registered models:/churn@champion as version 1" in exported.output
    assert f"{SIGNED}  date" in exported.output
    assert "one of: basic, plus, pro (or another); may be missing" in exported.output
    assert "'Shop' has " in exported.output
    run_id = MlflowClient().get_model_version_by_alias("churn", "champion").run_id
    page = mlflow.artifacts.load_text(f"runs:/{run_id}/report.html")
    assert "&#39;Shop&#39; has " in page
    assert f"Dates are scored as their age in days on {AS_OF}" in page


def test_the_signature_takes_the_raw_columns_and_the_day_of_scoring(exported):
    signature = mlflow.models.get_model_info("models:/churn@champion").signature
    assert signature.inputs.input_names() == ["Id", "Months", PRICE, PLAN, SIGNED]
    assert [param.name for param in signature.params] == [
        *("threshold", "explain", "on_invalid", "as_of")
    ]


def test_the_server_scores_as_the_notebook_does_and_tells_the_fields(exported, customers, scored):
    with our_server(exported) as server, ChurnClient(server.url) as client:
        pd.testing.assert_frame_equal(client.predict(customers, as_of=AS_OF), scored)
        assert (
            client.schema.columns
            == loaded_version.read_version("models:/churn@champion").scorer.schema.columns
        )
        api = server.get("/openapi.json").json()["paths"]["/predict/single"]["post"]
        assert "basic\\, plus\\, pro" in api["description"]
        example = api["requestBody"]["content"]["application/json"]["example"]
        assert server.post("/predict/single", json=example).status_code == 200
        first = client.predict_one(customers.iloc[0].to_dict(), as_of=date(2026, 1, 31))
        assert first["churn_probability"] == scored["churn_probability"][0]
        later = server.post("/predict/single?as_of=2030-01-31", json=example).json()
        sooner = server.post("/predict/single?as_of=2026-01-31", json=example).json()
        assert later["churn_probability"] != sooner["churn_probability"]
        assert server.post("/predict/single?as_of=tomorrow", json=example).status_code == 400
        wrong = {**example, SIGNED: "31.01.2026", "Months": 3.5}
        reply = server.post("/predict/single", json=wrong)
        assert [e["loc"][-1] for e in reply.json()["errors"]] == ["Months", SIGNED]
        with pytest.raises(InvalidRecords, match="must be a date such as 2026-01-31"):
            client.predict([wrong])
        body = {"dataframe_records": [example], "params": {"as_of": "2026-01-31"}}
        reply = server.post("/invocations", json=body).json()["predictions"][0]
        assert reply["churn_probability"] == sooner["churn_probability"]


@pytest.mark.parametrize("engine", ["local", "spark"])
def test_the_raw_export_is_scored_in_batches_by_what_training_assumed(
    exported, scored, tmp_path, engine, request
):
    if engine == "spark":
        request.getfixturevalue("spark")
    run_id = MlflowClient().get_model_version_by_alias("churn", "champion").run_id
    descriptor = mlflow.artifacts.download_artifacts(f"runs:/{run_id}/data/dataset.toml")
    broken = raw_export()
    broken.loc[3, SIGNED] = "yesterday"
    broken.to_csv(tmp_path / "raw.csv", index=False, sep=";", encoding="utf-8-sig")
    done = call(
        score,
        *("--engine", engine, "--output-format", "parquet", "--as-of", AS_OF),
        *("--input", tmp_path / "raw.csv", "--columns", descriptor, "--output", tmp_path / "out"),
        cwd=exported.folder,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["scored"], summary["rejected"], summary["as_of"]) == (ROWS - 1, 1, AS_OF)
    found = pd.read_parquet(tmp_path / "out" / "scored").set_index("Id")["churn_probability"]
    expected = scored.set_index("Id")["churn_probability"].drop("K3")
    np.testing.assert_array_equal(found.loc[expected.index], expected)


def test_a_champion_of_the_raw_export_is_challenged_with_the_same_flags(exported):
    columns = ["--data", "raw.csv", "--id", "Id", "--target", "Exited=yes"]
    day = ["--as-of", AS_OF]
    champion = MlflowClient().get_model_version_by_alias("churn", "champion")
    again = MlflowClient().create_model_version("churn", champion.source, champion.run_id)
    MlflowClient().set_registered_model_alias("churn", "challenger", again.version)
    same_table = call(promote, *columns, *day, cwd=exported.folder)
    assert same_table.returncode == 2
    assert "version 1 was trained on" in same_table.stdout
    undated = call(promote, *columns, cwd=exported.folder)
    assert undated.returncode == 1
    assert "--as-of 2026-01-31" in undated.stderr


def test_a_schema_is_proposed_reviewed_and_trained_with(workplace):
    raw_export().to_csv(workplace / "raw.csv", index=False)
    columns = ["--id", "Id", "--target", "Exited=yes"]
    done = call(infer, "raw.csv", *columns, "--as-of", AS_OF, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "4 features" in done.stderr
    schema = json.loads(done.stdout)
    assert list(schema["properties"]) == ["Id", "Months", PRICE, PLAN, SIGNED]
    assert schema["properties"]["Months"] == {"type": "integer", "minimum": 0}
    del schema["properties"][SIGNED]
    for part in ("required", "propertyOrdering"):
        schema[part].remove(SIGNED)
    schema["properties"]["Months"]["maximum"] = 60
    (workplace / "customer.schema.json").write_text(json.dumps(schema))
    flags = ["--schema", "customer.schema.json", "--unseen", "refuse", "--max-rejected", 0.5]
    done = call(train, "--data", "raw.csv", *columns, *flags, *SMALL_FIT, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "Months (column 'Months') must be at most 60" in done.stdout
    kept = json.loads(next((workplace / "mlruns").rglob("data/schema.json")).read_text())
    fields = {column.name: column for column in RecordSchema.from_json_schema(kept)}
    assert list(fields) == ["Id", "Months", PRICE, PLAN]
    assert not fields[PLAN].allows_unlisted
    wrong = call(infer, "raw.csv", "--target", "Left=1", cwd=workplace)
    assert wrong.returncode == 1
    assert_one_line(wrong.stderr)


FIELDS = """    contract: Literal["monthly", "yearly"] = Field(description="Length of the contract")
    joined: date | None = None
"""
SCRIPT = """
import threading, time
import mlflow
import pandas as pd
import uvicorn

from batch.score import main as score
from churn_model.client import ChurnClient
from churn_model.errors import InvalidRecords
from serving.app import create_app
from serving.served_model import load_model
from serving.settings import Settings
from training.data.simulator import simulate
from training.train import main as train

MODEL = "models:/churn@champion"
small = ["--folds", "2", "--repeats", "1", "--interactions", "0", "--bags", "1"]
assert train(["--rows", "600", *small]) == 0
customers = simulate(200, seed=3).customers
customers.to_csv("customers.csv", index=False)
model = mlflow.pyfunc.load_model(MODEL)
notebook = model.predict(customers, params={"as_of": "2026-01-31"})["churn_probability"]
assert list(customers)[-2:] == ["contract", "joined"]

app = create_app(Settings(), load_model(MODEL))
server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
threading.Thread(target=server.run, daemon=True).start()
while not server.started:
    time.sleep(0.05)
port = server.servers[0].sockets[0].getsockname()[1]
with ChurnClient(f"http://127.0.0.1:{port}") as client:
    scores = client.predict(customers, as_of="2026-01-31")
    assert scores["churn_probability"].tolist() == notebook.tolist()
    try:
        client.predict(customers.assign(contract="weekly"))
        raise AssertionError("an unlisted level was accepted")
    except InvalidRecords as error:
        assert "contract: must be one of 'monthly', 'yearly'" in str(error)
server.should_exit = True

for engine in ("local", "spark"):
    flags = ["--output-format", "parquet", "--as-of", "2026-01-31", "--master", "local[1]"]
    assert score(["--engine", engine, "--input", "customers.csv", "--output", engine, *flags]) == 0
    scored = pd.read_parquet(f"{engine}/scored").set_index("customer_id")["churn_probability"]
    assert scored.loc[customers["customer_id"]].tolist() == notebook.tolist()
"""


def test_a_field_added_to_the_class_needs_no_other_edit(workplace):
    """Scored over REST, in a notebook and in batches by a copy with two more fields."""
    code = workplace / "code"
    for package in ("batch", "churn_model", "pyfunc", "serving", "training"):
        shutil.copytree(
            ROOT / package, code / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    file = code / "churn_model" / "schema" / "customer.py"
    before, name, after = file.read_text().partition("\n\nEXAMPLES")
    before = before.replace(
        "from typing import Any", "from datetime import date\nfrom typing import Any, Literal"
    )
    file.write_text(before.rstrip() + "\n" + FIELDS + name + after)
    done = run("-c", SCRIPT, cwd=workplace, PYTHONPATH=str(code))
    assert done.returncode == 0, done.stderr
