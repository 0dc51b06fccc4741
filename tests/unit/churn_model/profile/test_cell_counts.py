import numpy as np
import pytest

from churn_model.profile.cell_counts import CellCounts, count_customers
from churn_model.profile.score_bins import BINS, LOG_ODDS, PROBABILITY, count_scores, score_bins
from churn_model.scoring import Scorer
from tests.unit.churn_model.profile.scorecards import PAIRED, SCHEMA


@pytest.fixture(scope="module")
def scorer():
    return Scorer(PAIRED, SCHEMA)


def _customers(rng, n):
    return {
        "usage": [None if u < 0 else float(u) for u in rng.normal(5, 4, n)],
        "plan": [str(plan) for plan in rng.choice(["basic", "premium", "gold"], n)],
    }


def _counted(scorer, customers, n):
    checked = scorer._check(customers)
    scores = scorer.score_columns(checked)
    return count_customers(
        scorer.lookup, scorer.inputs(checked), scores.probability, scores.prediction
    )


def test_the_cells_give_the_mean_log_odds_exactly(scorer):
    n = 5000
    customers = _customers(np.random.default_rng(1), n)
    counts = _counted(scorer, customers, n)
    terms = scorer.scorecard.terms
    from_cells = scorer.scorecard.intercept + sum(
        counted @ np.array(term.scores) / n
        for counted, term in zip(counts.terms, terms, strict=True)
    )
    checked = scorer._check(customers)
    assert abs(from_cells - scorer.lookup.log_odds(scorer.inputs(checked)).mean()) < 1e-12
    assert [counted.sum() for counted in counts.terms] == [n] * len(terms)
    assert counts.scored == n


def test_missing_values_and_unlisted_levels_have_cells_of_their_own(scorer):
    counts = _counted(scorer, {"usage": [None, 1.0, 1.0], "plan": ["other", "basic", "basic"]}, 3)
    by_name = dict(zip((t.name for t in scorer.scorecard.terms), counts.terms, strict=True))
    assert by_name["usage"][0] == 1
    assert by_name["plan"][-1] == 1


def test_counts_of_two_groups_add_up_to_those_of_all(scorer):
    rng = np.random.default_rng(2)
    one, other = _customers(rng, 40), _customers(rng, 60)
    both = {name: one[name] + other[name] for name in one}
    total = _counted(scorer, one, 40) + _counted(scorer, other, 60)
    expected = _counted(scorer, both, 100)
    for a, b in zip(total.terms, expected.terms, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(total.predicted, expected.predicted)


def test_terms_are_unknown_if_those_of_some_customers_are():
    known = CellCounts((np.array([1.0]),), count_scores(np.array([0.5])))
    unknown = CellCounts(scores=count_scores(np.array([0.5])))
    assert (known + unknown).terms == ()
    assert (known + CellCounts()).terms == known.terms


def test_a_probability_falls_into_the_bin_of_its_log_odds():
    assert score_bins(np.array([0.0, 0.5, 1.0])).tolist() == [0, 101, BINS - 1]
    np.testing.assert_array_equal(score_bins(PROBABILITY), np.arange(BINS))
    assert LOG_ODDS[101] == 0.05


def test_rejected_rows_are_a_share_of_all_rows():
    counts = CellCounts(scores=count_scores(np.full(3, 0.2)), rejected=1.0, rules={"a:b": 1.0})
    assert counts.rejected_share == 0.25
    assert (counts + counts).rules == {"a:b": 2.0}
    assert CellCounts().rejected_share == 0.0
