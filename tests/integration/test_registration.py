"""Registration and promotion, with tiny scorecards and a registry of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.models import Model

from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.schema.column import Column
from churn_model.scoring.scorecard import Feature, Scorecard, Term
from pyfunc import registry
from pyfunc.promotion import FORCED, REPLACED
from training import registration
from training.data.fingerprints import fingerprints
from training.data.simulator import simulate
from training.data.table import simulated_table
from training.promote import main
from training.promotion.schema_conflict import schema_conflict
from training.registration import register_trained
from training.reporting.training_rows import log_fingerprints

FLAGS = ["--data", "fresh.csv", "--id", "customer_id", "--target", "churned=1"]
CONTRACT = Column("contract", "integer", minimum=0, maximum=100)
WITH_CONTRACT = RecordSchema("Customer", (*CUSTOMER_SCHEMA.columns, CONTRACT))


def scorecard(effect):
    """A scorecard of the tenure alone: more than a year changes the log-odds by ``-effect``."""
    tenure = Term(features=["tenure"], cuts=[[12.5]], scores=[0.0, effect / 2, -effect / 2, 0.0])
    features = [
        Feature(name=column.name, kind="number")
        for column in CUSTOMER_SCHEMA
        if column.kind != "identifier"
    ]
    return Scorecard(intercept=-1.0, features=features, terms=[tenure])


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a registry and a table of fresh customers."""
    folder = tmp_path_factory.mktemp("registry")
    previous = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    mlflow.create_experiment("churn", (folder / "mlruns").as_uri())
    fresh = simulate(1000, 9)
    fresh.customers.assign(churned=fresh.churned).to_csv(folder / "fresh.csv", index=False)
    yield folder
    mlflow.set_tracking_uri(previous)


@pytest.fixture
def train(home, tmp_path, monkeypatch):
    """Register a scorecard as training does, but without logging its code and its signature."""
    monkeypatch.chdir(home)

    def train(
        name,
        effect=1.5,
        *,
        source="customers.csv",
        schema=CUSTOMER_SCHEMA,
        passed=True,
        table=None,
        baseline_share=1.0,
    ):
        table = replace(table or simulated_table(3, 0), source=source)
        findings = SimpleNamespace(
            table=table,
            scorecard=scorecard(effect),
            alarms=[],
            passed=passed,
            profile=None,
            evaluation=SimpleNamespace(baseline_share=baseline_share),
        )
        monkeypatch.setattr(registration, "log_model", partial(log_model, table))
        return register_trained(findings, schema, name, "")

    def log_model(table, scorecard, schema, examples, *, simulated, descriptor=None, profile):
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        artifacts = folder / "artifacts"
        artifacts.mkdir(parents=True)
        scorecard.save(artifacts / "scorecard.json")
        (artifacts / "schema.json").write_text(json.dumps(schema.to_json_schema()))
        with mlflow.start_run() as run:
            in_table = tuple(column for column in schema if column.name in table.customers)
            log_fingerprints(fingerprints(table, replace(schema, columns=in_table)))
            metadata = {"data": "simulated"} if simulated else {}
            Model(run_id=run.info.run_id, metadata=metadata).save(str(folder / "MLmodel"))
        return SimpleNamespace(model_uri=folder.as_uri())

    return train


@pytest.fixture
def promote(capsys):
    def promote(*flags):
        capsys.readouterr()
        code = main([*flags])
        out, err = capsys.readouterr()
        assert len(err.splitlines()) <= 1, err
        return code, out + err

    return promote


def champion(name):
    return registry.version_of_alias(name)


def test_the_first_real_model_replaces_a_placeholder_and_the_second_challenges_it(train):
    placeholder = train("placeholder", source=None)
    assert (placeholder.alias, placeholder.previous) == ("champion", None)
    first = train("placeholder", schema=WITH_CONTRACT)
    assert (first.alias, first.previous, first.previous_simulated) == ("champion", "1", True)
    second = train("placeholder", schema=WITH_CONTRACT)
    assert (second.alias, second.previous, second.conflict) == ("challenger", "2", "")
    simulated = train("placeholder", source=None)
    assert (simulated.alias, simulated.previous_simulated) == ("challenger", False)
    assert champion("placeholder") == "2"


def test_nothing_rolls_back_to_a_placeholder(train, promote):
    train("back", source=None)
    train("back")
    code, output = promote("--rollback", "--name", "back")
    assert code == 1
    assert "version 2 of back replaced version 1, a placeholder that was trained on" in output
    assert champion("back") == "2"


def test_a_real_model_that_fails_the_gates_does_not_replace_a_placeholder(train):
    train("weak", source=None)
    failed = train("weak", passed=False)
    assert (failed.alias, failed.previous, failed.conflict) == ("challenger", "1", "")
    assert champion("weak") == "1"


def test_promotion_remembers_that_a_baseline_was_better_in_training(train, promote):
    train("beaten", passed=False, baseline_share=0.6)
    code, output = promote(*FLAGS, "--name", "beaten")
    assert (code, champion("beaten")) == (2, None)
    assert "share of the best baseline's skill (upper end of the 95 % interval) 0.6" in output


def test_a_model_with_other_fields_than_the_champion_is_told_so_when_it_is_registered(train):
    train("fields")
    other = train("fields", schema=WITH_CONTRACT)
    assert other.alias == "challenger"
    assert other.conflict.startswith("its schema rejects inputs that the champion accepts (contr")


