"""The registered model in a notebook: ``mlflow.pyfunc.load_model``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from churn_model.errors import RegistryError
from churn_model.profile.cell_counts import count_cells
from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.scoring import Scorer
from churn_model.validation import check_frame
from pyfunc import registry as models
from pyfunc.loaded_version import read_version
from pyfunc.registry import version_of_alias
from tests.integration.conftest import PAIRS, ROWS
from training.data.simulator import simulate
from training.evaluation.selection import candidates
from training.fitting.fit import feature_table, fit_classifier
from training.fitting.labelled_rows import LabelledRows


@pytest.fixture(scope="module")
def model(registry):
    return models.load()


@pytest.fixture
def customers():
    return simulate(50, seed=11).customers


def test_it_gives_the_fitted_classifiers_probabilities(model, customers):
    simulation = simulate(ROWS, seed=0)
    chosen = mlflow.get_run(model.metadata.run_id).data.params["settings"]
    (settings,) = (each for each in candidates(PAIRS, bags=1) if each.name == chosen)
    rows = LabelledRows.unweighted(simulation.customers, simulation.churned, CUSTOMER_SCHEMA)
    classifier = fit_classifier(rows, 0, settings)
    expected = classifier.predict_proba(feature_table(customers, CUSTOMER_SCHEMA))[:, 1]
    scored = model.predict(customers)["churn_probability"]
    np.testing.assert_allclose(scored, expected, rtol=0, atol=1e-12)


def test_it_keeps_order_and_index_and_leaves_its_argument_alone(model, customers):
    shuffled = customers.sample(frac=1, random_state=2)
    before = shuffled.copy(deep=True)
    scored = model.predict(shuffled)
    pd.testing.assert_frame_equal(shuffled, before)
    assert scored.index.equals(shuffled.index)
    assert scored["customer_id"].tolist() == shuffled["customer_id"].tolist()
    assert scored.dtypes["churn_prediction"] == np.int64
    assert scored.dtypes["churn_probability"] == np.float64


def test_a_trained_version_has_the_profile_of_its_training_rows(registry):
    version = read_version("models:/churn@champion")
    profile = version.profile()
    assert (profile.rows, profile.customers, profile.rejected) == (ROWS, ROWS, 0.0)
    assert {sum(term.rows) for term in profile.terms} == {float(ROWS)}
    assert sum(profile.scores.rows) == pytest.approx(profile.held_out_customers)
    values = version.scorer.inputs(check_frame(simulate(ROWS, seed=0).customers, CUSTOMER_SCHEMA))
    counts = count_cells(version.scorer.lookup, values)
    assert [term.rows for term in profile.terms] == [each.tolist() for each in counts]


@pytest.mark.parametrize("text", [None, "{"])
def test_scoring_needs_no_profile(model, customers, tmp_path, text):
    folder = tmp_path / "model"
    shutil.copytree(read_version("models:/churn@champion").folder, folder)
    profile = folder / "artifacts" / "monitoring_profile.json"
    profile.unlink()
    if text is not None:
        profile.write_text(text)
    scored = mlflow.pyfunc.load_model(str(folder)).predict(customers)
    pd.testing.assert_frame_equal(scored, model.predict(customers))


def test_an_absent_optional_column_and_extra_ones_are_fine(model, customers):
    extra = customers.drop(columns="total_charges").assign(note="x")
    missing = customers.assign(total_charges=np.nan)
    pd.testing.assert_frame_equal(model.predict(extra), model.predict(missing))


def test_threshold_and_reasons_are_params(model, customers):
    scored = model.predict(customers, params={"threshold": 0.1, "explain": True})
    assert (scored["churn_prediction"] == (scored["churn_probability"] >= 0.1)).all()
    reasons = scored["reasons"]
    assert all(len(row) <= 3 for row in reasons)
    assert {"feature", "value", "effect"} == {key for row in reasons for r in row for key in r}


def test_a_bad_row_fails_the_call_with_row_field_and_rule(model, customers):
    customers.loc[4, "age"] = 300
    with pytest.raises(MlflowException, match="row 4, age: must be at most 120") as caught:
        model.predict(customers)
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"
    body = json.loads(caught.value.serialize_as_json())
    assert body["errors"] == [
        {"loc": ["customers", 4, "age"], "msg": "must be at most 120", "type": "less_than_equal"}
    ]


def test_a_bad_row_is_reported_in_its_place(model, customers):
    whole = model.predict(customers)["churn_probability"]
    customers.loc[4, "monthly_charges"] = np.inf
    scored = model.predict(customers, params={"on_invalid": "report"})
    assert scored.loc[4, "churn_probability"] is None
    assert scored.loc[4, "churn_prediction"] is None
    assert scored.loc[4, "error"] == "monthly_charges: must be a finite number"
    good = scored.index != 4
    assert scored.loc[good, "churn_probability"].tolist() == whole[good].tolist()
    assert scored.loc[good, "error"].isna().all()


@pytest.mark.parametrize("params", [{"threshold": 2.0}, {"on_invalid": "skip"}])
def test_an_invalid_param_is_rejected(model, customers, params):
    with pytest.raises(MlflowException) as caught:
        model.predict(customers, params=params)
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


def test_an_internal_error_does_not_reveal_its_message(model, customers, monkeypatch):
    python_model = model.unwrap_python_model()
    monkeypatch.setattr(python_model, "scorer", None)
    with pytest.raises(MlflowException, match="the server's log has the details") as caught:
        model.predict(customers)
    assert caught.value.error_code == "INTERNAL_ERROR"
    assert "Traceback" not in caught.value.serialize_as_json()


def test_the_scorecard_scores_the_same_without_mlflow(model, customers):
    folder = Path(mlflow.artifacts.download_artifacts("models:/churn@champion")) / "artifacts"
    scorer = Scorer.load(folder / "scorecard.json", folder / "schema.json")
    expected = model.predict(customers)["churn_probability"]
    np.testing.assert_array_equal(scorer.score(customers).probability, expected)


def test_a_model_that_is_not_there_is_one_line_that_says_what_to_do(registry):
    for uri in ("models:/churn@nobody", "models:/nothing@champion", "models:/churn/99"):
        with pytest.raises(RegistryError, match="train and register one") as caught:
            models.load(uri)
        assert "\n" not in str(caught.value)
    assert version_of_alias() == "1"
    assert version_of_alias("nothing") is None
    assert version_of_alias(alias="nobody") is None


def test_a_version_is_read_without_running_its_code(registry, customers):
    version = read_version("models:/churn@champion")
    assert (version.name, version.number, version.alias) == ("churn", "1", "champion")
    assert version.is_simulated
    expected = models.load().predict(customers)["churn_probability"]
    np.testing.assert_array_equal(version.scorer.score(customers).probability, expected)


def test_a_damaged_scorecard_does_not_load(registry, tmp_path):
    folder = Path(mlflow.artifacts.download_artifacts("models:/churn@champion", dst_path=tmp_path))
    scorecard = folder / "artifacts" / "scorecard.json"
    scorecard.write_text(scorecard.read_text()[:-100])
    with pytest.raises(RegistryError, match="cut off") as caught:
        models.load(str(folder))
    assert "\n" not in str(caught.value)
