"""A table of one's own, from a raw export to every way of scoring, with no edit of this project."""

from __future__ import annotations

import json
import shutil
from datetime import date

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from churn_model.client import ChurnClient
from churn_model.errors import InvalidRecords
from churn_model.schema import RecordSchema
from pyfunc import loaded_version
from tests.integration.conftest import ROOT, Registry, assert_one_line, run
from tests.integration.serving.conftest import our_server
from training.promote import main as promote
from training.train import main as train

ROWS = 1500
PRICE, PLAN, SIGNED = 'Price "net" ($)', "Größe `客户`", "Signed a.b; DROP TABLE"
AS_OF = "2026-01-31"
QUICK = ["--folds", 2, "--repeats", 1]


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
def exported(tmp_path_factory):
    """The raw export, and the registry that one command made of it."""
    folder = tmp_path_factory.mktemp("own")
    raw_export().to_csv(folder / "raw.csv", index=False, sep=";", encoding="utf-8-sig")
    asked = ["--id", "Id", "--target", "Exited=yes", "--as-of", AS_OF, *QUICK]
    done = run("-m", "training", "--data", "raw.csv", *asked, cwd=folder)
    assert done.returncode == 0, done.stderr
    made = Registry(folder, done.stdout)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(made.uri)
    yield made
    mlflow.set_tracking_uri(before)


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
    assert f"Dates are scored by their age in days on {AS_OF}" in page


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
        with pytest.raises(InvalidRecords, match="must be a date, as 2026-01-31"):
            client.predict([wrong])
        body = {"dataframe_records": [example], "params": {"as_of": "2026-01-31"}}
        reply = server.post("/invocations", json=body).json()["predictions"][0]
        assert reply["churn_probability"] == sooner["churn_probability"]


@pytest.mark.parametrize("engine", ["local", "spark"])
def test_the_raw_export_is_scored_in_batches_by_what_training_assumed(
    exported, scored, tmp_path, engine
):
    run_id = MlflowClient().get_model_version_by_alias("churn", "champion").run_id
    layout = mlflow.artifacts.download_artifacts(f"runs:/{run_id}/data/dataset.toml")
    broken = raw_export()
    broken.loc[3, SIGNED] = "yesterday"
    broken.to_csv(tmp_path / "raw.csv", index=False, sep=";", encoding="utf-8-sig")
    done = run(
        ROOT / "scripts" / "score_batch.py",
        *("--engine", engine, "--master", "local[2]", "--output-format", "parquet"),
        *("--input", "raw.csv", "--columns", layout, "--output", "out", "--as-of", AS_OF),
        cwd=tmp_path,
        MLFLOW_TRACKING_URI=exported.uri,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["scored"], summary["rejected"], summary["as_of"]) == (ROWS - 1, 1, AS_OF)
    found = pd.read_parquet(tmp_path / "out" / "scored").set_index("Id")["churn_probability"]
    expected = scored.set_index("Id")["churn_probability"].drop("K3")
    np.testing.assert_array_equal(found.loc[expected.index], expected)


def test_a_champion_of_the_raw_export_is_challenged_with_the_same_flags(
    exported, monkeypatch, capsys
):
    monkeypatch.chdir(exported.folder)
    asked = ["--data", "raw.csv", "--id", "Id", "--target", "Exited=yes"]
    day = ["--as-of", AS_OF]
    assert train([*asked, *day, *map(str, QUICK)]) == 0
    assert promote([*asked, *day]) == 2
    assert "was trained on this very table" in capsys.readouterr().out
    assert promote(asked) == 1
    assert "say on which day the table was true" in capsys.readouterr().err


