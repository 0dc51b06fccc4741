from itertools import pairwise

import numpy as np

from churn_model.profile.score_bins import BINS
from churn_model.scoring.scorecard import Feature, Scorecard, Term
from monitoring.drift.merged_bins import MOST, merge_scores, merge_term

LEVELS = [f"level {i}" for i in range(30)]
WIDE = Scorecard(
    intercept=0.0,
    features=[
        Feature(name="price", kind="number"),
        Feature(name="town", kind="category", categories=LEVELS),
        Feature(name="age", kind="number"),
    ],
    terms=[
        Term(features=["price"], cuts=[list(map(float, range(255)))], scores=[0.0] * 258),
        Term(features=["town"], cuts=[[]], scores=[0.1 * i for i in range(32)]),
        Term(features=["price", "town"], cuts=[[1.0], []], scores=[0.01 * i for i in range(128)]),
        Term(features=["age"], cuts=[[]], scores=[0.0] * 3),
    ],
)


def test_a_term_has_at_most_ten_bins_of_about_equal_shares():
    rng = np.random.default_rng(1)
    for term in WIDE.terms[:3]:
        reference = rng.multinomial(10_000, np.full(len(term.scores), 1 / len(term.scores)))
        merged = merge_term(WIDE, term, reference.astype(float))
        assert len(merged.labels) <= MOST
        assert merged.bin_of_cell.max() < len(merged.labels)
        assert merged.count(reference.astype(float)).sum() == 10_000
    price = merge_term(WIDE, WIDE.terms[0], np.array([0.0, *np.ones(256), 0.0]))
    assert set(price.count(np.array([0.0, *np.ones(256), 0.0]))) == {0.0, 32.0}


def test_the_most_common_levels_have_bins_of_their_own():
    reference = np.array([0.0, *np.arange(30.0), 0.0])
    merged = merge_term(WIDE, WIDE.terms[1], reference)
    assert merged.labels == ("missing", *LEVELS[-7:], "other levels", "unlisted")
    assert merged.bin_of_cell[[0, 1, 30, 31]].tolist() == [0, 8, 7, 9]


def test_a_feature_without_cuts_has_one_bin_of_values():
    merged = merge_term(WIDE, WIDE.terms[3], np.array([1.0, 5.0, 0.0]))
    assert merged.labels == ("missing", "all values")


def test_an_empty_reference_gives_one_bin():
    assert merge_term(WIDE, WIDE.terms[0], np.zeros(258)).labels == ("missing", "all values")
    assert merge_scores(np.zeros(BINS)).labels == ("0.0 % to 100.0 %",)


def test_bins_of_scores_are_adjacent_ranges_of_probabilities():
    labels = merge_scores(np.ones(BINS)).labels
    assert len(labels) == MOST
    assert labels[0].startswith("0.0 % to ")
    assert labels[-1].endswith(" to 100.0 %")
    ends = [label.split(" to ") for label in labels]
    assert all(a[1] == b[0] for a, b in pairwise(ends))
