"""The versions that scored are loaded from a real registry; those that cannot be are reported."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.models import Model

from churn_model.errors import RegistryError
from churn_model.schema import CUSTOMER_SCHEMA
from monitoring.versions import load_versions
from tests.integration.conftest import working_in
from tests.unit.churn_model.profile.profiles import uniform_profile


def register(folder: Path, scorecard, profile: str | None) -> str:
    """Register a version with these files, as a training run logs them."""
    artifacts = folder / "artifacts"
    artifacts.mkdir(parents=True)
    Model().save(str(folder / "MLmodel"))
    scorecard.save(artifacts / "scorecard.json")
    (artifacts / "schema.json").write_text(json.dumps(CUSTOMER_SCHEMA.to_json_schema()))
    if profile is not None:
        (artifacts / "monitoring_profile.json").write_text(profile)
    return MlflowClient().create_model_version("churn", source=str(folder)).version


@pytest.fixture
def registered(workplace, scorecard):
    """Versions 1: with a profile, 2: without one, 3: with a damaged one, 4: deleted."""
    with working_in(workplace):
        MlflowClient().create_registered_model("churn")
        good = uniform_profile(scorecard).dumps()
        for number, profile in (("1", good), ("2", None), ("3", good[:100]), ("4", good)):
            assert int(register(workplace / "models" / number, scorecard, profile)) == int(number)
        MlflowClient().delete_model_version("churn", "4")
        yield


def test_versions_with_a_profile_are_loaded_and_the_others_reported(registered, scorecard):
    versions, notes = load_versions("churn", ["1", "2", "3", "4", "", "../1", "champion"])
    assert list(versions) == ["1"]
    assert versions["1"].scorecard == scorecard
    assert versions["1"].profile == uniform_profile(scorecard)
    assert len(notes) == 6
    for note, number in zip(notes, ["2", "3", "4", "without a number"], strict=False):
        assert note.startswith(f"version {number}")
        assert "\n" not in note
    assert "without a monitoring profile" in notes[0]
    assert "cut off or not valid JSON" in notes[1]
    assert "no such model" in notes[2]
    for note in notes[3:]:
        assert "not loaded from the registry" in note


def test_a_registry_that_does_not_answer_is_an_error(registered, tmp_path):
    mlflow.set_tracking_uri("http://127.0.0.1:9")
    with pytest.raises(RegistryError):
        load_versions("churn", ["1"])