def test_a_schema_is_proposed_reviewed_and_trained_with(tmp_path):
    raw_export().to_csv(tmp_path / "raw.csv", index=False)
    asked = ["--id", "Id", "--target", "Exited=yes"]
    done = run("-m", "training.infer", "raw.csv", *asked, "--as-of", AS_OF, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "4 features" in done.stderr
    schema = json.loads(done.stdout)
    assert list(schema["properties"]) == ["Id", "Months", PRICE, PLAN, SIGNED]
    assert schema["properties"]["Months"] == {"type": "integer", "minimum": 0}
    del schema["properties"][SIGNED]
    for part in ("required", "propertyOrdering"):
        schema[part].remove(SIGNED)
    schema["properties"]["Months"]["maximum"] = 60
    (tmp_path / "customer.schema.json").write_text(json.dumps(schema))
    flags = ["--schema", "customer.schema.json", "--unseen", "refuse", "--max-rejected", 0.5]
    done = run("-m", "training", "--data", "raw.csv", *asked, *flags, *QUICK, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Months (column 'Months') must be at most 60" in done.stdout
    kept = json.loads(next((tmp_path / "mlruns").rglob("data/schema.json")).read_text())
    columns = {column.name: column for column in RecordSchema.from_json_schema(kept)}
    assert list(columns) == ["Id", "Months", PRICE, PLAN]
    assert not columns[PLAN].allows_unlisted
    wrong = run("-m", "training.infer", "raw.csv", "--target", "Left=1", cwd=tmp_path)
    assert wrong.returncode == 1
    assert_one_line(wrong.stderr)


FIELDS = """    contract: Literal["monthly", "yearly"] = Field(description="For how long one has signed")
    joined: date | None = None
"""
SCORE = """
import json, mlflow, sys
from training.data.simulator import simulate
customers = simulate(200, seed=3).customers
customers.to_csv("customers.csv", index=False)
model = mlflow.pyfunc.load_model("models:/churn@champion")
scores = model.predict(customers, params={"as_of": "2026-01-31"})
print(json.dumps([list(customers), scores["churn_probability"].tolist()]))
"""


def test_a_field_added_to_the_class_needs_no_other_edit(tmp_path):
    """Scored over REST, as in a notebook and in Spark, by a copy with fields more in its class."""
    code = tmp_path / "code"
    for package in ("batch", "churn_model", "pyfunc", "serving", "training"):
        shutil.copytree(
            ROOT / package, code / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    file = code / "churn_model" / "schema.py"
    before, name, after = file.read_text().partition("\n\nEXAMPLES")
    before = before.replace(
        "from typing import Any", "from datetime import date\nfrom typing import Any, Literal"
    )
    file.write_text(before.rstrip() + "\n" + FIELDS + name + after)
    edited = {"PYTHONPATH": str(code)}
    done = run("-m", "training", "--rows", ROWS, *QUICK, cwd=tmp_path, **edited)
    assert done.returncode == 0, done.stderr
    assert "registered models:/churn@champion" in done.stdout, done.stdout
    made = Registry(tmp_path, done.stdout)
    edited["MLFLOW_TRACKING_URI"] = made.uri
    done = run("-c", SCORE, cwd=tmp_path, **edited)
    assert done.returncode == 0, done.stderr
    names, expected = json.loads(done.stdout.splitlines()[-1])
    assert names[-2:] == ["contract", "joined"]
    with our_server(made) as server, ChurnClient(server.url) as client:
        customers = pd.read_csv(tmp_path / "customers.csv")
        scores = client.predict(customers, as_of="2026-01-31")
        assert scores["churn_probability"].tolist() == expected
        with pytest.raises(InvalidRecords, match="contract: must be one of 'monthly', 'yearly'"):
            client.predict(customers.assign(contract="weekly"))
    done = run(
        ROOT / "scripts" / "score_batch.py",
        *("--input", "customers.csv", "--output", "out", "--master", "local[2]"),
        *("--output-format", "parquet", "--as-of", "2026-01-31"),
        cwd=tmp_path,
        **edited,
    )
    assert done.returncode == 0, done.stderr
    found = pd.read_parquet(tmp_path / "out" / "scored")["churn_probability"]
    assert sorted(found) == sorted(expected)
