"""The real customer tables, end to end."""

from __future__ import annotations

import json
import shutil

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from batch.score import main as score
from churn_model.schema import CUSTOMER_SCHEMA
from tests.integration.conftest import (
    ROOT,
    SMALL_FIT,
    Registry,
    assert_one_line,
    call,
    database_uri,
    working_in,
)
from tests.integration.serving.conftest import our_server
from training.data.dataset import load_dataset
from training.data.table_reader import read_table
from training.train import main

DATASETS = ROOT / "training" / "datasets"


def train(folder, data, dataset, *more):
    return call(main, "--data", data, "--dataset", dataset, *more, cwd=folder)


@pytest.fixture(scope="module")
def trained(real_data, tmp_path_factory, empty_database):
    folder = tmp_path_factory.mktemp("telco")
    shutil.copy(empty_database, folder)
    data = real_data / "telco_customer_churn.csv"
    done = train(folder, data, DATASETS / "telco.toml", "--repeats", 1, "--bags", 2)
    assert done.returncode == 0, done.stderr
    client = MlflowClient(database_uri(folder))
    version = client.get_model_version_by_alias("churn", "champion")
    return folder, done.stdout, client.get_run(version.run_id)


def test_it_is_as_accurate_as_the_reference(trained):
    metrics = trained[2].data.metrics
    assert metrics["auc"] >= 0.821
    assert metrics["log_loss"] <= 0.440
    assert metrics["log_loss"] <= metrics["hist_gradient_boosting/log_loss"]


def test_the_120_negative_charges_are_reported_with_their_reasons(trained):
    folder, output, run = trained
    assert "7,043 rows, 6,923 used (26.6% churned), 120 rejected" in output
    assert run.data.params["rows_rejected"] == "120"
    (kept,) = (folder / "mlruns").rglob("rejected_rows.csv")
    rejected = pd.read_csv(kept)
    assert len(rejected) == 120
    assert set(rejected["column"]) == {"Monthly Charge"}
    assert set(rejected["rule"]) == {"greater_than_equal"}
    assert (rejected["cell"] < 0).all()


def test_the_auc_has_its_interval_and_the_groups_add_up_to_the_whole(trained):
    folder, _, run = trained
    metrics = run.data.metrics
    assert 0.80 < metrics["auc/low"] < metrics["auc"] < metrics["auc/high"] < 0.84
    assert metrics["alarms"] == 0
    (kept,) = (folder / "mlruns").rglob("slices.json")
    groups = pd.read_json(kept, orient="split")
    assert (groups.groupby("feature")["customers"].sum() == 6923).all()


def test_leaving_out_who_joined_raises_an_alarm_in_the_report(real_data, workplace):
    text = (DATASETS / "telco.toml").read_text()
    text = text.replace('["Stayed", "Joined"]', '["Stayed"]\nunlabelled = ["Joined"]')
    (workplace / "trap.toml").write_text(text)
    every_third = pd.read_csv(real_data / "telco_customer_churn.csv", dtype=str).iloc[::3]
    every_third.to_csv(workplace / "third.csv", index=False)
    done = train(workplace, "third.csv", "trap.toml", *SMALL_FIT)
    assert done.returncode == 0, done.stderr
    assert "ALARM: all " in done.stdout
    assert "with tenure 1" in done.stdout
    assert "It did not become champion: leakage alarms" in done.stdout
    (report,) = (workplace / "mlruns").rglob("report.html")
    page = report.read_text()
    assert "Not fit for production" in page
    assert "customers with tenure 1" in page
    assert "accept it: --accept-alarm tenure --because REASON" in done.stdout


