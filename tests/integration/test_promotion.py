"""Champion and challenger: ``churn promote`` as a user runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.models.model import ModelInfo
from pydantic import Field

from churn_model.offer import Offer
from churn_model.schema import CUSTOMER_SCHEMA, CustomerRecord, RecordSchema
from churn_model.scoring.campaign import Campaign
from churn_model.scoring.scorecard import Scorecard
from pyfunc import DATA_TAG, SIMULATED, registry
from pyfunc.logging import log_model
from pyfunc.promotion import FORCED, REPLACED
from tests.integration.conftest import (
    SMALL_FIT,
    Done,
    assert_one_line,
    call,
    clean_environment,
    working_in,
)
from training.data.simulator import Simulation, simulate
from training.data.table import simulated_table
from training.evaluation.gates import DEFAULT
from training.fitting.fit import FitSettings, fit
from training.promote import main
from training.promotion.tags import ACCEPTED_TAG, ALARM_FEATURES_TAG, ALARMS_TAG
from training.run import Plan, train
from training.train import main as train_main

SMALL_PLAN = Plan(folds=2, repeats=1, interactions=0, bags=1)
SMALL = FitSettings(interactions=0, outer_bags=1)
DATASET = """name = "fresh"
[columns]
customer_id = "customer_id"
age = "age"
tenure = "tenure"
monthly_charges = "monthly_charges"
total_charges = "total_charges"
[target]
column = "churned"
churned = [1]
kept = [0]
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory, empty_database):
    """A registry with a small champion; this process's own MLflow uses it."""
    folder = tmp_path_factory.mktemp("promotion")
    shutil.copy(empty_database, folder)
    with working_in(folder):
        trained = train(simulated_table(1500, 1), CUSTOMER_SCHEMA, SMALL_PLAN)
        assert (trained.registration.alias, trained.registration.version) == ("champion", "1")
        yield folder
    logged.cache_clear()


@pytest.fixture
def models(home):
    """The registry with version 1 as champion, whatever was promoted before."""
    client = MlflowClient()
    client.set_registered_model_alias("churn", "champion", "1")
    for tag in client.get_model_version("churn", "1").tags:
        if tag.startswith("examination."):
            client.delete_model_version_tag("churn", "1", tag)
    return home


@pytest.fixture
def promote(models):
    def command(*flags: object) -> Done:
        return call(main, *flags, cwd=models)

    return command


@cache
def logged(make: Callable[[], tuple[Scorecard, Simulation, RecordSchema]]) -> ModelInfo:
    """A model as ``make`` fits it; logging one takes MLflow seconds, so each is logged once."""
    scorecard, simulation, schema = make()
    with mlflow.start_run():
        return log_model(scorecard, schema, simulation.customers.head(2), simulated=True)


def challenge(make, **tags: str) -> str:
    """Register a new version with this model as challenger."""
    tags = {DATA_TAG: SIMULATED, **tags}
    return str(registry.register(logged(make), alias="challenger", tags=tags).version)


def fitted(simulation: Simulation, schema: RecordSchema = CUSTOMER_SCHEMA):
    scorecard = fit(simulation.customers, simulation.churned, schema, settings=SMALL).scorecard
    return scorecard, simulation, schema


def better():
    return fitted(simulate(8000, 2))


def champion() -> str | None:
    return registry.version_of_alias("churn")


def test_a_better_challenger_is_promoted_and_can_be_rolled_back(promote):
    version = challenge(better)
    done = promote()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"promoted: version {version} is now models:/churn@champion, instead of" in done.stdout
    assert champion() == version
    assert MlflowClient().get_model_version("churn", version).tags[REPLACED] == "1"
    kept, *_ = MlflowClient().search_runs(
        [mlflow.get_experiment_by_name("churn").experiment_id],
        f"tags.promoted = 'true' and tags.challenger = '{version}'",
    )
    assert kept.data.metrics["challenger/log_loss"] < kept.data.metrics["champion/log_loss"]
    again = promote()
    assert again.returncode == 0
    assert "nothing to do" in again.stdout
    back = promote("--rollback")
    assert back.returncode == 0, back.stderr
    assert champion() == "1"
    twice = promote("--rollback")
    assert twice.returncode == 1
    assert "replaced no other" in twice.stderr
    assert_one_line(twice.stderr)


def shuffled():
    honest = simulate(1500, 3)
    labels = np.random.default_rng(0).permutation(honest.churned)
    return fitted(replace(honest, churned=labels))


