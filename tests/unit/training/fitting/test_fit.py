from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from churn_model.errors import TrainingError
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.schema.column import Column
from churn_model.scoring import Scorer
from tests.unit.churn_model.test_schema import Rich
from training.data.schema_source import with_monotone
from training.data.simulator import simulate
from training.data.table import simulated_table
from training.evaluation.selection import candidates
from training.fitting import fit as fit_module
from training.fitting.fit import STANDARD, FitSettings, feature_table, fit, fit_classifier
from training.fitting.labelled_rows import LabelledRows

QUICK = FitSettings(outer_bags=2, interactions=1)
QUICK_WITH_PAIRS = replace(QUICK, interactions=None)
"""For claims that are not about accuracy."""


@pytest.fixture(scope="module")
def simulation():
    return simulate(2000, seed=6)


@pytest.fixture(scope="module")
def small():
    return simulate(500, seed=6)


@pytest.fixture(scope="module")
def fitted(simulation):
    return quick_fit(simulation, settings=QUICK_WITH_PAIRS)


def quick_fit(simulation, schema=CUSTOMER_SCHEMA, settings=QUICK, **options):
    return fit(simulation.customers, simulation.churned, schema, settings=settings, **options)


def test_the_scorecard_gives_the_classifiers_probabilities(fitted, simulation):
    scores = Scorer(fitted.scorecard, CUSTOMER_SCHEMA).score(simulation.customers)
    features = feature_table(simulation.customers, CUSTOMER_SCHEMA)
    rows = LabelledRows.unweighted(simulation.customers, simulation.churned, CUSTOMER_SCHEMA)
    classifier = fit_classifier(rows, 0, QUICK_WITH_PAIRS)
    expected = classifier.predict_proba(features)[:, 1]
    np.testing.assert_allclose(scores.probability, expected, rtol=0, atol=1e-12)


def test_the_scorecard_has_a_term_per_feature_and_some_pairs(fitted):
    names = [term.name for term in fitted.scorecard.terms]
    assert names[:4] == [column.name for column in CUSTOMER_SCHEMA.features]
    assert any("&" in name for name in names)


def test_the_fitted_probabilities_are_close_to_the_true_ones(fitted):
    fresh = simulate(4000, seed=60)
    scores = Scorer(fitted.scorecard, CUSTOMER_SCHEMA).score(fresh.customers)
    error = np.abs(scores.probability - fresh.probability).mean()
    error_of_the_base_rate = np.abs(fresh.probability - fresh.churned.mean()).mean()
    assert error < 0.35 * error_of_the_base_rate


def test_the_same_rows_and_seed_give_the_same_bytes(small):
    first, second = quick_fit(small), quick_fit(small)
    assert first.scorecard.dumps() == second.scorecard.dumps()
    other = quick_fit(small, seed=1)
    assert other.scorecard.dumps() != first.scorecard.dumps()


