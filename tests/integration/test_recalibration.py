"""``churn recalibrate``: the champion's probabilities are corrected by fresh labels."""

from __future__ import annotations

import numpy as np
import pytest
from mlflow import MlflowClient

from churn_model.profile.score_bins import count_scores
from churn_model.schema import CUSTOMER_SCHEMA
from pyfunc import registry
from pyfunc.loaded_version import read_version
from tests.integration.conftest import SMALL_FIT, assert_one_line, call, working_in
from training.data.simulator import simulate
from training.fitting.recalibration import Recalibration
from training.promote import main as promote
from training.recalibrate import main as recalibrate
from training.train import main as train

TARGET = ("--id", "customer_id", "--target", "churned=1")


def write(folder, name: str, seed: int, share: float) -> str:
    """A table of customers of whom only a share of the simulated churners churn."""
    simulation = simulate(4000, seed)
    churns = np.random.default_rng(seed).random(4000) < share
    table = simulation.customers.assign(churned=simulation.churned * churns)
    table.to_csv(folder / name, index=False)
    return name


@pytest.fixture(scope="module")
def home(tmp_path_factory, empty_database):
    """A registry whose champion was trained when twice as many customers churned as today."""
    folder = tmp_path_factory.mktemp("recalibration")
    (folder / "mlflow.db").write_bytes(empty_database.read_bytes())
    data = write(folder, "before.csv", 1, 1.0)
    done = call(train, "--data", data, *TARGET, *SMALL_FIT, cwd=folder)
    assert "models:/churn@champion as version 1" in done.stdout, done.stdout + done.stderr
    return folder


def test_the_champion_is_recalibrated_and_promoted_on_other_customers(home):
    today, later = write(home, "today.csv", 2, 0.6), write(home, "later.csv", 3, 0.6)
    done = call(recalibrate, "--data", today, *TARGET, cwd=home)
    assert done.returncode == 0, done.stderr
    assert "version 2 of churn is version 1 with these, and challenger now" in done.stdout
    with working_in(home):
        versions = [read_version(f"models:/churn/{version}") for version in (1, 2)]
        profile = versions[1].profile()
        tags = MlflowClient().get_model_version("churn", "2").tags
    assert tags["recalibrated_version"] == "1"
    before, after = (version.scorer for version in versions)
    recalibrated_on = after.score(simulate(4000, 2).customers).probability
    assert profile.scores.rows == count_scores(recalibrated_on).tolist()
    assert sum(profile.terms[0].expected) == pytest.approx(recalibrated_on.sum())
    fresh = simulate(4000, 3).customers
    old, new = before.score(fresh).probability, after.score(fresh).probability
    assert new.mean() == pytest.approx(0.6 * old.mean(), rel=0.1)
    assert (np.argsort(old, kind="stable") == np.argsort(new, kind="stable")).mean() > 0.99
    again = call(promote, "--data", today, *TARGET, cwd=home)
    assert again.returncode == 2
    assert "version 2 was trained on 4,000" in again.stdout
    covered = ("--as-of", "2026-01-31", "--window", "60D", "--known-until", "2026-04-30")
    promoted = call(promote, "--data", later, *TARGET, *covered, cwd=home)
    assert promoted.returncode == 0, promoted.stdout + promoted.stderr
    with working_in(home):
        assert registry.version_of_alias("churn") == "2"
        MlflowClient().set_registered_model_alias("churn", "champion", "1")


def test_the_champions_own_customers_do_not_recalibrate_it(home):
    done = call(recalibrate, "--data", "before.csv", *TARGET, cwd=home)
    assert done.returncode == 1
    assert "version 1 was trained on 4,000" in done.stderr
    assert_one_line(done.stderr)


def test_a_champion_whose_training_rows_are_not_recorded_is_recalibrated_with_a_note(home):
    with working_in(home):
        run_id = MlflowClient().get_model_version("churn", "1").run_id
    (record,) = (path for path in home.rglob("training_rows.npz") if run_id in str(path))
    aside = record.rename(record.with_suffix(".aside"))
    try:
        done = call(recalibrate, "--data", write(home, "other.csv", 5, 0.6), *TARGET, cwd=home)
    finally:
        aside.rename(record)
    assert done.returncode == 0, done.stderr
    assert "the training rows of version 1 are not recorded" in done.stdout
    with working_in(home):
        version = MlflowClient().get_model_version_by_alias("churn", "challenger")
        logged = MlflowClient().list_artifacts(version.run_id, "data")
    assert not logged  # an incomplete record would look complete


def test_labels_that_contradict_the_champion_are_one_line(home):
    simulation = simulate(3000, 8)
    table = simulation.customers.assign(churned=(simulation.probability < 0.2).astype(int))
    table.to_csv(home / "opposite.csv", index=False)
    done = call(recalibrate, "--data", "opposite.csv", *TARGET, cwd=home)
    assert done.returncode == 1
    assert "recalibration cannot help" in done.stderr
    assert_one_line(done.stderr)


def test_without_a_champion_or_a_table_it_says_so(home, workplace):
    done = call(recalibrate, cwd=workplace)
    assert (done.returncode, "has no champion to recalibrate" in done.stderr) == (1, True)
    done = call(recalibrate, cwd=home)
    assert (done.returncode, "with --data" in done.stderr) == (1, True)


def test_recalibration_multiplies_the_log_odds(scorer):
    changed = Recalibration(-0.5, 0.8).apply(scorer.scorecard)
    customers = simulate(200, 1).customers
    old = scorer.score(customers).probability
    new = type(scorer)(changed, CUSTOMER_SCHEMA).score(customers).probability
    np.testing.assert_allclose(
        np.log(new / (1 - new)), -0.5 + 0.8 * np.log(old / (1 - old)), rtol=1e-9, atol=1e-9
    )
