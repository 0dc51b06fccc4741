"""The notebooks run top to bottom on a registry that has one version."""

from __future__ import annotations

import base64
import os
import shutil

import nbformat
import pytest
from nbclient import NotebookClient

from tests.integration.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture
def own_registry(registry, tmp_path, monkeypatch):
    """The registry in use has versions enough; this one a notebook may add to."""
    copy = tmp_path / "registry"
    shutil.copytree(registry.folder, copy)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{copy / 'mlflow.db'}")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_top_to_bottom_and_draws_what_is_committed(path, own_registry, tmp_path):
    notebook = nbformat.read(path, 4)
    committed = [len(_figures(cell)) for cell in notebook.cells]
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    assert [len(_figures(cell)) for cell in notebook.cells] == committed
    assert sum(committed) >= 3
    for cell in notebook.cells:
        for figure in _figures(cell):
            assert len(base64.b64decode(figure)) > 5000, "a figure is empty"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_committed_is_small_and_says_nothing_of_a_machine(path):
    text = path.read_text()
    assert os.path.getsize(path) < 400_000
    assert "/home/" not in text
    assert "/tmp/" not in text
    assert "site-packages" not in text
    assert "Traceback" not in text


def _figures(cell) -> list[str]:
    outputs = cell.get("outputs", [])
    return [o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {})]