def test_threads_give_the_same_bytes_as_one_thread_and_start_no_process(small, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("a worker process was started")

    one = quick_fit(small)
    monkeypatch.setattr(fit_module, "ROWS_FOR_ONE_THREAD", 0)
    monkeypatch.setattr("joblib._parallel_backends.get_memmapping_executor", fail)
    assert quick_fit(small).scorecard.dumps() == one.scorecard.dumps()


def test_categories_booleans_and_a_level_without_customers_are_fitted():
    rng = np.random.default_rng(0)
    n = 500
    customers = pd.DataFrame(
        {
            "key": [f"k{i}" for i in range(n)],
            "visits": rng.integers(1, 10, n),
            "score": np.where(rng.random(n) < 0.2, np.nan, rng.random(n)),
            "active": rng.random(n) < 0.5,
            "plan": rng.choice(["plus", "basic"], n),
            "region": pd.Series(rng.choice(["north", None], n), dtype=object),
        }
    )
    churned = (rng.random(n) < np.where(customers["plan"] == "plus", 0.7, 0.2)).astype(int)
    schema = RecordSchema.from_model(Rich)
    fitted = fit(customers, churned, schema, settings=QUICK_WITH_PAIRS)
    scorer = Scorer(fitted.scorecard, schema)
    features = feature_table(customers, schema)
    rows = LabelledRows.unweighted(customers, churned, schema)
    classifier = fit_classifier(rows, 0, QUICK_WITH_PAIRS)
    expected = classifier.predict_proba(features)[:, 1]
    np.testing.assert_allclose(scorer.score(customers).probability, expected, rtol=0, atol=1e-12)
    unseen = customers.head(1).assign(region="south")
    expected = classifier.predict_proba(feature_table(unseen, schema))[:, 1]
    np.testing.assert_allclose(scorer.score(unseen).probability, expected, rtol=0, atol=1e-12)


def test_levels_that_look_like_numbers_are_different_levels():
    n = 300
    level = np.random.default_rng(0).choice(["1", "1.0", "01"], n).astype(object)
    missing = pd.Series([None] * n, dtype=object)
    customers = pd.DataFrame({"level": level, "nothing": missing})
    churned = (level == "1.0").astype(np.int64)
    columns = (
        Column("level", "category", levels=("1", "1.0", "01")),
        Column("nothing", "category", required=False, levels=("a", "b"), allows_unlisted=True),
    )
    schema = RecordSchema("Customer", columns)
    fitted = fit(customers, churned, schema, settings=QUICK)
    risk = Scorer(fitted.scorecard, schema).score(customers).probability
    assert risk[churned == 1].min() > 2 * risk[churned == 0].max()


def test_a_monotone_feature_only_lowers_the_risk_and_has_no_pairs(small):
    schema = with_monotone(CUSTOMER_SCHEMA, ["tenure=decreasing"])
    scorecard = quick_fit(small, schema, QUICK_WITH_PAIRS).scorecard
    (term,) = (term for term in scorecard.terms if "tenure" in term.features)
    assert term.features == ["tenure"]
    assert (np.diff(term.scores[1:-1]) <= 1e-12).all()


def test_a_weight_of_two_is_nearly_the_customer_twice(simulation):
    weights = np.where(simulation.churned == 1, 2.0, 1.0)
    weighted = quick_fit(simulation, weights=weights)
    scores = Scorer(weighted.scorecard, CUSTOMER_SCHEMA).score(simulation.customers).probability
    odds = simulation.probability / (1 - simulation.probability)
    expected = 2 * odds / (1 + 2 * odds)
    assert abs(scores.mean() - expected.mean()) < 0.02


def test_the_prior_undoes_a_resampling():
    table = simulated_table(6_000, 6)
    kept = (table.churned == 1) | (np.arange(6_000) % 4 == 0)
    resampled = replace(
        table,
        customers=table.customers[kept].reset_index(drop=True),
        churned=table.churned[kept],
        weights=np.ones(kept.sum()),
    ).at_prior(table.churned.mean())
    assert resampled.churn_rate == pytest.approx(table.churned.mean())
    scorecard = quick_fit(resampled, weights=resampled.weights).scorecard
    fresh = simulate(4000, seed=60)
    scores = Scorer(scorecard, CUSTOMER_SCHEMA).score(fresh.customers).probability
    assert abs(scores.mean() - fresh.probability.mean()) < 0.02
    with pytest.raises(TrainingError, match="between 0 and 1"):
        table.at_prior(1.0)


def test_every_table_entry_has_a_standard_deviation(fitted):
    assert [len(entries) for entries in fitted.standard_deviations] == [
        len(term.scores) for term in fitted.scorecard.terms
    ]
    assert max(map(max, fitted.standard_deviations)) > 0


def test_larger_tables_average_fewer_models():
    assert [STANDARD.bags(n) for n in (1000, 100_000, 1_000_000)] == [8, 4, 2]
    assert QUICK.bags(1000) == 2


def test_the_number_of_pairs_is_as_requested(small):
    for pairs in (0, 1):
        settings = replace(QUICK, interactions=pairs)
        made = quick_fit(small, settings=settings)
        assert sum(len(term.features) == 2 for term in made.scorecard.terms) == pairs
    assert [each.name for each in candidates(2)] == ["standard", "smooth"]
    assert [each.name for each in candidates(None)] == ["standard", "smooth", "additive"]
    assert {each.outer_bags for each in candidates(None)} == {None}
    assert {each.outer_bags for each in candidates(None, 3)} == {3}
    assert {each.outer_bags for each in candidates(2, 3)} == {3}
