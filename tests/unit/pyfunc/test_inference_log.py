"""The inference log of ``mlflow models serve`` and notebooks, from environment variables."""

import copy
import json
import signal
import subprocess
import sys
from types import SimpleNamespace

import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from churn_model.schema import CUSTOMER_SCHEMA
from pyfunc import inference_log
from pyfunc.inference_log import not_recorded
from pyfunc.model import SCHEMA, SCORECARD, ChurnPyfunc
from tests.customers import CUSTOMER
from tests.unit.churn_model.inference_log.reading import assert_adds_up, table

FRAME = pd.DataFrame([CUSTOMER] * 3)


@pytest.fixture
def artifacts(tmp_path, scorecard):
    """The files of a version that MLflow has downloaded."""
    folder = tmp_path / "model" / "artifacts"
    folder.mkdir(parents=True)
    scorecard.save(folder / "scorecard.json")
    (folder / "schema.json").write_text(json.dumps(CUSTOMER_SCHEMA.to_json_schema()))
    (folder.parent / "registered_model_meta").write_text("model_name: churn\nmodel_version: 12\n")
    return {name: str(folder / f"{name}.json") for name in (SCORECARD, SCHEMA)}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A log that the environment asks for, with plain identifiers."""
    monkeypatch.setattr(inference_log, "_logs", {})
    monkeypatch.setenv("CHURN_INFERENCE_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("CHURN_INFERENCE_LOG_IDENTIFIERS", "plain")
    yield tmp_path / "log"
    close_all()


def close_all():
    for log in inference_log._logs.values():
        log.close()


def loaded(artifacts) -> ChurnPyfunc:
    model = ChurnPyfunc()
    model.load_context(SimpleNamespace(artifacts=artifacts))
    return model


def test_scores_are_recorded_with_the_registered_name_and_version(artifacts, folder):
    model = loaded(artifacts)
    model.predict(None, FRAME, {"threshold": 0.3})
    close_all()
    assert assert_adds_up(folder) == {"scored": 3, "logged": 3}
    rows = table(folder)
    columns = ["model_name", "model_version", "source", "threshold"]
    assert set(rows[columns].itertuples(index=False, name=None)) == {("churn", "12", "mlflow", 0.3)}


def test_rejected_customers_are_counted(artifacts, folder):
    model = loaded(artifacts)
    bad = FRAME.assign(age=[30.5, 40.0, 50.0])
    with pytest.raises(MlflowException):
        model.predict(None, bad)
    model.predict(None, bad, {"on_invalid": "report"})
    close_all()
    assert assert_adds_up(folder) == {"scored": 2, "logged": 2, "rejected": 2}


def test_models_of_one_process_share_a_log(artifacts, folder):
    for _ in range(2):
        loaded(artifacts).predict(None, FRAME)
    assert len(inference_log._logs) == 1
    close_all()
    assert assert_adds_up(folder) == {"scored": 6, "logged": 6}


def test_a_copied_model_records_its_scores(artifacts, folder):
    model = loaded(artifacts)
    model.predict(None, FRAME)
    copy.deepcopy(model).predict(None, FRAME)
    close_all()
    assert assert_adds_up(folder) == {"scored": 6, "logged": 6}


def test_nothing_is_recorded_while_a_model_is_logged(artifacts, folder):
    with not_recorded():
        loaded(artifacts).predict(None, FRAME)
    assert inference_log._logs == {}
    assert not folder.exists()


def test_nothing_is_recorded_in_a_task_of_spark(artifacts, folder, monkeypatch):
    model = loaded(artifacts)
    context = SimpleNamespace(get=lambda: object())
    monkeypatch.setitem(sys.modules, "pyspark", SimpleNamespace(TaskContext=context))
    model.predict(None, FRAME)
    assert loaded(artifacts).log is None
    close_all()
    assert assert_adds_up(folder) == {}


def test_without_the_variable_there_is_no_log(artifacts, monkeypatch):
    monkeypatch.delenv("CHURN_INFERENCE_LOG", raising=False)
    assert loaded(artifacts).log is None


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("LEVEL", "all", "the level must be one of counts, scores, values, not 'all'"),
        ("IDENTIFIERS", "hash", "CHURN_INFERENCE_LOG_KEY=FILE"),
        ("IDENTIFIERS", "md5", "identifiers must be one of hash, plain"),
        ("SAMPLE", "2", "the sample must be a number above 0 and up to 1"),
        ("SAMPLE", "nan", "the sample must be a number above 0 and up to 1"),
        ("RETENTION", "1Y", "a number of days such as 400D"),
        ("KEY", "key", "plain identifiers need no key"),
    ],
)
def test_an_invalid_variable_fails_the_load_in_one_line(
    artifacts, folder, monkeypatch, variable, value, message
):
    monkeypatch.setenv(f"CHURN_INFERENCE_LOG_{variable}", value)
    with pytest.raises(MlflowException, match=message) as caught:
        loaded(artifacts)
    assert caught.value.message.startswith("CHURN_INFERENCE_LOG: ")
    assert "\n" not in caught.value.message


def test_a_folder_that_cannot_be_written_fails_the_load(artifacts, folder):
    folder.write_text("a file")
    with pytest.raises(MlflowException, match="the inference log cannot be written"):
        loaded(artifacts)


def test_a_process_that_ends_by_sigterm_writes_what_was_scored(artifacts, folder):
    lines = [
        "import json, os, signal, sys, pandas",
        "from types import SimpleNamespace",
        "from pyfunc.model import ChurnPyfunc",
        "model = ChurnPyfunc()",
        "model.load_context(SimpleNamespace(artifacts=json.loads(sys.argv[1])))",
        "model.predict(None, pandas.DataFrame(json.loads(sys.argv[2])))",
        "os.kill(os.getpid(), signal.SIGTERM)",
        "signal.pause()",
    ]
    arguments = [json.dumps(artifacts), json.dumps([CUSTOMER] * 3)]
    command = [sys.executable, "-c", "\n".join(lines), *arguments]
    assert subprocess.run(command, timeout=60).returncode == -signal.SIGTERM
    assert assert_adds_up(folder) == {"scored": 3, "logged": 3}


def test_sigterm_still_reaches_the_server_and_hurries_the_log(artifacts, folder, monkeypatch):
    received = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    try:
        model = loaded(artifacts)
        signal.raise_signal(signal.SIGTERM)
        model.predict(None, FRAME)
    finally:
        signal.signal(signal.SIGTERM, before)
    (log,) = inference_log._logs.values()
    assert received == [signal.SIGTERM]
    assert log._continuous.is_set()
