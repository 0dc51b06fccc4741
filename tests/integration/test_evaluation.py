from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from churn_model.errors import TrainingError
from churn_model.schema import CUSTOMER_SCHEMA
from training.data.simulator import simulate
from training.evaluation.evaluation import SCORECARD, evaluate
from training.evaluation.intervals import Interval
from training.evaluation.metrics import METRICS
from training.fitting.fit import fit
from training.fitting.splits import by_date, by_folds
from training.reporting.figures import effect_figures, evaluation_figures, pair_figures

_DRAWN = ("roc", "calibration", "gains", "tenure", "age & tenure")


@pytest.fixture(scope="module")
def simulation():
    return simulate(600, seed=8)


@pytest.fixture(scope="module")
def evaluation(simulation):
    splits = by_folds(simulation.churned, folds=2, repeats=2, seed=0)
    return evaluate(simulation.customers, simulation.churned, CUSTOMER_SCHEMA, splits)


def test_every_model_scores_every_customer_as_often_as_the_folds_are_drawn(evaluation):
    assert list(evaluation.metrics) == [SCORECARD, "logistic_regression", "hist_gradient_boosting"]
    held_out = evaluation.held_out
    assert (np.bincount(held_out.rows) == 2).all()
    assert held_out.weights.sum() == pytest.approx(600)
    for name, probability in held_out.probabilities.items():
        assert probability.shape == (1200,)
        assert ((probability > 0) & (probability < 1)).all()
        assert 0.6 < evaluation.metrics[name]["auc"] < 0.9


def test_every_figure_lies_in_its_interval(evaluation):
    for model, values in evaluation.metrics.items():
        for metric in METRICS:
            low, high = evaluation.intervals[model][metric]
            if metric != "calibration_error":  # whose interval is freed of its noise
                assert low < values[metric] < high


def test_the_verdict_follows_the_paired_interval(evaluation):
    best = evaluation.best_baseline
    gap, (low, high) = evaluation.gaps[best]
    metrics = evaluation.metrics
    assert gap == pytest.approx(metrics[SCORECARD]["log_loss"] - metrics[best]["log_loss"])
    assert low < gap < high
    worse = replace(evaluation, gaps={**evaluation.gaps, best: (0.1, Interval(0.05, 0.15))})
    assert worse.loses
    assert "LOSES to" in worse.verdict()
    even = replace(evaluation, gaps={**evaluation.gaps, best: (0.1, Interval(-0.05, 0.15))})
    assert "holds against" in even.verdict()


def test_the_skill_is_the_share_of_the_base_rates_log_loss_removed(evaluation, simulation):
    rate = simulation.churned.mean()
    entropy = -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate))
    loss = evaluation.metrics[SCORECARD]["log_loss"]
    assert evaluation.skill == pytest.approx(1 - loss / entropy)


def test_large_tables_are_evaluated_on_one_fifth(simulation):
    churned = np.tile(simulation.churned, 335)
    splits = by_folds(churned, folds=5, repeats=None, seed=0)
    ((fitted, scored),) = splits.pairs
    assert len(scored) == len(churned) // 5
    assert len(np.union1d(fitted, scored)) == len(churned)
    assert churned[scored].mean() == pytest.approx(churned.mean(), abs=1e-4)
    assert len(by_folds(churned[:50_000], folds=5, repeats=None, seed=0).pairs) == 5
    assert len(by_folds(churned[:20_000], folds=5, repeats=None, seed=0).pairs) == 10


def test_a_hold_out_by_date_scores_the_latest_and_splits_no_day():
    dates = pd.Series(pd.date_range("2026-01-01", periods=100, tz="UTC").repeat(10))
    dates = dates.sample(frac=1, random_state=0).reset_index(drop=True)
    churned = np.tile([0, 1], 500)
    splits = by_date(churned, dates, "Signed")
    ((earlier, later),) = splits.pairs
    assert dates[earlier].max() < dates[later].min()
    assert len(later) == 200
    assert (splits.known == earlier).all()
    assert "2026-03-22" in splits.text


def test_a_hold_out_by_date_without_churners_is_refused():
    dates = pd.Series(pd.date_range("2026-01-01", periods=100, tz="UTC"))
    with pytest.raises(TrainingError, match="all of one class"):
        by_date((np.arange(100) < 50).astype(np.int64), dates, "Signed")


def test_there_is_a_figure_for_each_question_and_each_feature(evaluation, simulation, tmp_path):
    fitted = fit(simulation.customers, simulation.churned, CUSTOMER_SCHEMA)
    scorecard = fitted.scorecard
    figures = dict(evaluation_figures(evaluation))
    assert list(figures) == ["roc", "precision_recall", "calibration", "gains"]
    effects = dict(effect_figures(scorecard, CUSTOMER_SCHEMA, simulation.customers, fitted.spread))
    assert list(effects) == [column.name for column in CUSTOMER_SCHEMA.features]
    limits = dict.fromkeys(effects, (0.0, 100.0))
    pairs = dict(pair_figures(scorecard, CUSTOMER_SCHEMA, limits))
    assert list(pairs) == [term.name for term in scorecard.terms if len(term.features) == 2]
    chosen = {name: each for name, each in (figures | effects | pairs).items() if name in _DRAWN}
    assert len(chosen) == len(_DRAWN)
    for name, figure in chosen.items():
        figure.savefig(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
