import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from churn_model.scoring.lookup import Lookup, _Search
from churn_model.scoring.scorecard import Feature, Scorecard, Term

NAN = float("nan")


@pytest.fixture
def values():
    rng = np.random.default_rng(1)
    n = 40_000  # more than two chunks
    return {
        "age": rng.integers(0, 121, n),
        "tenure": rng.integers(0, 100, n),
        "monthly_charges": rng.uniform(0, 150, n),
        "total_charges": np.where(rng.random(n) < 0.1, NAN, rng.exponential(2000, n)),
    }


def direct_log_odds(scorecard, row):
    """The formula as the module's docstring gives it."""
    total = scorecard.intercept
    for term in scorecard.terms:
        table = np.array(term.scores)
        table = table.reshape([len(cuts) + 3 for cuts in term.cuts])
        bins = [
            0 if np.isnan(row[name]) else 1 + np.searchsorted(cuts, row[name], side="right")
            for name, cuts in zip(term.features, term.cuts, strict=True)
        ]
        total += table[tuple(bins)]
    return total


def test_many_rows_one_row_and_the_formula_agree(scorecard, values):
    lookup = Lookup(scorecard)
    many = lookup.log_odds(values)
    for i in range(0, len(many), 397):
        row = {name: float(column[i]) for name, column in values.items()}
        one = [None if np.isnan(row[name]) else row[name] for name in lookup.features]
        assert many[i] == pytest.approx(direct_log_odds(scorecard, row), abs=1e-12)
        assert lookup.log_odds_one(one) == pytest.approx(many[i], abs=1e-12)


def test_effects_and_intercept_sum_to_the_log_odds(scorecard, values):
    lookup = Lookup(scorecard)
    effects = lookup.effects(values)
    np.testing.assert_allclose(
        lookup.intercept + effects.sum(axis=1), lookup.log_odds(values), atol=1e-12
    )
    row = [float(values[name][5]) for name in lookup.features]
    if not np.isnan(row).any():
        np.testing.assert_allclose(lookup.effects_one(row), effects[5], atol=1e-12)


def test_a_pairs_effect_is_split_evenly():
    scorecard = Scorecard(
        intercept=0.0,
        features=[Feature(name="a", kind="number"), Feature(name="b", kind="number")],
        terms=[Term(features=["a", "b"], cuts=[[1.0], [1.0]], scores=[4.0] * 16)],
    )
    assert Lookup(scorecard).effects_one([0.0, 0.0]) == [2.0, 2.0]


def test_missing_values_and_unlisted_levels_have_their_own_entries():
    scorecard = Scorecard(
        intercept=0.0,
        features=[Feature(name="plan", kind="category", categories=["basic", "plus"])],
        terms=[Term(features=["plan"], cuts=[[]], scores=[10.0, 1.0, 2.0, 99.0])],
    )
    assert Lookup(scorecard).log_odds({"plan": np.array([-1, 0, 1, 2])}).tolist() == [10, 1, 2, 99]
    assert [Lookup(scorecard).log_odds_one([code]) for code in (None, 0, 1, 2)] == [10, 1, 2, 99]


def test_no_rows_give_no_scores(scorecard):
    nothing = {feature.name: np.array([]) for feature in scorecard.features}
    assert Lookup(scorecard).log_odds(nothing).shape == (0,)


finite = st.floats(allow_nan=False, allow_infinity=False)


cut = st.one_of(finite, st.floats(0, 1), st.integers(0, 50).map(float))


@settings(max_examples=100)
@given(
    st.lists(cut, unique=True, max_size=12),
    st.lists(st.one_of(st.floats(allow_nan=False), st.floats(0, 1)), max_size=4),
)
@example([0.0, 0.5], [8.77779851e304])
@example([0.0, 5e-324], [1.0, -1e308])
def test_the_fast_search_equals_numpys(cuts, values):
    cuts = np.unique(np.array(cuts, dtype=float))
    # rounding errors would misplace the neighbours of each cut
    with np.errstate(over="ignore"):
        near = np.concatenate([cuts, np.nextafter(cuts, -np.inf), np.nextafter(cuts, np.inf)])
    values = np.concatenate([np.array(values, dtype=float), near])
    expected = np.searchsorted(cuts, values, side="right")
    with np.errstate(over="ignore"):  # as Lookup calls it
        found = _Search(cuts)(values)
    np.testing.assert_array_equal(found, 1 + expected)


@pytest.mark.parametrize("n", [1, 20])
def test_integers_beyond_2_53_have_the_same_score_alone_and_among_others(n):
    cut = 2.0**53 + 4
    term = Term(features=["x"], cuts=[[0.0, cut]], scores=[0.0, 1.0, 2.0, 3.0, 0.0])
    scorecard = Scorecard(intercept=0.0, features=[Feature(name="x", kind="number")], terms=[term])
    near = 2**53 + 3  # a float has no such number, and the cut is the next one
    assert Lookup(scorecard).log_odds({"x": np.full(n, near)}).tolist() == [3.0] * n
    assert Lookup(scorecard).log_odds_one([near]) == 3.0
