from datetime import date
from pathlib import Path

import pytest

from training.next_step import next_step
from training.options import TrainOptions
from training.registration import Registration
from training.terminal import promote_command

REAL = TrainOptions(
    data=Path("telco.csv"),
    id="Customer ID",
    target=("Customer Status=Churned",),
    rows=1,
    seed=0,
    name="churn",
)
SIMULATED = TrainOptions(rows=1, seed=0, name="churn")


def registered(alias="challenger", previous="1", name="churn", **changes):
    return Registration(name, "2", alias, **{"simulated": False, "previous": previous, **changes})


def test_a_first_champion_needs_no_further_step():
    assert next_step(registered("champion", None), [], REAL) == ""


def test_a_replaced_placeholder_is_named():
    step = next_step(registered("champion", previous_simulated=True), [], REAL)
    assert step.startswith("It replaces version 1 of churn, a placeholder")


def test_a_challenger_gets_the_command_that_promotes_it():
    step = next_step(registered(), [], REAL)
    assert step.startswith("Version 1 stays models:/churn@champion.")
    command = "churn promote --data FRESH.csv --id 'Customer ID' --target 'Customer Status=Churned'"
    assert step.endswith(f":\n  {command}")


@pytest.mark.parametrize("simulated", [True, False])
def test_a_failed_gate_is_named_with_what_to_do(simulated):
    version = registered(previous=None, simulated=simulated)
    step = next_step(version, ["AUC 0.5, at least 0.6 is needed"], REAL)
    assert step.startswith(
        "It did not become champion: AUC 0.5, at least 0.6 is needed. Correct the table"
    )


def test_a_model_with_other_fields_is_pointed_to_a_name_of_its_own():
    version = registered(conflict="its schema rejects inputs that the champion accepts (x is new)")
    step = next_step(version, [], REAL)
    assert "cannot be compared with version 1, models:/churn@champion: its schema rejects" in step
    assert "train again with --name NAME" in step
    assert "churn promote" not in step


def test_a_simulated_model_cannot_replace_a_real_champion():
    step = next_step(registered(simulated=True), [], SIMULATED)
    assert "it cannot replace version 1, models:/churn@champion" in step
    assert step.endswith("Train with --data.")
    between_placeholders = registered(simulated=True, previous_simulated=True)
    assert next_step(between_placeholders, [], SIMULATED).endswith(":\n  churn promote")


def test_the_command_has_the_flags_that_describe_the_table():
    options = TrainOptions(
        data=Path("a b.parquet"),
        dataset=Path("my descriptor.toml"),
        exclude=("Phone Service", "City"),
        as_of=date(2026, 1, 31),
        max_rejected=0.2,
        rows=1,
        seed=0,
        name="other",
    )
    assert promote_command(options, "other") == (
        "churn promote --data FRESH.parquet --dataset 'my descriptor.toml' "
        "--as-of DAY --max-rejected 0.2 --name other"
    )
