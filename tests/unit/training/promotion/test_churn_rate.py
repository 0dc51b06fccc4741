"""Labels that are not final are recognised by the churn rate."""

from dataclasses import replace

import numpy as np
import pytest

from churn_model.tables.observations import ObservationOptions
from training.data.simulator import simulate
from training.data.table import simulated_table
from training.promotion.churn_rate import Expected, implausible_churn_rate

ROWS = 4000


@pytest.fixture(scope="module")
def truth():
    return simulate(ROWS, 1).probability


def fresh(still_to_come=0.0, window=0):
    """Fresh customers of whom a share of the churn has not happened yet."""
    table = simulated_table(ROWS, 1)
    happened = np.random.default_rng(0).random(ROWS) >= still_to_come
    observation = ObservationOptions("seen", window) if window else ObservationOptions()
    churned = table.churned * happened.astype(np.int64)
    return replace(table, churned=churned, observation=observation)


def expected(version, probability):
    return Expected(version, probability, float(probability.mean()))


def test_final_labels_are_plausible(truth):
    assert implausible_churn_rate(fresh(), expected("1", truth), expected("2", truth)) == []


@pytest.mark.parametrize(("window", "advice"), [(0, "--window 60D"), (60, "--known-until")])
def test_half_of_the_churn_still_to_come_is_implausible_to_both_versions(truth, window, advice):
    table = fresh(still_to_come=0.5, window=window)
    (reason,) = implausible_churn_rate(table, expected("1", truth), expected("2", truth))
    assert "of the fresh customers churned, but version 1 predicts" in reason
    assert advice in reason


def test_a_challenger_of_the_same_unfinished_labels_needs_a_window(truth):
    versions = expected("1", truth), expected("2", truth / 2)
    assert implausible_churn_rate(fresh(still_to_come=0.5), *versions)
    assert implausible_churn_rate(fresh(still_to_come=0.5, window=60), *versions) == []


def test_the_churn_rate_in_training_may_be_unknown(truth):
    champion, challenger = Expected("1", truth, None), Expected("2", truth / 2, None)
    assert implausible_churn_rate(fresh(still_to_come=0.5), champion, challenger) == []
    table = fresh(still_to_come=0.7)
    (reason,) = implausible_churn_rate(table, champion, challenger)
    assert "version 1 predicts" in reason
    assert "trained on" not in reason


def test_twice_the_churn_hints_at_the_target_and_the_prior(truth):
    (reason,) = implausible_churn_rate(fresh(), expected("1", truth / 2), expected("2", truth / 2))
    assert "--prior RATE" in reason


def test_a_badly_calibrated_champion_does_not_make_the_labels_implausible(truth):
    champion = Expected("1", np.minimum(1.4 * truth, 1.0), float(truth.mean()))
    assert implausible_churn_rate(fresh(), champion, expected("2", truth)) == []


def test_customers_that_a_version_rejects_are_left_out(truth):
    partly = np.where(np.arange(ROWS) % 2, truth, np.nan)
    assert implausible_churn_rate(fresh(), expected("1", truth), Expected("2", partly, 0.26)) == []
