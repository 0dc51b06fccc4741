"""The notebooks run from top to bottom, after the quickstart and after training on another table."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import mlflow
import nbformat
import numpy as np
import pandas as pd
import pytest
from jupyter_client import KernelManager
from mlflow import MlflowClient
from nbclient import NotebookClient

from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.scoring.scorecard import Scorecard
from pyfunc import CHALLENGER, CHAMPION, MODEL_NAME
from pyfunc import registry as models
from pyfunc.logging import log_model
from tests.integration.conftest import ROOT, SMALL_FIT, call, working_in
from training.data.simulator import simulate
from training.fitting.fit import FitSettings
from training.train import main as train

SCORE = ROOT / "notebooks" / "score_customers.ipynb"
EXPLORE = ROOT / "notebooks" / "explore_scorecard.ipynb"
NOTEBOOKS = [SCORE, EXPLORE]

SET_UP = """
%reset -f
import os
import mlflow
os.chdir({folder!r})
mlflow.set_tracking_uri(None)
os.environ.pop("MLFLOW_TRACKING_URI", None)
"""
"""Takes a kernel to a folder as a new one would be there; MLflow keeps its registry otherwise."""


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelManager]:
    """One Jupyter kernel for all runs: importing MLflow takes longer than running a notebook."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    yield manager
    manager.shutdown_kernel(now=True)


@pytest.fixture
def run_notebook(kernel):
    """Runs a notebook in a folder, without MLFLOW_TRACKING_URI."""

    def run_notebook(path: Path, folder: Path):
        notebook = nbformat.read(path, 4)
        notebook.cells.insert(0, nbformat.v4.new_code_cell(SET_UP.format(folder=str(folder))))
        client = NotebookClient(notebook, km=kernel, timeout=300)
        try:
            client.execute()
        finally:
            client.kc.stop_channels()
        del notebook.cells[0]
        return notebook

    return run_notebook


@pytest.fixture
def project(registry, tmp_path) -> Iterator[Path]:
    """A folder as the quickstart leaves the project's, with its own copy of the registry."""
    shutil.copytree(registry.folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "notebooks").mkdir()
    with working_in(tmp_path):
        yield tmp_path


def figures(cell) -> list[str]:
    outputs = cell.get("outputs", [])
    return [o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {})]


def printed(notebook) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def register_challenger(folder: Path, scorecard: Scorecard, schema: RecordSchema) -> None:
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("new", str(folder / "runs")))
    with mlflow.start_run():
        info = log_model(scorecard, schema, simulate(3, seed=0).customers)
        models.register(info, alias=CHALLENGER)


def test_with_a_challenger_both_versions_are_compared_and_drawn(project, run_notebook, scorecard):
    register_challenger(project, scorecard, CUSTOMER_SCHEMA)
    stored = [len(figures(cell)) for cell in nbformat.read(SCORE, 4).cells]
    notebook = run_notebook(SCORE, project)
    drawn = [figures(cell) for cell in notebook.cells]
    assert [len(each) for each in drawn] == stored
    assert sum(stored) >= 3
    assert all(len(base64.b64decode(figure)) > 5000 for each in drawn for figure in each)
    assert "The prediction changes for" in printed(notebook)


def test_without_a_challenger_it_says_so_and_trains_none(project, run_notebook):
    runs = len(mlflow.search_runs(search_all_experiments=True))
    notebook = run_notebook(SCORE, project / "notebooks")
    assert "There is no challenger" in printed(notebook)
    assert sum(len(figures(cell)) for cell in notebook.cells) == 2
    assert len(MlflowClient().search_model_versions(f"name = '{MODEL_NAME}'")) == 1
    assert len(mlflow.search_runs(search_all_experiments=True)) == runs


def test_a_challenger_that_rejects_the_champions_inputs_is_not_compared(
    project, run_notebook, scorecard
):
    document = CUSTOMER_SCHEMA.to_json_schema()
    document["properties"]["age"]["maximum"] = 40
    register_challenger(project, scorecard, RecordSchema.from_json_schema(document))
    notebook = run_notebook(SCORE, project)
    assert "rejects" in printed(notebook)
    assert "age: must be at most 40" in printed(notebook)
    assert sum(len(figures(cell)) for cell in notebook.cells) == 2


def test_the_scorecard_is_drawn(project, run_notebook):
    stored = [len(figures(cell)) for cell in nbformat.read(EXPLORE, 4).cells]
    drawn = [figures(cell) for cell in run_notebook(EXPLORE, project / "notebooks").cells]
    assert [len(each) for each in drawn] == stored
    assert sum(stored) >= 3
    assert all(len(base64.b64decode(figure)) > 5000 for each in drawn for figure in each)


def test_both_run_after_training_on_another_table(workplace, run_notebook, monkeypatch):
    monkeypatch.setattr(FitSettings, "bags", lambda self, rows: 2)  # accuracy is not the point
    rng = np.random.default_rng(5)
    months, plan = rng.integers(0, 72, 400), rng.choice(["basic", "plus", "pro"], 400)
    signed = np.datetime64("2026-01-31") - rng.integers(0, 900, 400)
    table = pd.DataFrame(
        {
            "Id": [f"K{i}" for i in range(400)],
            'Months "active" ($)': months,
            "Plan": plan,
            "Signed": np.datetime_as_string(signed),
            "Exited": np.where(rng.random(400) < 1 / (1 + np.exp(months / 12 - 2)), "yes", "no"),
        }
    )
    table.to_csv(workplace / "own.csv", index=False)
    (workplace / "notebooks").mkdir()
    columns = ["--id", "Id", "--target", "Exited=yes", "--as-of", "2026-01-31"]
    done = call(train, "--data", "own.csv", *columns, *SMALL_FIT, cwd=workplace)
    assert done.returncode == 0, done.stderr
    with working_in(workplace):  # whatever the gates say of so few customers
        MlflowClient().set_registered_model_alias(MODEL_NAME, CHAMPION, "1")
    for path, folder in ((SCORE, workplace), (EXPLORE, workplace / "notebooks")):
        assert sum(len(figures(cell)) for cell in run_notebook(path, folder).cells) >= 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_stored_notebook_is_small_and_reveals_nothing_of_a_machine(path):
    text = path.read_text()
    assert os.path.getsize(path) < 400_000
    for word in ("/home/", "/tmp/", "site-packages", "Traceback"):
        assert word not in text
