from dataclasses import replace

import numpy as np
import pytest

from churn_model.schema import CUSTOMER_SCHEMA
from training.data.simulator import simulate
from training.evaluation.evaluation import SCORECARD
from training.evaluation.held_out_scores import evaluate
from training.evaluation.intervals import Interval
from training.evaluation.metrics import METRICS
from training.fitting.fit import FitSettings, fit
from training.fitting.labelled_rows import LabelledRows
from training.fitting.splits import by_folds
from training.reporting.effect_figures import effect_figures, pair_figures
from training.reporting.evaluation_figures import evaluation_figures

_QUICK = FitSettings(outer_bags=2)
_DRAWN = ("roc", "calibration", "gains", "tenure", "age & tenure")


@pytest.fixture(scope="module")
def simulation():
    return simulate(600, seed=8)


@pytest.fixture(scope="module")
def evaluation(simulation):
    splits = by_folds(simulation.churned, folds=2, repeats=2, seed=0)
    rows = LabelledRows.unweighted(simulation.customers, simulation.churned, CUSTOMER_SCHEMA)
    return evaluate(rows, splits, _QUICK)


def test_every_model_scores_every_customer_once_per_repeat(evaluation):
    assert list(evaluation.metrics) == [SCORECARD, "logistic_regression", "hist_gradient_boosting"]
    held_out = evaluation.held_out
    assert (np.bincount(held_out.rows) == 2).all()
    assert held_out.weights.sum() == pytest.approx(600)
    for name, probability in held_out.probabilities.items():
        assert probability.shape == (1200,)
        assert ((probability > 0) & (probability < 1)).all()
        assert 0.6 < evaluation.metrics[name]["auc"] < 0.9


def test_every_metric_lies_in_its_interval(evaluation):
    for model, values in evaluation.metrics.items():
        for metric in METRICS:
            low, high = evaluation.intervals[model][metric]
            if metric != "calibration_error":  # whose interval is corrected for noise
                assert low < values[metric] < high


def test_the_comparison_with_the_best_baseline_follows_the_paired_interval(evaluation):
    best = evaluation.best_baseline
    gap, (low, high) = evaluation.gaps[best]
    metrics = evaluation.metrics
    assert gap == pytest.approx(metrics[SCORECARD]["log_loss"] - metrics[best]["log_loss"])
    assert low < gap < high
    for gap, sentence in (
        (
            (0.1, Interval(0.05, 0.15)),
            f"is HIGHER than {best}'s by 0.1000 (95 % interval 0.0500 to 0.1500).",
        ),
        (
            (0.1, Interval(-0.05, 0.15)),
            f"does not differ significantly from {best}'s (by +0.1000, 95 % interval -0.0500 to "
            "+0.1500).",
        ),
        (
            (-0.1, Interval(-0.15, -0.05)),
            f"is lower than {best}'s by 0.1000 (95 % interval 0.0500 to 0.1500).",
        ),
    ):
        changed = replace(evaluation, gaps={**evaluation.gaps, best: gap})
        assert changed.baseline_comparison() == f"The scorecard's log loss {sentence}"
        assert changed.is_worse_than_baseline is ("HIGHER" in sentence)


def test_skill_is_the_share_of_the_base_rates_log_loss_that_is_removed(evaluation, simulation):
    rate = simulation.churned.mean()
    entropy = -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate))
    loss = evaluation.metrics[SCORECARD]["log_loss"]
    assert evaluation.skill == pytest.approx(1 - loss / entropy)


def test_large_tables_are_evaluated_on_one_fifth(simulation):
    churned = np.tile(simulation.churned, 335)
    splits = by_folds(churned, folds=5, repeats=None, seed=0)
    ((train, test),) = splits.pairs
    assert len(test) == len(churned) // 5
    assert len(np.union1d(train, test)) == len(churned)
    assert churned[test].mean() == pytest.approx(churned.mean(), abs=1e-4)
    assert len(by_folds(churned[:50_000], folds=5, repeats=None, seed=0).pairs) == 5
    assert len(by_folds(churned[:5_000], folds=5, repeats=None, seed=0).pairs) == 10


def test_every_curve_feature_and_pair_has_a_figure(evaluation, simulation, tmp_path):
    fitted = fit(simulation.customers, simulation.churned, CUSTOMER_SCHEMA, settings=_QUICK)
    scorecard, deviations = fitted.scorecard, fitted.standard_deviations
    figures = dict(evaluation_figures(evaluation))
    assert list(figures) == ["roc", "precision_recall", "calibration", "gains"]
    effects = dict(effect_figures(scorecard, CUSTOMER_SCHEMA, simulation.customers, deviations))
    assert list(effects) == [column.name for column in CUSTOMER_SCHEMA.features]
    limits = dict.fromkeys(effects, (0.0, 100.0))
    terms = [term for term in scorecard.terms if len(term.features) == 2]
    pairs = dict(pair_figures(scorecard, CUSTOMER_SCHEMA, limits, terms))
    assert list(pairs) == [term.name for term in terms]
    all_figures = figures | effects | pairs
    for name in _DRAWN:
        all_figures[name].savefig(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