def test_a_model_without_a_field_of_the_champion_does_not_conflict():
    assert schema_conflict(CUSTOMER_SCHEMA, WITH_CONTRACT) == ""
    assert schema_conflict(CUSTOMER_SCHEMA, CUSTOMER_SCHEMA) == ""


def test_a_challenger_without_a_field_of_the_champion_is_compared_on_a_table_with_it(
    train, promote, home
):
    train("without", -1.5, schema=WITH_CONTRACT)
    train("without", 1.5)
    code, output = promote(*FLAGS, "--name", "without")
    assert (code, champion("without")) == (1, "1")
    assert "contract" in output
    fresh = pd.read_csv(home / "fresh.csv").assign(contract=12)
    fresh.loc[:9, "contract"] = 101
    fresh.to_csv(home / "with_contract.csv", index=False)
    code, output = promote("--data", "with_contract.csv", *FLAGS[2:], "--name", "without")
    assert code == 0, output
    assert "990 used" in output
    assert champion("without") == "2"


@pytest.mark.parametrize("seen_by", ["1", "2"])
def test_a_table_that_a_version_with_other_fields_was_trained_on_is_not_fresh(
    train, promote, home, seen_by
):
    name = f"seen-by-{seen_by}"
    table = simulated_table(1000, 9)
    with_contract = replace(table, customers=table.customers.assign(contract=12))
    seen = with_contract.customers.assign(churned=table.churned)
    seen.to_csv(home / "seen.csv", index=False)
    train(name, -1.5, schema=WITH_CONTRACT, table=with_contract if seen_by == "1" else None)
    train(name, 1.5, table=table if seen_by == "2" else None)
    code, output = promote("--data", "seen.csv", *FLAGS[2:], "--name", name)
    assert code == 2
    assert f"version {seen_by} was trained on 1,000" in output


def test_a_better_challenger_is_promoted_and_rolled_back_under_its_own_name(train, promote):
    train("better", -1.5)
    train("better", 1.5)
    code, output = promote(*FLAGS, "--name", "better")
    assert code == 0, output
    assert "fresh: 1,000 rows, 1,000 used" in output
    assert "promoted: version 2 is now models:/better@champion, instead of version 1" in output
    assert MlflowClient().get_model_version("better", "2").tags[REPLACED] == "1"
    code, output = promote(*FLAGS, "--name", "better")
    assert (code, "version 2 is models:/better@champion already" in output) == (0, True)
    code, output = promote("--rollback", "--name", "better")
    assert code == 0
    assert "rolled back: version 1 is models:/better@champion again, instead of version 2" in output
    assert (champion("better"), champion("churn")) == ("1", None)


def test_a_worse_challenger_is_not_promoted_unless_forced_with_a_reason(train, promote):
    train("worse", 1.5)
    train("worse", -1.5)
    code, output = promote(*FLAGS, "--name", "worse")
    assert code == 2
    assert "not promoted: confidence that its log loss is lower" in output
    assert "version 2 of worse is not promoted; version 1 stays models:/worse@champion" in output
    assert promote(*FLAGS, "--name", "worse", "--force", " ")[0] == 1
    code, output = promote(*FLAGS, "--name", "worse", "--force", "a new contract")
    assert code == 0
    assert "promoted despite: confidence that its log loss is lower" in output
    assert "promoted by force: version 2 is now models:/worse@champion" in output
    assert MlflowClient().get_model_version("worse", "2").tags[FORCED] == "a new contract"


@pytest.mark.parametrize(("flag", "code"), [("--nonsense", 1), ("--help", 0)])
def test_an_invalid_flag_has_another_exit_code_than_a_rejected_challenger(capsys, flag, code):
    assert main([flag]) == code
    out, err = capsys.readouterr()
    assert flag in out + err


def test_real_models_are_not_compared_on_simulated_customers(train, promote):
    train("real")
    train("real")
    code, output = promote("--name", "real")
    assert code == 1
    assert output.startswith("error: version 1 of real was trained on real customers; name a table")
    assert "with --data" in output
    train("real", source=None)
    code, output = promote("--name", "real")
    assert code == 2
    assert "not promoted: it was trained on simulated customers, and the champion on" in output
    assert champion("real") == "1"


def test_a_real_challenger_of_a_placeholder_is_not_judged_by_simulated_customers(train, promote):
    train("first", source=None)
    train("first", passed=False)
    code, output = promote("--name", "first")
    assert code == 1
    assert "version 2 of first was trained on real customers" in output
    code, output = promote(*FLAGS, "--name", "first")
    assert code == 0, output
    assert "instead of version 1, a placeholder trained on simulated customers" in output


def test_models_of_simulated_customers_are_compared_on_simulated_customers(train, promote):
    train("simulated", -1.5, source=None)
    train("simulated", 1.5, source=None)
    code, output = promote("--name", "simulated", "--rows", "1000")
    assert code == 0, output
    assert "simulated customers: 1,000 rows" in output


def test_models_with_other_fields_are_not_compared(train, promote):
    train("other-fields")
    train("other-fields", schema=WITH_CONTRACT)
    code, output = promote(*FLAGS, "--name", "other-fields")
    assert code == 2
    assert "not promoted: its schema rejects inputs that the champion accepts" in output
    assert "train it again with --name NAME" in output


def test_without_a_challenger_the_command_that_trains_one_is_named(home, promote):
    code, output = promote("--name", "nobody")
    assert code == 1
    assert "nobody has no challenger; train one with `churn train --name nobody`" in output
