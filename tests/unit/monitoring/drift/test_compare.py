import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_model.profile import CellCounts
from churn_model.profile.score_bins import BINS
from monitoring.drift import Reference, compare
from monitoring.drift.compare import mean_log_odds
from monitoring.drift.feature_shares import missing_shares, unlisted_shares
from tests.unit.churn_model.profile.scorecards import PAIRED
from tests.unit.monitoring.customers import counted

SIZES = [len(term.scores) for term in PAIRED.terms]


def _cells(draw, total):
    """Any counts per cell of each term, with the same total."""
    counts = []
    for size in SIZES:
        weights = draw(st.lists(st.integers(0, 50), min_size=size, max_size=size).filter(any))
        counts.append(np.array(weights, dtype=float) * total / sum(weights))
    return tuple(counts)


@st.composite
def any_counts(draw):
    total = draw(st.integers(1, 100_000))
    scores = np.zeros(BINS)
    scores[draw(st.integers(0, BINS - 1))] = total
    return CellCounts(_cells(draw, total), scores)


@given(any_counts(), any_counts())
def test_the_shifts_of_the_terms_add_up_to_the_change_of_the_mean_log_odds(before, after):
    comparison = compare(after, Reference.of_counts(before, PAIRED), PAIRED)
    change = mean_log_odds(after, PAIRED) - mean_log_odds(before, PAIRED)
    assert abs(sum(term.shift for term in comparison.terms) - change) < 1e-12
    assert comparison.shift == sum(term.shift for term in comparison.terms)


@given(any_counts(), any_counts())
def test_measures_are_finite_and_within_their_ranges(before, after):
    comparison = compare(after, Reference.of_counts(before, PAIRED), PAIRED)
    for term in (*comparison.terms, comparison.score):
        assert term.movement >= abs(term.shift) - 1e-12
        assert 0 <= term.psi < 100
        assert -1e-12 <= term.js <= 1 + 1e-12
        assert -1e-12 <= term.ks <= 1 + 1e-12
        assert 0 <= term.p_value <= 1
        assert 1 <= len(term.bins) <= 10
        assert sum(bin_.window for bin_ in term.bins) == pytest.approx(1)
        assert sum(bin_.reference for bin_ in term.bins) == pytest.approx(1)


def test_opposite_changes_cancel_in_the_shift_but_not_in_the_movement():
    others = tuple(np.eye(1, size)[0] for size in SIZES[1:])
    usage = PAIRED.terms[0]
    assert usage.scores[1:4] == [0.6, 0.2, -0.5]
    before, after = np.array([0, 0.3, 0.4, 0.3, 0]), np.array([0, 0.37, 0.29, 0.34, 0])
    reference = Reference.of_counts(CellCounts((before, *others), _scores(1)), PAIRED)
    drift = compare(CellCounts((after, *others), _scores(1)), reference, PAIRED).terms[0]
    assert drift.shift == pytest.approx(0)
    assert drift.movement == pytest.approx(0.07 * 0.6 + 0.11 * 0.2 + 0.04 * 0.5)


def _scores(n):
    scores = np.zeros(BINS)
    scores[80] = n
    return scores


def test_windows_without_terms_are_compared_by_their_scores_only():
    rng = np.random.default_rng(1)
    before = Reference.of_counts(counted(rng, 2000), PAIRED)
    after = CellCounts(scores=counted(rng, 2000, usage=12.0).scores)
    comparison = compare(after, before, PAIRED)
    assert comparison.terms == ()
    assert comparison.score.p_value < 1e-6
    assert comparison.shift == comparison.score.shift < -0.2


def test_shares_of_missing_values_and_unlisted_levels_are_those_of_the_customers():
    counts = counted(np.random.default_rng(2), 5000, missing=0.3, unlisted=0.2)
    assert missing_shares(counts, PAIRED) == pytest.approx({"usage": 0.3, "plan": 0.0}, abs=0.03)
    assert unlisted_shares(counts, PAIRED) == pytest.approx({"plan": 0.2}, abs=0.03)
    assert missing_shares(CellCounts(scores=counts.scores), PAIRED) == {}


def test_labels_say_which_values_a_bin_has():
    rng = np.random.default_rng(3)
    before = Reference.of_counts(counted(rng, 2000), PAIRED)
    usage, pair, plan = compare(counted(rng, 500), before, PAIRED).terms
    assert [b.label for b in usage.bins] == ["missing", "below 2", "2 to 6", "6 and above"]
    assert [b.label for b in plan.bins] == ["basic", "premium", "unlisted"]
    assert all(b.label.startswith("effect ") for b in pair.bins)


@pytest.mark.parametrize("weight", [0.1, 1.0, 10.0])
def test_weights_of_the_reference_do_not_change_the_test(weight, paired_profile):
    rng = np.random.default_rng(5)
    window = counted(rng, 1000, usage=5.5)
    weighted = paired_profile.model_copy(
        update={
            "terms": [
                term.model_copy(update={"rows": [weight * count for count in term.rows]})
                for term in paired_profile.terms
            ]
        }
    )
    expected = compare(window, Reference.of_profile(paired_profile), PAIRED)
    found = compare(window, Reference.of_profile(weighted), PAIRED)
    assert found.terms[0].p_value == pytest.approx(expected.terms[0].p_value)
    assert found.terms[0].psi == pytest.approx(expected.terms[0].psi)
