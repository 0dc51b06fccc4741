"""The training rows by the table cells of a scorecard."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from churn_model.profile import MonitoringProfile
from churn_model.profile.cell_counts import count_cells
from churn_model.profile.score_bins import score_bins
from churn_model.scoring import Scorer
from churn_model.validation import check_frame
from tests.unit.churn_model.profile.scorecards import PAIRED, SCHEMA
from training.data.customers import CustomersOfRows
from training.data.table import REJECTED_COLUMNS, Table
from training.evaluation.evaluation import SCORECARD, HeldOut
from training.evaluation.monitoring_profile import effective_number, monitoring_profile

SCORER = Scorer(PAIRED, SCHEMA)
CHURNED = np.array([1, 0, 0, 1, 0, 1])
WEIGHTS = np.array([1.0, 1.0, 2.0, 1.0, 1.0, 4.0])
OUT_OF_FOLD = np.array([0.6, 0.2, 0.3, 0.5, 0.1, 0.7, 0.8, 0.4])
"""Two scores of the first and of the last row, one of each other row."""


@pytest.fixture
def table():
    customers = pd.DataFrame(
        {
            "usage": [1.0, np.nan, 3.0, 7.0, 2.0, 5.0],
            "plan": ["basic", "premium", "gold", "basic", "basic", "gold"],
        }
    )
    rejected = [
        (0, "usage", "Usage", "float_type", "", "x"),
        (0, "plan", "Plan", "missing", "", ""),
    ]
    rejected += [(3, "--weight", "w", "weight", "", "-1")]
    return Table(
        "made up",
        customers,
        CHURNED,
        pd.DataFrame(rejected, columns=list(REJECTED_COLUMNS)),
        rows=12,
        rejected_rows=2,
        unlabelled_rows=3,
        immature_rows=1,
        weights=WEIGHTS,
        customers_of_rows=CustomersOfRows(np.array([0, 1, 2, 3, 3, 4])),
    )


@pytest.fixture
def held_out(table):
    rows = np.array([0, 1, 2, 3, 4, 5, 0, 5])
    weights = WEIGHTS[rows] / np.array([2, 1, 1, 1, 1, 2, 2, 2])
    codes = table.customers_of_rows.code[rows]
    return HeldOut(rows, codes, CHURNED[rows], weights, {SCORECARD: OUT_OF_FOLD})


@pytest.fixture
def profile(table, held_out):
    return monitoring_profile(SCORER, table, held_out)


def test_each_term_counts_the_weights_of_the_training_rows(profile, table):
    values = SCORER.inputs(check_frame(table.customers, SCHEMA))
    for counted, expected in zip(
        profile.terms, count_cells(SCORER.lookup, values, WEIGHTS), strict=True
    ):
        assert counted.rows == expected.tolist()
    assert profile.terms[0].rows == [1.0, 1.0, 7.0, 1.0, 0.0]
    assert profile.terms[2].rows == [0.0, 3.0, 1.0, 6.0]
    profile.check_match(PAIRED)


def test_repeated_scores_of_a_row_count_as_one_row(profile):
    for term in profile.terms:
        assert sum(term.held_out) == pytest.approx(WEIGHTS.sum())
        assert sum(term.churners) == pytest.approx(WEIGHTS[CHURNED == 1].sum())
        expected = 0.5 * 0.6 + 0.2 + 2 * 0.3 + 0.5 + 0.1 + 2 * 0.7 + 0.5 * 0.8 + 2 * 0.4
        assert sum(term.expected) == pytest.approx(expected)
    assert profile.terms[2].churners == [0.0, 2.0, 0.0, 4.0]


def test_the_scores_are_held_out_ones(profile):
    assert sum(profile.scores.rows) == pytest.approx(WEIGHTS.sum())
    bins = np.flatnonzero(profile.scores.rows)
    assert bins.tolist() == sorted(set(score_bins(OUT_OF_FOLD).tolist()))
    assert profile.scores.churners[score_bins(np.array([0.7]))[0]] == 2.0


def test_rows_of_a_customer_and_unequal_weights_give_fewer_customers(profile):
    sums = np.array([1.0, 1.0, 2.0, 2.0, 4.0])
    assert profile.rows == 6
    assert profile.customers == pytest.approx(sums.sum() ** 2 / (sums**2).sum())
    assert profile.held_out_customers == pytest.approx(profile.customers)
    assert effective_number(np.full(4, 0.3), np.array([0, 1, 2, 2])) == pytest.approx(16 / 6)


def test_the_scale_of_the_weights_does_not_change_the_number_of_customers(table, held_out, profile):
    scaled = monitoring_profile(
        SCORER,
        replace(table, weights=1000 * WEIGHTS),
        replace(held_out, weights=1000 * held_out.weights),
    )
    assert scaled.customers == pytest.approx(profile.customers)
    assert scaled.held_out_customers == pytest.approx(profile.held_out_customers)
    assert scaled.missing == pytest.approx(profile.missing)


def test_missing_values_and_unlisted_levels_are_shares_of_the_weights(profile):
    assert profile.missing == {"usage": 0.1, "plan": 0.0}
    assert profile.unlisted == {"plan": 0.6}


def test_only_labelled_rows_that_break_the_schema_count_as_rejected(profile):
    assert profile.rejected == 1 / 8


def test_a_number_of_minus_one_is_not_missing(table, held_out):
    customers = table.customers.assign(usage=-1)
    profile = monitoring_profile(SCORER, replace(table, customers=customers), held_out)
    assert profile.missing["usage"] == 0.0


def test_the_profile_of_a_last_period_has_fewer_held_out_rows_than_training_rows(table, held_out):
    last = held_out.take(np.array([3, 4]))
    profile = monitoring_profile(SCORER, table, last)
    assert profile.held_out_customers == 1.0
    assert sum(profile.terms[0].held_out) == 2.0
    assert sum(profile.terms[0].rows) == WEIGHTS.sum()
    assert MonitoringProfile.loads(profile.dumps()) == profile
