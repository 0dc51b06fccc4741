"""A model's data files are downloaded from a real HTTP artifact store, and nothing is shown."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from mlflow.models import Model

from churn_model.errors import ProfileError, RegistryError, SchemaError, ScorecardError
from churn_model.schema import CUSTOMER_SCHEMA
from pyfunc import DATA_TAG, SIMULATED
from pyfunc.loaded_version import read_version, resolve
from tests.unit.churn_model.profile.profiles import uniform_profile

PREFIX = "/api/2.0/mlflow-artifacts/artifacts"
PROGRESS_BAR = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"


@pytest.fixture
def model(scorecard, tmp_path) -> Path:
    """The folder of a logged model, without its code."""
    folder = tmp_path / "store" / "model"
    (folder / "artifacts").mkdir(parents=True)
    Model(metadata={DATA_TAG: SIMULATED}).save(str(folder / "MLmodel"))
    scorecard.save(folder / "artifacts" / "scorecard.json")
    document = json.dumps(CUSTOMER_SCHEMA.to_json_schema())
    (folder / "artifacts" / "schema.json").write_text(document)
    return folder


class Handler(BaseHTTPRequestHandler):
    """Lists and sends the files of a folder as MLflow's artifact proxy does."""

    root: Path

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = self.root / url.path.removeprefix(PREFIX).strip("/")
        folder = self.root / parse_qs(url.query).get("path", [""])[0]
        if path.is_file():
            self._send(path.read_bytes())
        elif folder.is_dir():
            files = [{"path": f.name, "is_dir": f.is_dir()} for f in folder.iterdir()]
            self._send(json.dumps({"files": files}).encode())
        else:
            self._send(b'{"files": []}')

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def uri(model) -> Iterator[str]:
    handler = type("StoreHandler", (Handler,), {"root": model.parent})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}{PREFIX}/model"
        server.shutdown()
        thread.join()


def test_a_version_is_read_from_its_files(uri, scorecard):
    version = read_version(uri)
    assert (version.name, version.number, version.alias) == (None, None, None)
    assert version.is_simulated
    assert version.scorer.scorecard == scorecard
    assert version.scorer.schema == CUSTOMER_SCHEMA


def test_the_download_shows_no_progress_bar(uri, monkeypatch, capfd):
    monkeypatch.delenv(PROGRESS_BAR, raising=False)
    read_version(uri)
    assert "Downloading artifacts" not in capfd.readouterr().err
    assert PROGRESS_BAR not in os.environ


def test_a_user_can_ask_for_the_progress_bar(uri, monkeypatch, capfd):
    monkeypatch.setenv(PROGRESS_BAR, "true")
    read_version(uri)
    assert "Downloading artifacts" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("file", "error"),
    [
        ("MLmodel", RegistryError),
        ("artifacts/scorecard.json", ScorecardError),
        ("artifacts/schema.json", SchemaError),
    ],
)
def test_a_damaged_file_is_reported_in_one_line(model, uri, file, error):
    (model / file).write_text("{")
    with pytest.raises(error) as caught:
        read_version(uri)
    assert "\n" not in str(caught.value)


def test_a_version_from_before_profiles_has_none(uri):
    assert read_version(uri).profile() is None


def test_the_profile_is_read_when_it_is_asked_for(model, uri, scorecard):
    profile = uniform_profile(scorecard)
    profile.save(model / "artifacts" / "monitoring_profile.json")
    assert read_version(uri).profile() == profile


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00\xff", '{"format": "churn-scorecard"}'])
def test_a_damaged_profile_does_not_affect_scoring(model, uri, text, customer):
    (model / "artifacts" / "monitoring_profile.json").write_bytes(text.encode("latin-1"))
    version = read_version(uri)
    assert 0 < version.scorer.score_one(customer).probability < 1
    with pytest.raises(ProfileError, match=r"monitoring_profile\.json: ") as caught:
        version.profile()
    assert "\n" not in str(caught.value)


def test_the_profile_of_another_scorecard_is_reported(model, uri, scorecard):
    other = scorecard.model_copy(update={"terms": scorecard.terms[:2]})
    uniform_profile(other).save(model / "artifacts" / "monitoring_profile.json")
    with pytest.raises(ProfileError, match="does not belong to the scorecard"):
        read_version(uri).profile()


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("models:/churn/3", ("churn", "3", None)),
        ("models:/churn", ("churn", None, None)),
        ("runs:/abc/model", (None, None, None)),
        ("some/folder", (None, None, None)),
    ],
)
def test_a_uri_without_alias_is_resolved_without_a_request(uri, expected):
    assert resolve(uri) == expected
