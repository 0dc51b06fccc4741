"""``churn monitor`` on a real registry and real logs."""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timedelta, timezone

import mlflow
import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

from churn_cli.main import main
from pyfunc.loaded_version import read_version
from pyfunc.logging import log_model
from pyfunc.registry import register
from tests.integration.conftest import Registry, assert_one_line, call, working_in
from tests.unit.monitoring.logs import write_log
from training.data.simulator import simulate

DAYS = 20
CUSTOMERS = 400
LAST = datetime.now(timezone.utc).replace(hour=9, minute=0, second=0, microsecond=0)
FIRST = LAST - timedelta(days=DAYS)


def log_days(folder, registry, *, key=None, level="scores", dearer_from=DAYS):
    """Log the same number of customers each day; returns them, with the days and who churned."""
    with working_in(registry.folder):
        scorer = read_version("models:/churn@champion").scorer
    observed = []
    for i in range(DAYS):
        drawn = simulate(CUSTOMERS, seed=1000 + i)
        customers = drawn.customers
        if i >= dearer_from:
            customers["monthly_charges"] = customers["monthly_charges"] * 1.6
        day = FIRST + timedelta(days=i)
        write_log(folder, scorer, customers, day, key=key, level=level)
        observed.append(customers.assign(seen=day.date(), left=drawn.churned))
    return pd.concat(observed, ignore_index=True)


@pytest.fixture(scope="module")
def key_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("key") / "log.key"
    file.write_text(secrets.token_hex(32) + "\n")
    return file


