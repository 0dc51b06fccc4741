"""Tables with several rows per customer, observed on dates."""

from __future__ import annotations

import json

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from tests.integration.conftest import SMALL_FIT, call, working_in
from training.train import main as train

MONTHS = pd.date_range("2025-01-31", periods=10, freq="ME")


def noise_panel() -> pd.DataFrame:
    """400 customers in six months; nothing predicts who churns, and nothing changes."""
    rng = np.random.default_rng(0)
    customers = pd.DataFrame(rng.normal(size=(400, 3)), columns=["a", "b", "c"])
    customers.insert(0, "Id", [f"C{number}" for number in range(400)])
    customers["churn"] = np.where(rng.random(400) < 0.3, "yes", "no")
    return pd.concat([customers] * 6, ignore_index=True)


def monthly_panel(customers: int = 900) -> pd.DataFrame:
    """Customers until they cancel; the label covers 60 days, of which not all have passed."""
    rng = np.random.default_rng(1)
    signed = MONTHS[0] - pd.to_timedelta(rng.integers(30, 2000, customers), unit="D")
    charge = rng.gamma(4, 15, customers).round(2)
    cancelled = np.full(customers, np.datetime64("NaT", "D"))
    region = rng.choice(["north", "south"], customers)
    snapshots = []
    for month in MONTHS:
        present = np.flatnonzero(np.isnat(cancelled) | (cancelled > month.to_datetime64()))
        snapshot = pd.DataFrame({"Id": present, "seen": month, "signed": signed[present]})
        snapshots.append(snapshot.assign(charge=charge[present], region=region[present]))
        leaves = present[rng.random(len(present)) < 1 / (1 + np.exp(4 - charge[present] / 40))]
        days = rng.integers(1, 29, len(leaves)).astype("timedelta64[D]")
        cancelled[leaves] = month.to_datetime64().astype("datetime64[D]") + days
    table = pd.concat(snapshots, ignore_index=True)
    day = pd.Series(cancelled).reindex(table["Id"]).reset_index(drop=True)
    within = (day > table["seen"]) & (day <= table["seen"] + pd.Timedelta("60D"))
    table["cancelled_on"] = day.where(day <= MONTHS[-1])
    table["churn"] = np.where(within & table["cancelled_on"].notna(), "yes", "no")
    for name in ("seen", "signed", "cancelled_on"):
        table[name] = table[name].dt.strftime("%Y-%m-%d")
    return table.assign(Id="C" + table["Id"].astype(str))


@pytest.fixture(scope="module")
def panel_run(tmp_path_factory, empty_database):
    """The run and the printed lines of a model that was trained on monthly snapshots."""
    folder = tmp_path_factory.mktemp("panel")
    (folder / "mlflow.db").write_bytes(empty_database.read_bytes())
    monthly_panel().to_csv(folder / "panel.csv", index=False)
    done = call(
        train,
        *("--data", "panel.csv", "--id", "Id", "--target", "churn=yes"),
        *("--as-of", "seen", "--window", "60D", "--audit", "region", *SMALL_FIT),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    with working_in(folder):
        version = MlflowClient().search_model_versions("name='churn'")[0]
        yield mlflow.get_run(version.run_id), done.stdout, folder


def artifact(run, folder, name: str) -> str:
    with working_in(folder):
        return mlflow.artifacts.load_text(f"{run.info.artifact_uri}/{name}")


def test_copies_of_customers_do_not_make_noise_predictive(workplace):
    noise_panel().to_csv(workplace / "noise.csv", index=False)
    flags = ("--data", "noise.csv", "--id", "Id", "--target", "churn=yes", *SMALL_FIT)
    done = call(train, *flags, cwd=workplace)
    assert done.returncode == 0, done.stderr
    with working_in(workplace):
        metrics = next(
            run.data.metrics
            for run in mlflow.search_runs(search_all_experiments=True, output_format="list")
            if "auc/low" in run.data.metrics
        )
    assert metrics["auc/low"] < 0.5 < metrics["auc/high"]
    assert "400 customers" in done.stdout
    assert "did not become champion" in done.stdout


def test_immature_rows_are_counted_and_left_out(panel_run):
    run, printed, _ = panel_run
    seen = pd.to_datetime(monthly_panel()["seen"])
    immature = int((seen + pd.Timedelta("60D") > MONTHS[-1]).sum())
    assert immature
    assert f"{immature:,} whose window has not ended" in printed
    assert run.data.params["rows_immature"] == str(immature)
    assert run.data.params["window_days"] == "60"


def test_a_date_that_reveals_the_future_is_left_out(panel_run):
    run, printed, folder = panel_run
    assert "'cancelled_on' has dates after the observation date" in printed
    assert "'seen' is --as-of" in printed
    schema = artifact(run, folder, "data/schema.json")
    assert '"signed"' in schema
    assert '"cancelled_on"' not in schema


def test_the_report_shows_each_held_out_period(panel_run):
    run, _, folder = panel_run
    report = artifact(run, folder, "report.html")
    assert "Each held-out period" in report
    assert report.count("trained up to") == 1
    assert "with a gap of 60 days, grouped by customer" in run.data.params["splits"]


def test_an_audited_column_is_evaluated_by_group_and_is_no_feature(panel_run):
    run, printed, folder = panel_run
    assert "'region' is --audit" in printed
    assert '"region"' not in artifact(run, folder, "data/schema.json")
    assert "audited; not a feature" in artifact(run, folder, "report.html")
    slices = json.loads(artifact(run, folder, "slices.json"))
    labels = [row[1] for row in slices["data"] if row[0] == "region"]
    assert sorted(labels) == ["north", "south"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--window", "60D"), "--window counts from the day on which a row was observed"),
        (("--known-until", "2026-01-01"), "name the days that a label covers"),
        (("--as-of", "2026-01-01", "--window", "60D"), "--known-until DAY"),
        (("--as-of", "sean"), "Did you mean 'seen'?"),
        (("--as-of", "2026-02-30"), ""),
        (("--as-of", "seen", "--window", "sixty"), ""),
    ],
)
def test_wrong_flags_are_one_line(workplace, capsys, flags, message):
    monthly_panel(60).to_csv(workplace / "panel.csv", index=False)
    known = ("--data", "panel.csv", "--id", "Id", "--target", "churn=yes")
    done = call(train, *known, *flags, cwd=workplace)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
