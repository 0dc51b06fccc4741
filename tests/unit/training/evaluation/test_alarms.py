"""Leakage alarms: which features raise one, and which honest ones do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from churn_model.errors import TrainingError
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.schema.column import Column
from training.data.customers import CustomersOfRows
from training.data.simulator import simulate
from training.evaluation.alarm import (
    WHOLE_MODEL,
    Alarm,
    check_accepted,
    not_accepted,
    with_accepted,
)
from training.evaluation.alarms import alarms, certain_leaks, model_alarms
from training.evaluation.evaluation import SCORECARD, HeldOut, summarise
from training.evaluation.single_feature import single_auc

ROWS = 4000
NUMBER = Column("usage", "number")
MAYBE = Column("usage", "number", required=False)
PLAN = Column("plan", "category", levels=("basic", "other", "plus"))
FLAG = Column("ticket", "boolean")


@pytest.fixture(scope="module")
def simulation():
    return simulate(ROWS, seed=4)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def kinds(customers, churned, schema=CUSTOMER_SCHEMA, customers_of_rows=None):
    found = alarms(customers, churned, schema, customers_of_rows)
    return {(alarm.kind, alarm.feature) for alarm in found}


def with_column(simulation, column, values):
    schema = RecordSchema("Customer", (*CUSTOMER_SCHEMA, column))
    return simulation.customers.assign(**{column.name: values}), simulation.churned, schema


def monthly(rows, rate, seed):
    """Honest customers of a table with a low churn rate: the strongest feature has a safe level."""
    rng = np.random.default_rng(seed)
    usage = rng.lognormal(0, 1, rows)
    plan = rng.choice(["basic", "plus", "other"], rows, p=[0.5, 0.3, 0.2]).astype(object)
    log_odds = -1.2 * np.log(usage) - 1.0 * (plan == "plus") - 2.5 * (plan == "other")
    low, high = -20.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        is_low = np.mean(1 / (1 + np.exp(-(log_odds + middle)))) < rate
        low, high = (middle, high) if is_low else (low, middle)
    churned = (rng.random(rows) < 1 / (1 + np.exp(-(log_odds + low)))).astype(np.int64)
    return pd.DataFrame({"usage": usage, "plan": plan}), churned


@pytest.mark.parametrize("seed", range(3))
def test_the_auc_of_one_number_puts_missing_values_where_they_help(seed):
    rng = np.random.default_rng(seed)
    churned = rng.integers(0, 2, 300)
    numbers = np.round(rng.normal(-1, 1, 300) - churned, 1)
    numbers[rng.random(300) < 0.3] = np.nan
    expected = max(
        roc_auc_score(churned, np.where(np.isnan(numbers), position, sign * numbers))
        for position in (-99, 99)
        for sign in (-1, 1)
    )
    column = Column("score", "number", required=False)
    assert single_auc(column, pd.Series(numbers), churned) == pytest.approx(expected, abs=1e-12)


def test_the_auc_of_a_category_of_many_levels_without_effect_is_about_one_half(rng):
    levels = tuple(f"shop {number}" for number in range(50))
    values = pd.Series(rng.choice(levels, ROWS), dtype=object)
    churned = (rng.random(ROWS) < 0.02).astype(np.int64)
    column = Column("shop", "category", levels=levels)
    assert abs(single_auc(column, values, churned) - 0.5) < 0.1


def test_a_table_without_leakage_raises_no_alarm(simulation):
    assert kinds(simulation.customers, simulation.churned) == set()


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_strong_honest_features_raise_no_alarm_at_any_churn_rate(rate, seed):
    customers, churned = monthly(20_000, rate, seed)
    schema = RecordSchema("Customer", (NUMBER, PLAN))
    assert kinds(customers, churned, schema) == set()
    assert certain_leaks(customers, churned, schema) == []


def test_a_safe_level_among_honest_levels_raises_no_alarm(simulation, rng):
    locked_in = (rng.random(ROWS) < 0.3) & (simulation.churned == 0)
    assert kinds(*with_column(simulation, Column("locked_in", "boolean"), locked_in)) == set()


def test_a_score_derived_from_the_target_raises_an_alarm_and_is_a_certain_leak(simulation, rng):
    customers, churned, schema = with_column(
        simulation, NUMBER, simulation.churned * 4 + rng.normal(0, 0.6, ROWS)
    )
    assert kinds(customers, churned, schema) == {("target_leakage", "usage")}
    assert [leak.feature for leak in certain_leaks(customers, churned, schema)] == ["usage"]


def test_a_ticket_of_most_churners_raises_an_alarm_and_is_not_a_certain_leak(simulation, rng):
    share = np.where(simulation.churned == 1, 0.9, 0.02)
    customers, churned, schema = with_column(simulation, FLAG, rng.random(ROWS) < share)
    assert kinds(customers, churned, schema) == {("target_leakage", "ticket")}
    assert certain_leaks(customers, churned, schema) == []


def test_a_row_number_of_a_table_sorted_by_the_target_raises_two_alarms(simulation):
    numbers = np.empty(ROWS, dtype=np.int64)
    numbers[np.argsort(simulation.churned, kind="stable")] = np.arange(ROWS) + 1000
    column = Column("ticket_no", "integer")
    assert kinds(*with_column(simulation, column, numbers)) == {
        ("identifier", "ticket_no"),
        ("target_leakage", "ticket_no"),
    }


def test_a_number_that_is_missing_for_churners_only_raises_an_alarm(simulation, rng):
    numbers = rng.normal(size=ROWS)
    numbers[np.flatnonzero(simulation.churned == 1)[:150]] = np.nan
    assert kinds(*with_column(simulation, MAYBE, numbers)) == {("missing", "usage")}


def test_a_number_that_is_known_for_churners_only_is_a_certain_leak(simulation, rng):
    numbers = np.where(simulation.churned == 1, rng.normal(size=ROWS), np.nan)
    (leak,) = certain_leaks(*with_column(simulation, MAYBE, numbers))
    assert leak.kind == "missing"
    assert leak.text.startswith(f"none of the {(simulation.churned == 0).sum():,} customers")


def test_a_level_of_churners_only_raises_an_alarm(simulation, rng):
    closed = (simulation.churned == 1) & (rng.random(ROWS) < 0.3)
    plan = np.where(closed, "other", "basic").astype(object)
    (alarm,) = alarms(*with_column(simulation, PLAN, plan))
    assert (alarm.kind, alarm.feature) == ("one_sided", "plan")
    assert f"all {closed.sum()} customers with plan other churned" in alarm.text


def test_two_leaks_do_not_explain_each_other(simulation, rng):
    closed = (simulation.churned == 1) & (rng.random(ROWS) < 0.3)
    plan = np.where(closed, "other", "basic").astype(object)
    schema = RecordSchema("Customer", (*CUSTOMER_SCHEMA, PLAN, FLAG))
    customers = simulation.customers.assign(plan=plan, ticket=closed)
    assert kinds(customers, simulation.churned, schema) == {
        ("one_sided", "plan"),
        ("one_sided", "ticket"),
    }


def test_a_range_in_which_everybody_churned_raises_an_alarm(simulation):
    left_out = (simulation.customers["tenure"] < 4) & (simulation.churned == 0)
    customers = simulation.customers[~left_out].reset_index(drop=True)
    churned = simulation.churned[~left_out.to_numpy()]
    (alarm,) = alarms(customers, churned, CUSTOMER_SCHEMA)
    assert (alarm.kind, alarm.feature) == ("one_sided", "tenure")
    assert "all " in alarm.text
    assert "among neighbouring values" in alarm.text


def test_a_few_churners_are_no_evidence(simulation, rng):
    numbers = rng.normal(size=ROWS)
    numbers[np.flatnonzero(simulation.churned == 1)[:20]] = np.nan
    assert kinds(*with_column(simulation, MAYBE, numbers)) == set()


def test_many_rows_of_a_few_customers_are_no_evidence(simulation):
    """A level of 240 rows in which everybody churned, but of only 12 customers."""
    plan = np.full(ROWS, "basic", dtype=object)
    rows = np.flatnonzero(simulation.churned == 1)[:240]
    plan[rows] = "other"
    code = np.arange(ROWS)
    code[rows] = code[rows[np.arange(240) % 12]]
    table = with_column(simulation, PLAN, plan)
    assert ("one_sided", "plan") in kinds(*table)
    few = CustomersOfRows.of(pd.Series(code))
    assert ("one_sided", "plan") not in kinds(*table, customers_of_rows=few)


def test_a_feature_that_has_nearly_all_of_a_models_skill_raises_an_alarm(rng):
    churned = (rng.random(ROWS) < 0.25).astype(np.int64)
    customers = pd.DataFrame(
        {
            "ticket": rng.random(ROWS) < np.where(churned == 1, 0.85, 0.08),
            "usage": rng.normal(size=ROWS) + 0.4 * churned,
        }
    )
    schema = RecordSchema("Customer", (FLAG, NUMBER))
    assert ("dominant", "ticket") in kinds(customers, churned, schema)


def evaluation(probability, churned):
    rows = np.arange(len(churned))
    scores = HeldOut(
        rows, rows, churned, np.ones(len(rows)), {SCORECARD: probability, "boosting": probability}
    )
    return summarise(scores, "")


def test_a_model_that_is_too_good_to_be_true_raises_an_alarm(rng):
    churned = rng.integers(0, 2, 500)
    (alarm,) = model_alarms(evaluation(0.3 + 0.4 * churned, churned))
    assert (alarm.kind, alarm.feature) == ("too_accurate", WHOLE_MODEL)
    honest = np.clip(0.3 + 0.4 * churned + rng.normal(0, 0.2, 500), 0.01, 0.99)
    assert model_alarms(evaluation(honest, churned)) == []


def test_an_accepted_alarm_keeps_its_reason_and_fails_no_gate():
    raised = [Alarm("target_leakage", "usage", "..."), Alarm("identifier", "plan", "...")]
    found = with_accepted(raised, {"usage": "known in advance"})
    assert [alarm.accepted for alarm in found] == ["known in advance", ""]
    assert [alarm.feature for alarm in not_accepted(found)] == ["plan"]


def test_only_alarms_of_features_and_of_the_whole_model_can_be_accepted():
    check_accepted({"tenure": "known", WHOLE_MODEL: "simulated"}, CUSTOMER_SCHEMA)
    with pytest.raises(TrainingError, match=r"'tenur' is not a feature. Did you mean 'tenure'\?"):
        check_accepted({"tenur": "known"}, CUSTOMER_SCHEMA)