def test_an_accepted_alarm_is_stored_and_shown_and_does_not_fail_the_gate(real_data, workplace):
    raw = pd.read_csv(real_data / "telco_customer_churn.csv", dtype=str).iloc[::3]
    told = (raw["Customer Status"] == "Churned") & (np.arange(len(raw)) % 10 > 0)
    raw.assign(Told=np.where(told, "yes", "no")).to_csv(workplace / "third.csv", index=False)
    flags = ["--id", "Customer ID", "--target", "Customer Status=Churned"]
    accept = ["--accept-alarm", "Told", "--because", "asked on the day of scoring"]
    accept += ["--accept-alarm", "whole-model", "--because", "Told is nearly certain"]
    done = call(main, "--data", "third.csv", *flags, *accept, *SMALL_FIT, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "accepted alarm: Told alone predicts churn" in done.stdout
    client = MlflowClient(database_uri(workplace))
    version = client.get_model_version_by_alias("churn", "champion")
    assert json.loads(version.tags["accepted_alarms"])["Told"] == "asked on the day of scoring"
    assert version.tags["alarms"] == "0"
    assert "Accepted because: asked on the day of scoring" in version.description
    (report,) = (workplace / "mlruns").rglob("report.html")
    assert "Accepted leakage alarm, Told" in report.read_text()


def test_the_re_exported_table_holds_the_same_customers(real_data):
    """The same table gives the same model, which ``test_training_command`` shows."""
    first, second = (
        read_table(
            real_data / f"{table}.csv",
            load_dataset(DATASETS / f"{descriptor}.toml", CUSTOMER_SCHEMA),
            CUSTOMER_SCHEMA,
            0.05,
        )
        for table, descriptor in (
            ("telco_customer_churn", "telco"),
            ("telco_renamed_columns", "telco_renamed"),
        )
    )
    pd.testing.assert_frame_equal(first.customers, second.customers)
    assert first.churned.tolist() == second.churned.tolist()


def test_a_table_damaged_by_a_spreadsheet_is_rejected_with_column_and_rows(real_data, workplace):
    (workplace / "wa.toml").write_text(
        'name = "wa"\n[csv]\nseparator = ";"\n[columns]\ncustomer_id = "customerID"\n'
        'age = "SeniorCitizen"\ntenure = "tenure"\nmonthly_charges = "MonthlyCharges"\n'
        'total_charges = "TotalCharges"\n'
        '[target]\ncolumn = "Churn"\nchurned = ["Yes"]\nkept = ["No"]\n'
    )
    done = train(workplace, real_data / "telco_wa_broken_totals.csv", workplace / "wa.toml")
    assert done.returncode == 1
    assert "total_charges (column 'TotalCharges') is not a number" in done.stderr
    assert "rows, e.g. 1, 2" in done.stderr
    assert_one_line(done.stderr)
    assert not (workplace / "mlruns").exists()


def test_a_descriptor_without_a_required_field_is_rejected(real_data, workplace):
    text = (DATASETS / "telco.toml").read_text().replace('age = "Age"\n', "")
    (workplace / "no_age.toml").write_text(text)
    done = train(workplace, real_data / "telco_customer_churn.csv", workplace / "no_age.toml")
    assert done.returncode == 1
    assert "required field 'age'" in done.stderr
    assert_one_line(done.stderr)


def test_the_registered_model_scores_the_table(trained, real_data):
    with working_in(trained[0]):
        model = mlflow.pyfunc.load_model("models:/churn@champion")
    raw = pd.read_csv(real_data / "telco_customer_churn.csv")
    customers = pd.DataFrame(
        {
            "customer_id": raw["Customer ID"],
            "age": raw["Age"],
            "tenure": raw["Tenure in Months"],
            "monthly_charges": raw["Monthly Charge"],
            "total_charges": raw["Total Charges"],
        }
    )
    scored = model.predict(customers, params={"on_invalid": "report"})
    assert scored["error"].notna().sum() == 120
    assert (scored["error"].notna() == (customers["monthly_charges"] < 0)).all()
    churned = raw.loc[scored["error"].isna(), "Customer Status"] == "Churned"
    probability = scored["churn_probability"].dropna().astype(float)
    assert probability[churned].mean() > probability[~churned].mean() + 0.2


@pytest.mark.parametrize("engine", ["local", "spark"])
def test_batch_scoring_accounts_for_every_row_of_the_real_table(
    trained, real_data, tmp_path, engine, request
):
    if engine == "spark":
        request.getfixturevalue("spark")
    done = call(
        score,
        *("--engine", engine, "--output-format", "parquet"),
        *("--input", real_data / "telco_customer_churn.csv"),
        *("--columns", DATASETS / "telco.toml", "--output", tmp_path / "out"),
        cwd=trained[0],
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["rows"], summary["scored"], summary["rejected"]) == (7043, 6923, 120)
    assert summary["reasons"] == {"monthly_charges:greater_than_equal": 120}


def test_all_thirty_columns_train_with_one_command_and_are_served_as_they_are(real_data, workplace):
    data = real_data / "telco_customer_churn.csv"
    columns = ["--id", "Customer ID", "--target", "Customer Status=Churned"]
    quick = ["--folds", 2, "--repeats", 1, "--interactions", 4, "--bags", 1]
    done = call(main, "--data", data, *columns, *quick, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "30 features:" in done.stdout
    assert "Monthly Charge: 120 values are below 0" in done.stdout
    for leak in ("Churn Category", "Churn Reason"):
        assert f"{leak!r} is likely a leak" in done.stdout
    assert "ALARM" not in done.stdout
    client = MlflowClient(database_uri(workplace))
    version = client.get_model_version_by_alias("churn", "champion")
    metrics = client.get_run(version.run_id).data.metrics
    assert metrics["auc"] >= 0.905
    assert metrics["log_loss"] <= 0.336
    assert metrics["log_loss"] <= metrics["hist_gradient_boosting/log_loss"]
    registered = Registry(workplace, done.stdout)
    with our_server(registered) as server:
        fields = server.get("/openapi.json").json()["components"]["schemas"]["Customer"]
        assert len(fields["properties"]) == 31
        assert "Two Year" in str(fields["properties"]["Contract"])
        single = server.get("/openapi.json").json()["paths"]["/predict/single"]["post"]
        assert "Month\\-to\\-Month\\, One Year\\, Two Year" in single["description"]
        example = single["requestBody"]["content"]["application/json"]["example"]
        scored = server.post("/predict/single", json=example)
        assert scored.status_code == 200, scored.text
        rare = server.post("/predict/single", json=example | {"Contract": "Weekly"})
        assert rare.status_code == 200
        assert rare.json()["churn_probability"] != scored.json()["churn_probability"]
        wrong = server.post("/predict/single", json=example | {"Contract": 2, "Age": 30.5})
        assert wrong.status_code == 400
        assert [error["loc"][-1] for error in wrong.json()["errors"]] == ["Age", "Contract"]