def leaking():
    """The charges of those who left were recorded after they had left."""
    honest = simulate(1500, 3)
    customers = honest.customers.copy()
    customers["total_charges"] = np.where(honest.churned == 1, 1.0, 5000.0)
    return fitted(replace(honest, customers=customers))


def overconfident():
    """Ranks customers well, but its log-odds are three times too large."""
    scorecard, simulation, schema = better()
    terms = [
        term.model_copy(update={"scores": [3 * score for score in term.scores]})
        for term in scorecard.terms
    ]
    intercept = 3 * scorecard.intercept
    return scorecard.model_copy(update={"intercept": intercept, "terms": terms}), simulation, schema


class Other(CustomerRecord):
    age: int = Field(ge=18, le=120, description="Age")
    contract: int = Field(ge=0, description="months")


def another_schema():
    honest = simulate(500, 3)
    customers = honest.customers.assign(contract=12)
    return fitted(replace(honest, customers=customers), RecordSchema.from_model(Other))


@pytest.mark.parametrize(
    ("make", "tags", "reasons"),
    [
        (shuffled, {}, ["confidence that its log loss is lower"]),
        (leaking, {}, ["confidence that its log loss is lower", "calibration error"]),
        (better, {ALARMS_TAG: "1"}, ["leakage alarms 1, at most 0"]),
        (overconfident, {}, ["calibration error", "confidence that its log loss is lower"]),
        (
            another_schema,
            {},
            ["age: the minimum rose from 0 to 18", "contract is new and required"],
        ),
    ],
)
def test_a_bad_challenger_is_not_promoted_and_every_reason_is_given(promote, make, tags, reasons):
    version = challenge(make, **tags)
    done = promote()
    assert done.returncode == 2, done.stdout + done.stderr
    for reason in reasons:
        assert reason in done.stdout
    assert f"version {version} of churn is not promoted; version 1 stays models:/" in done.stdout
    assert champion() == "1"


def test_an_alarm_of_the_training_table_can_be_accepted_with_a_reason(promote):
    version = challenge(better, **{ALARMS_TAG: "1", ALARM_FEATURES_TAG: '["tenure"]'})
    assert promote("--accept-alarm", "age", "--because", "known").returncode == 2
    done = promote("--accept-alarm", "tenure", "--because", "the table is complete")
    assert done.returncode == 0, done.stdout + done.stderr
    tags = MlflowClient().get_model_version("churn", version).tags
    assert json.loads(tags[ACCEPTED_TAG]) == {"tenure": "the table is complete"}


def test_force_needs_a_reason_which_is_kept(promote):
    version = challenge(another_schema)
    assert promote("--force", " ").returncode == 1
    assert champion() == "1"
    done = promote("--force", "the old contract ends")
    assert done.returncode == 0, done.stderr
    assert "promoted by force" in done.stdout
    assert "promoted despite: " in done.stdout
    assert champion() == version
    assert (
        MlflowClient().get_model_version("churn", version).tags[FORCED] == "the old contract ends"
    )


def test_the_customers_must_be_fresh(promote):
    challenge(better)
    done = promote("--rows", 1500, "--seed", 1)  # the champion's own
    assert done.returncode == 2
    assert "version 1 was trained on 1,500" in done.stdout


