"""``churn train`` as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient

from churn_model.errors import RegistryError, TrainingError
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.scoring.scorecard import Scorecard
from tests.integration.conftest import (
    ROOT,
    SMALL_FIT,
    assert_one_line,
    call,
    clean_environment,
    database_uri,
    working_in,
)
from training.data.simulator import simulate
from training.reporting.mlflow_run import training_run
from training.train import main

CAMPAIGN = ["--offer-cost", 20, "--offer-success", 0.3, "--horizon", 12, "--margin", 0.5]


def test_the_run_prints_what_it_read_and_what_it_registered(registry):
    assert "simulated customers: 3,000 rows, 3,000 used" in registry.output
    assert "registered models:/churn@champion as version 1" in registry.output
    assert "The scorecard's log loss" in registry.output
    rows = [line[:18].rstrip() for line in registry.output.splitlines()]
    assert rows[rows.index("scorecard") + 1] == "  95 % interval"  # below what it is about


def test_the_registered_version_tells_the_whole_story(registry):
    client = MlflowClient()
    version = client.get_model_version_by_alias("churn", "champion")
    run = client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["dataset_name"] == "simulated customers"
    assert run.data.params["rows_used"] == "3000"
    for metric in ("auc", "average_precision", "log_loss", "brier", "calibration_error", "lift_10"):
        for model in ("", "logistic_regression/", "hist_gradient_boosting/"):
            assert f"{model}{metric}" in run.data.metrics
    (dataset,) = run.inputs.dataset_inputs
    assert dataset.dataset.name == "simulated customers"
    assert dataset.dataset.digest
    figures = {Path(f.path).stem for f in client.list_artifacts(run.info.run_id, "figures")}
    assert figures == {"roc", "precision_recall", "calibration", "gains", "effects"}
    effects = {Path(f.path).stem for f in client.list_artifacts(run.info.run_id, "figures/effects")}
    assert effects == {column.name for column in CUSTOMER_SCHEMA.features}


def test_the_registered_model_carries_signature_schema_example_and_few_requirements(registry):
    info = mlflow.models.get_model_info("models:/churn@champion")
    inputs = [(c.name, c.type.name, c.required) for c in info.signature.inputs]
    assert inputs == [
        ("customer_id", "string", True),
        ("age", "long", True),
        ("tenure", "long", True),
        ("monthly_charges", "double", True),
        ("total_charges", "double", False),
    ]
    outputs = [(c.name, c.type.name) for c in info.signature.outputs]
    assert outputs == [
        ("customer_id", "string"),
        ("churn_prediction", "long"),
        ("churn_probability", "double"),
    ]
    params = [(p.name, p.dtype.name, p.default) for p in info.signature.params]
    assert params == [
        ("threshold", "double", None),
        ("explain", "boolean", False),
        ("on_invalid", "string", "raise"),
    ]
    folder = Path(mlflow.artifacts.download_artifacts("models:/churn@champion"))
    packages = [line.split("==")[0] for line in (folder / "requirements.txt").read_text().split()]
    assert packages == ["mlflow", "numpy", "pandas", "pydantic"]
    assert {path.name for path in (folder / "code").iterdir()} == {"churn_model", "pyfunc"}
    assert not list(folder.rglob("*.pkl"))
    schema = RecordSchema.from_json_schema(
        json.loads((folder / "artifacts/schema.json").read_text())
    )
    assert schema == CUSTOMER_SCHEMA
    assert RecordSchema.from_json_schema(info.metadata["record_schema"]) == CUSTOMER_SCHEMA
    assert (folder / "input_example.json").exists()


@pytest.fixture(scope="module")
def campaigns(tmp_path_factory):
    """A folder in which two processes ran the same command at once, before anything else."""
    folder = tmp_path_factory.mktemp("campaigns")
    flags = ["-m", "training", "--rows", 1000, *SMALL_FIT, *CAMPAIGN]
    processes = [
        subprocess.Popen(
            [sys.executable, *map(str, flags)],
            cwd=folder,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    printed = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], printed
    return folder, printed[0][0]


def scorecard_of(folder: Path, version: str) -> Scorecard:
    with working_in(folder):
        files = mlflow.artifacts.download_artifacts(f"models:/churn/{version}")
    return Scorecard.load(Path(files, "artifacts", "scorecard.json"))


def test_two_first_runs_at_once_in_one_folder_both_register(campaigns):
    folder, _ = campaigns
    assert registered_versions(folder) == 2


def test_the_same_command_registers_the_same_bytes_and_measures_the_same(campaigns):
    folder, _ = campaigns
    files = [file.read_bytes() for file in (folder / "mlruns").rglob("artifacts/scorecard.json")]
    assert len(files) == 2
    assert files[0] == files[1]
    client = MlflowClient(database_uri(folder))
    runs = [client.get_run(client.get_model_version("churn", v).run_id) for v in ("1", "2")]
    assert runs[0].data.metrics == runs[1].data.metrics
    assert len(runs[0].data.metrics) > 50


def test_a_campaign_sets_the_threshold_and_the_settings_are_child_runs(campaigns):
    folder, output = campaigns
    assert "where the campaign earns the most" in output
    threshold = scorecard_of(folder, "1").threshold
    client = MlflowClient(database_uri(folder))
    version = client.get_model_version("churn", "1")
    made = client.get_run(version.run_id)
    assert 0.05 < threshold < 0.4
    assert made.data.metrics["threshold"] == threshold
    assert made.data.metrics["campaign_profit"] > 0
    assert made.data.metrics["empc"] > 0
    children = client.search_runs(
        [made.info.experiment_id], f"tags.mlflow.parentRunId = '{made.info.run_id}'"
    )
    assert {child.info.run_name for child in children} == {"standard", "smooth"}
    assert all("log_loss" in child.data.metrics for child in children)
    assert version.description.startswith("# Churn model: simulated customers")
    assert len(version.description) <= 5000
    assert str(client.get_model_version_by_alias("churn", "challenger").version) in ("1", "2")


def registered_versions(folder: Path) -> int:
    client = MlflowClient(database_uri(folder))
    return len(client.search_model_versions("name = 'churn'"))


def write(folder: Path, frame: pd.DataFrame, **target: object) -> list[object]:
    """A table and its descriptor, as arguments of the command."""
    frame.to_csv(folder / "table.csv", index=False)
    columns = "".join(f'{c.name} = "{c.name}"\n' for c in CUSTOMER_SCHEMA)
    (folder / "dataset.toml").write_text(
        f'name = "mine"\n[columns]\n{columns}[target]\ncolumn = "churned"\n'
        "churned = [1]\nkept = [0]\n"
    )
    return ["--data", folder / "table.csv", "--dataset", folder / "dataset.toml"]


def labelled(rows: int) -> pd.DataFrame:
    simulation = simulate(rows, seed=9)
    return simulation.customers.assign(churned=simulation.churned)


def test_a_table_with_bad_rows_trains_without_them_and_keeps_their_reasons(workplace):
    table = labelled(400)
    table.loc[[3, 5], "age"] = 300
    done = call(main, *write(workplace, table), *SMALL_FIT, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "400 rows, 398 used" in done.stdout
    assert "rejected: age (column 'age') must be at most 120: 2 rows, e.g. 3, 5" in done.stdout
    (kept,) = (workplace / "mlruns").rglob("rejected_rows.csv")
    assert pd.read_csv(kept)[["row", "field", "rule", "cell"]].to_numpy().tolist() == [
        [3, "age", "less_than_equal", 300],
        [5, "age", "less_than_equal", 300],
    ]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda t: t.assign(churned=0), "0 customers churned and 200 stayed"),
        (lambda t: t.head(0), "a header and no rows"),
        (lambda t: t.assign(age=-1), "200 of 200 rows (100%) break the schema"),
        (lambda t: t.drop(columns="age"), "has no column 'age'"),
    ],
)
def test_a_table_that_cannot_be_trained_on_is_one_line_and_registers_nothing(
    workplace, change, complaint
):
    done = call(main, *write(workplace, change(labelled(200))), cwd=workplace)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert_one_line(done.stderr)
    assert not (workplace / "mlruns").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--data", "none.csv"], "--data needs --target"),
        (["--dataset", "x.toml"], "name the table with --data"),
        (["--data", "none.csv", "--dataset", "none.toml"], "none.toml: cannot be read"),
        (["--rows", "3"], "training needs at least 10 of each"),
        (["--offer-cost", "20"], "also needs --offer-success, --horizon, --margin"),
        (["--split-by", "Signed"], "--split-by describes a table"),
        (["--monotone", "tenure=down"], "monotone must be one of increasing, decreasing"),
        (["--monotone", "height=increasing"], "--monotone: 'height' is not a field"),
        (["--gates", "nowhere.toml"], "nowhere.toml: cannot be read"),
    ],
)
def test_invalid_options_are_one_line(workplace, arguments, complaint):
    done = call(main, *arguments, cwd=workplace)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert_one_line(done.stderr)


def test_an_unreachable_registry_is_reported_before_the_fit(workplace):
    begun = time.monotonic()
    done = call(main, cwd=workplace, tracking_uri="http://svc:s3cret@127.0.0.1:9")
    assert done.returncode == 1
    assert "s3cret" not in done.stderr
    assert "check MLFLOW_TRACKING_URI" in done.stderr
    assert_one_line(done.stderr)
    assert time.monotonic() - begun < 10


def test_a_registry_that_is_lost_during_a_run_is_one_error(workplace, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    def lose(*errors: Exception) -> None:
        mlflow.set_tracking_uri("http://svc:s3cret@127.0.0.1:9")
        for error in errors:
            raise error

    with working_in(workplace):
        with (
            pytest.raises(RegistryError, match=r"\*\*\*@127.0.0.1:9 cannot be used"),
            training_run("a"),
        ):
            lose()
        mlflow.set_tracking_uri(database_uri(workplace))
        with pytest.raises(TrainingError, match="why the run failed"), training_run("b"):
            lose(TrainingError("why the run failed"))


def test_a_name_that_cannot_be_registered_is_rejected_at_once(workplace):
    done = call(main, "--rows", 300, "--name", "a/b", cwd=workplace)
    assert done.returncode == 1
    assert "--name 'a/b'" in done.stderr
    assert_one_line(done.stderr)


def running_runs(folder: Path) -> int:
    with sqlite3.connect(folder / "mlflow.db") as database:
        (count,) = database.execute("SELECT count(*) FROM runs WHERE status = 'RUNNING'").fetchone()
    return int(count)


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in descendants(int(child)))]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_registers_nothing_and_leaves_nothing_behind(
    workplace, tmp_path_factory, number, code
):
    temporary = tmp_path_factory.mktemp("temporary")
    process = subprocess.Popen(
        [sys.executable, "-m", "training", "--rows", "20000", "--jobs", "2"],
        cwd=workplace,
        env=clean_environment() | {"TMPDIR": os.fspath(temporary)},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not running_runs(workplace) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert process.poll() is None
    started = descendants(process.pid)
    assert len(started) >= 4  # with the fork server and its workers
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == code
    assert stderr == "stopped; nothing was registered\n"
    assert registered_versions(workplace) == 0
    assert running_runs(workplace) == 0
    while any(map(is_running, started)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in started if is_running(pid)]
    left = [path.name for path in temporary.iterdir()]
    assert [name for name in left if not name.endswith(".lock")] == []  # the database's stays


def test_a_killed_worker_fails_the_run_with_one_line(workplace):
    process = subprocess.Popen(
        [sys.executable, "-m", "training", "--rows", "20000", "--jobs", "2"],
        cwd=workplace,
        env=clean_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not running_runs(workplace) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(descendants(process.pid)[-1], signal.SIGKILL)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "was killed" in stderr
    assert_one_line(stderr)
    assert running_runs(workplace) == 0


def test_mlproject_trains_with_the_same_command(workplace):
    small = ["-Pfolds=2", *(f"-P{name}=1" for name in ("repeats", "interactions", "bags"))]
    done = subprocess.run(
        ["mlflow", "run", ROOT, "-e", "train", "--env-manager", "local", "-P", "rows=500", *small],
        cwd=workplace,
        env=clean_environment()
        | {
            "MLFLOW_TRACKING_URI": database_uri(workplace),
            "_MLFLOW_SERVER_ARTIFACT_ROOT": os.fspath(workplace / "mlruns"),
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "registered models:/churn@champion as version 1" in done.stdout
    assert registered_versions(workplace) == 1
