import sqlite3
from contextlib import closing

import mlflow
import pytest

from churn_model.errors import RegistryError
from pyfunc.registry_check import check_location


@pytest.fixture
def database(tmp_path, monkeypatch):
    """Where MLflow's database is or would be."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    previous = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    yield tmp_path / "mlflow.db"
    mlflow.set_tracking_uri(previous)


def test_a_new_database_is_checked_without_creating_it(database):
    check_location()
    assert not list(database.parent.iterdir())


def test_a_database_that_another_process_is_writing_is_accepted(database):
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        check_location()


def test_a_folder_that_cannot_be_written_is_an_error(database):
    database.parent.joinpath("file").touch()
    mlflow.set_tracking_uri(f"sqlite:///{database.parent / 'file' / 'mlflow.db'}")
    with pytest.raises(RegistryError, match=r"mlflow.db cannot be written .*MLFLOW_TRACKING_URI"):
        check_location()


def test_a_file_that_is_not_a_database_is_an_error(database):
    database.write_text("not a database, and long enough to have a header" * 20)
    with pytest.raises(RegistryError, match="file is not a database"):
        check_location()


def test_a_server_that_does_not_answer_is_an_error(database):
    mlflow.set_tracking_uri("http://127.0.0.1:9")
    with pytest.raises(RegistryError, match="check MLFLOW_TRACKING_URI"):
        check_location()