@pytest.fixture(scope="module")
def calm(registry, tmp_path_factory, key_file):
    """A log without drift, of level values and with hashed identifiers, and labels for it."""
    folder = tmp_path_factory.mktemp("calm")
    key = bytes.fromhex(key_file.read_text())
    observed = log_days(folder / "log", registry, key=key, level="values")
    labels = observed[["customer_id", "seen", "left"]]
    labels.to_csv(folder / "labels.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def dearer(registry, tmp_path_factory):
    """A log in which prices rise in the second half; identifiers are plain."""
    folder = tmp_path_factory.mktemp("dearer")
    log_days(folder / "log", registry, dearer_from=DAYS // 2)
    return folder


def monitor(registry: Registry, *arguments: object):
    return call(main, "monitor", *arguments, cwd=registry.folder)


def test_without_drift_the_command_ends_with_0_and_writes_page_tables_and_run(
    registry, calm, tmp_path
):
    done = monitor(registry, "--log", calm / "log", "--output", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert "churn, version 1: fine" in done.stdout
    assert "ALARM" not in done.stdout
    written = {path.name for path in (tmp_path / "out").iterdir() if path.name[0] != "."}
    tables = {"profile_metrics.parquet", "drift_metrics.parquet"}
    assert written == {"monitoring.html", "summary.json", *tables}
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["verdict"] == "fine"
    profile = pq.read_table(tmp_path / "out" / "profile_metrics.parquet").to_pandas()
    whole = profile[profile["column_name"] == ":table"]
    assert whole["count"].tolist() == [CUSTOMERS] * DAYS
    assert whole["window_start"].dt.date.tolist() == [
        FIRST.date() + timedelta(days=i) for i in range(DAYS)
    ]
    assert whole["estimated_auc"].between(0.6, 0.95).all()
    with working_in(registry.folder):
        client = MlflowClient()
        experiment = client.get_experiment_by_name("churn-monitoring")
        run = client.search_runs([experiment.experiment_id])[0]
        history = client.get_metric_history(run.info.run_id, "serve/version 1/customers")
        files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert run.data.tags["verdict"] == "fine"
    assert run.data.tags["model_version"] == "1"
    assert [metric.value for metric in history] == [CUSTOMERS] * DAYS
    assert files == written


def test_the_shifts_of_the_terms_add_up_to_that_of_the_whole(registry, dearer, tmp_path):
    monitor(registry, "--log", dearer / "log", "--output", tmp_path)
    drift = pq.read_table(tmp_path / "drift_metrics.parquet").to_pandas()
    whole = drift[drift["column_name"] == ":table"].set_index("window_start")["shift"]
    terms = drift[drift["column_name"] != ":table"].groupby("window_start")["shift"].sum()
    assert np.abs(terms - whole).max() < 1e-12


def test_dearer_customers_set_off_an_alarm_that_names_feature_and_day(registry, dearer, tmp_path):
    done = monitor(registry, "--log", dearer / "log", "--output", tmp_path)
    assert done.returncode == 2
    since = FIRST.date() + timedelta(days=DAYS // 2)
    alarm = next(line for line in done.stdout.splitlines() if "drift monthly_charges" in line)
    assert alarm.startswith("ALARM (serve): ")
    assert alarm.endswith(f"since {since}")
    assert "drift alone is no reason to retrain" in done.stdout
    page = (tmp_path / "monitoring.html").read_text()
    assert "monthly_charges" in page
    drift = pq.read_table(tmp_path / "drift_metrics.parquet").to_pandas()
    alarmed = drift[drift["is_alarm"] & (drift["column_name"] == "monthly_charges")]
    assert alarmed["window_start"].dt.date.min() == since


def test_labels_give_realised_metrics_and_a_table_that_training_accepts(
    registry, calm, key_file, tmp_path
):
    done = monitor(
        registry,
        *("--log", calm / "log", "--log-key", key_file, "--output", tmp_path / "out"),
        *("--labels", calm / "labels.csv", "--id", "customer_id", "--target", "left=1"),
        *("--as-of", "seen", "--window", "5D", "--known-until", LAST.date()),
        *("--labelled", tmp_path / "new.csv", "--every", "7D"),
    )
    assert done.returncode == 0, done.stderr
    assert "last cohort with labels" in done.stdout
    profile = pq.read_table(tmp_path / "out" / "profile_metrics.parquet").to_pandas()
    realised = profile[profile["labelled"].notna()]
    assert realised["realised_auc"].between(0.6, 0.95).all()
    assert (realised["realised_log_loss_low"] < realised["expected_log_loss_high"]).all()
    table = pd.read_csv(tmp_path / "new.csv")
    assert set(table.columns) >= {"customer_id", "seen", "left", "age", "tenure"}
    assert table["seen"].max() <= str(LAST.date() - timedelta(days=5))
    infer = ("infer-schema", tmp_path / "new.csv", "--id", "customer_id", "--target", "left=1")
    assert call(main, *infer, "--as-of", "seen", cwd=registry.folder).returncode == 0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--log", "nowhere"), "nowhere"),
        (("-m", "models:/other@champion", "--log", "{log}"), "models:/other@champion"),
        (("--log", "{log}", "--limits", "no.toml"), "no.toml: cannot be read"),
        (("--log", "{log}", "--reference", "365D"), "no window can be compared with one 365 days"),
    ],
)
def test_bad_input_is_one_line_and_leaves_earlier_results_alone(
    registry, dearer, tmp_path, flags, message
):
    (tmp_path / "monitoring.html").write_text("earlier")
    flags = [flag.replace("{log}", str(dearer / "log")) for flag in flags]
    done = monitor(registry, *flags, "--output", tmp_path)
    assert done.returncode == 1
    assert_one_line(done.stderr)
    assert message in done.stderr
    assert (tmp_path / "monitoring.html").read_text() == "earlier"
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_version_without_a_profile_is_reported(registry, dearer, workplace):
    with working_in(registry.folder):
        scorer = read_version("models:/churn@champion").scorer
    with working_in(workplace):
        mlflow.set_experiment("from before profiles")
        with mlflow.start_run():
            register(log_model(scorer.scorecard, scorer.schema, simulate(3).customers))
    done = call(main, "monitor", "--log", dearer / "log", "--output", "out", cwd=workplace)
    assert done.returncode == 1
    assert_one_line(done.stderr)
    assert "version 1 of churn" in done.stderr
    assert "without a monitoring profile" in done.stderr
    assert not (workplace / "out" / "monitoring.html").exists()


def test_counts_that_do_not_fit_the_version_are_an_error(registry, tmp_path):
    with working_in(registry.folder):
        scorer = read_version("models:/churn@champion").scorer
    log = tmp_path / "log"
    write_log(log, scorer, simulate(50, seed=3).customers, FIRST, level="counts")
    (file,) = log.rglob("*.parquet")
    table = pq.read_table(file)
    i = table.schema.get_field_index("cell")
    is_term = pc.equal(table["kind"], "term")
    far = pc.if_else(is_term, pc.add(table["cell"], 10_000), table["cell"])
    pq.write_table(table.set_column(i, table.schema.field(i), far.cast("int32")), file)
    done = monitor(registry, "--log", log, "--output", tmp_path / "out")
    assert done.returncode == 1
    assert_one_line(done.stderr)
    assert "version 1: its counts have a cell" in done.stderr


def test_labels_of_treated_customers_only_are_reported(registry, calm, key_file, tmp_path):
    labels = tmp_path / "labels.csv"
    pd.read_csv(calm / "labels.csv").assign(contacted=1).to_csv(labels, index=False)
    flags = ("--labels", labels, "--id", "customer_id", "--target", "left=1", "--as-of", "seen")
    flags += ("--log-key", key_file, "--treatment", "contacted=1", "--output", tmp_path / "out")
    done = monitor(registry, "--log", calm / "log", *flags)
    assert done.returncode == 0
    assert "note: labels: all customers with a prediction were treated" in done.stdout


def test_the_log_of_another_model_is_one_line(registry, dearer, tmp_path):
    with working_in(registry.folder):
        scorer = read_version("models:/churn@champion").scorer
    write_log(tmp_path / "log", scorer, simulate(50, seed=3).customers, FIRST, name="other")
    done = monitor(registry, "--log", tmp_path / "log", "--output", tmp_path / "out")
    assert done.returncode == 1
    assert_one_line(done.stderr)
    assert "other" in done.stderr


@pytest.fixture(scope="module")
def batch(registry, tmp_path_factory):
    """The output of ``churn score``, and the customers with labels of the same day."""
    folder = tmp_path_factory.mktemp("batch")
    drawn = simulate(1500, seed=77)
    drawn.customers.to_csv(folder / "customers.csv", index=False)
    flags = ("--engine", "local", "--input", folder / "customers.csv", "--output", folder / "out")
    assert call(main, "score", *flags, cwd=registry.folder).returncode == 0
    today = datetime.now(timezone.utc).date()
    labels = drawn.customers[["customer_id"]].assign(seen=today, left=drawn.churned)
    labels.to_csv(folder / "labels.csv", index=False)
    return folder


def test_batch_results_are_monitored_by_their_scores_and_joined_with_labels(
    registry, batch, tmp_path
):
    done = monitor(
        registry,
        *("--batch", batch / "out", "--output", tmp_path / "out"),
        *("--labels", batch / "labels.csv", "--id", "customer_id", "--target", "left=1"),
        *("--as-of", "seen"),
    )
    assert done.returncode == 0, done.stderr
    assert "version 1, batch" in done.stdout
    profile = pq.read_table(tmp_path / "out" / "profile_metrics.parquet").to_pandas()
    whole = profile[profile["column_name"] == ":table"]
    assert whole["count"].tolist() == [1500]
    assert whole["labelled"].tolist() == [1500]
    assert whole["realised_auc"].between(0.6, 0.95).all()
    drift = pq.read_table(tmp_path / "out" / "drift_metrics.parquet").to_pandas()
    assert drift["column_name"].tolist() == [":table"]
    assert "Only the scores" in (tmp_path / "out" / "monitoring.html").read_text()


def test_log_batch_and_table_are_populations_of_their_own(registry, batch, dearer, tmp_path):
    done = monitor(
        registry,
        *("--log", dearer / "log", "--batch", batch / "out", "--data", batch / "customers.csv"),
        *("--output", tmp_path),
    )
    assert done.returncode == 2, done.stderr
    for source in ("serve", "batch", "table"):
        assert f"version 1, {source}, compared with the training rows" in done.stdout
    assert "ALARM (serve)" in done.stdout
    assert "ALARM (batch)" not in done.stdout
    profile = pq.read_table(tmp_path / "profile_metrics.parquet").to_pandas()
    assert set(profile["source"]) == {"serve", "batch", "table"}


def test_a_log_that_two_models_share_gives_each_its_own_rows(registry, tmp_path):
    with working_in(registry.folder):
        scorer = read_version("models:/churn@champion").scorer
    for name, rows in (("churn", 300), ("other", 200)):
        write_log(tmp_path / "log", scorer, simulate(rows, seed=5).customers, FIRST, name=name)
    done = monitor(registry, "--log", tmp_path / "log", "--output", tmp_path / "out")
    assert done.returncode in (0, 2), done.stderr
    profile = pq.read_table(tmp_path / "out" / "profile_metrics.parquet").to_pandas()
    assert profile.loc[profile["column_name"] == ":table", "count"].max() == 300
    assert set(profile["model_name"]) == {"churn"}