def test_fresh_customers_come_from_a_file_and_a_missing_file_is_one_line(models, promote):
    challenge(better)
    fresh = simulate(4000, 9)
    table = fresh.customers.assign(churned=fresh.churned)
    table.to_csv(models / "fresh.csv", index=False)
    (models / "fresh.toml").write_text(DATASET)
    done = promote("--data", "fresh.csv", "--dataset", "fresh.toml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fresh: 4,000 rows, 4,000 used" in done.stdout
    challenge(better)
    missing = promote("--data", "nowhere.csv", "--dataset", "fresh.toml")
    assert missing.returncode == 1
    assert "nowhere.csv: no such file" in missing.stderr


def test_each_examination_against_a_champion_needs_more_confidence(promote):
    challenge(shuffled)
    first = promote("--seed", 77)
    assert "at least 0.975 required" in first.stdout
    assert promote("--seed", 77).stdout == first.stdout  # the same examination again
    challenge(shuffled)
    second = promote("--seed", 77)
    assert "this is examination 2 against version 1" in second.stdout
    assert f"at least {1 - 0.05 / 6:g} required" in second.stdout


def test_the_customers_that_a_version_was_trained_on_are_left_out(models, promote):
    challenge(better)
    seen, fresh = simulate(1500, 1), simulate(3000, 10)  # version 1 was trained on the former
    both = pd.concat([seen.customers, fresh.customers], ignore_index=True)
    both["churned"] = np.concatenate([seen.churned, fresh.churned])
    both.sample(frac=1, random_state=0).to_csv(models / "mixed.csv", index=False)
    (models / "mixed.toml").write_text(DATASET)
    done = promote("--data", "mixed.csv", "--dataset", "mixed.toml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "left out: 1,500 rows that version 1 was trained on" in done.stdout
    assert "3,000 customers" in done.stdout


def test_labels_that_are_not_final_are_refused(models, promote):
    challenge(better)
    fresh = simulate(4000, 11)
    happened = np.random.default_rng(0).random(4000) < 0.5
    table = fresh.customers.assign(churned=fresh.churned * happened)
    table.to_csv(models / "early.csv", index=False)
    (models / "early.toml").write_text(DATASET)
    done = promote("--data", "early.csv", "--dataset", "early.toml")
    assert done.returncode == 2
    assert "Check that the labels are final" in done.stdout
    assert champion() == "1"


def test_gates_may_be_changed_and_are_checked(models, promote):
    challenge(better)
    text = DEFAULT.read_text()
    strict = text.replace("better = { threshold = 0.95", "better = { threshold = 1.01")
    (models / "strict.toml").write_text(strict)
    done = promote("--gates", "strict.toml")
    assert done.returncode == 2
    assert "at least 1.01 required" in done.stdout
    (models / "wrong.toml").write_text(text.replace("auc =", "auk ="))
    done = promote("--gates", "wrong.toml")
    assert done.returncode == 1
    assert "wrong.toml: first.auk" in done.stderr
    assert_one_line(done.stderr)


def test_two_promotions_at_once_leave_a_champion(models):
    version = challenge(better)
    command = [sys.executable, "-m", "training.promote"]
    both = [
        subprocess.Popen(
            command,
            cwd=models,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ends = [process.communicate(timeout=120) for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes[0] == 0, ends
    assert champion() == version
    assert MlflowClient().get_model_version("churn", version).tags[REPLACED] == "1"


def test_without_a_challenger_or_a_registry_it_says_so(workplace):
    done = call(main, cwd=workplace)
    assert done.returncode == 1
    assert "churn has no challenger" in done.stderr
    assert_one_line(done.stderr)
    done = call(main, cwd=workplace, tracking_uri="http://svc:s3cret@127.0.0.1:9")
    assert done.returncode == 1
    assert "s3cret" not in done.stderr
    assert "check MLFLOW_TRACKING_URI" in done.stderr
    assert_one_line(done.stderr)


def test_a_model_without_signal_stays_challenger_until_one_passes(workplace):
    noise = simulate(1000, 5)
    table = noise.customers.assign(churned=np.random.default_rng(5).permutation(noise.churned))
    table.to_csv(workplace / "noise.csv", index=False)
    fresh = simulate(1000, 6)
    fresh.customers.assign(churned=fresh.churned).to_csv(workplace / "fresh.csv", index=False)
    (workplace / "noise.toml").write_text(DATASET.replace("fresh", "noise"))
    data = ["--data", "noise.csv", "--dataset", "noise.toml"]
    done = call(train_main, *data, *SMALL_FIT, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "registered models:/churn@challenger as version 1" in done.stdout
    assert "It did not become champion: AUC 0." in done.stdout
    rejected = call(main, "--data", "fresh.csv", *data[2:], cwd=workplace)
    assert rejected.returncode == 2
    assert "churn has no champion" in rejected.stdout
    (outcome,) = (workplace / "mlruns").rglob("comparison.json")
    assert json.loads(outcome.read_text())["champion"] is None
    assert pd.notna(json.loads(outcome.read_text())["values"]["auc"])


def reluctant():
    """Better probabilities, and a campaign that contacts nobody."""
    scorecard, simulation, schema = better()
    campaign = Campaign.of(Offer(20, 0.3, 12, 0.5), "monthly_charges")
    changed = scorecard.model_copy(update={"threshold": 1.0}).with_campaign(campaign)
    return changed, simulation, schema


def test_a_challenger_with_a_worse_decision_is_not_promoted(promote):
    version = challenge(reluctant)
    done = promote()
    assert done.returncode == 2
    assert champion() == "1" != version
    assert "profit per customer in the challenger's campaign:" in done.stdout
    reasons = [line for line in done.stdout.splitlines() if line.startswith("not promoted: ")]
    assert len(reasons) == 2, done.stdout
    assert "difference in profit per customer" in reasons[0]
    assert "change of the share of customers predicted to churn" in reasons[1]
