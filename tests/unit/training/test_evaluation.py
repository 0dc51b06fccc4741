import numpy as np
import pytest

from churn_model.schema import CUSTOMER_SCHEMA
from training.evaluation import SCORECARD, calibration_error, evaluate, lift, metrics
from training.figures import effect_figures, evaluation_figures
from training.fit import fit
from training.simulator import simulate


@pytest.fixture(scope="module")
def evaluation():
    simulation = simulate(1000, seed=8)
    return evaluate(simulation.customers, simulation.churned, CUSTOMER_SCHEMA, folds=2)


def test_every_model_scores_every_customer_out_of_fold(evaluation):
    assert list(evaluation.metrics) == [SCORECARD, "logistic_regression", "hist_gradient_boosting"]
    for name, probability in evaluation.probabilities.items():
        assert probability.shape == (1000,)
        assert ((probability > 0) & (probability < 1)).all()
        assert 0.6 < evaluation.metrics[name]["auc"] < 0.9
        assert len(evaluation.fold_metrics[name]) == 2


def test_the_verdict_follows_the_gap_and_its_noise(evaluation):
    gap, noise = evaluation.log_loss_gap()
    assert ("LOSES" in evaluation.verdict()) == (gap > noise)
    ours = evaluation.metrics[SCORECARD]["log_loss"]
    best = evaluation.metrics[evaluation.best_baseline]["log_loss"]
    assert gap == pytest.approx(ours - best, abs=1e-6)


def test_a_scorecard_that_loses_is_called_so(evaluation):
    flipped = {
        **evaluation.fold_metrics,
        SCORECARD: [{**fold, "log_loss": 2.0} for fold in evaluation.fold_metrics[SCORECARD]],
    }
    worse = type(evaluation)(
        evaluation.churned, evaluation.probabilities, evaluation.metrics, flipped
    )
    assert "LOSES to" in worse.verdict()


def test_metrics_of_a_perfect_and_of_a_blind_model():
    churned = np.array([0, 0, 0, 1] * 25)
    perfect = metrics(churned, np.where(churned == 1, 1 - 1e-9, 1e-9))
    assert perfect["auc"] == perfect["average_precision"] == 1.0
    assert perfect["lift_10"] == 4.0
    assert perfect["log_loss"] == pytest.approx(0, abs=1e-6)
    blind = metrics(churned, np.full(100, 0.25))
    assert blind["auc"] == 0.5
    assert blind["brier"] == pytest.approx(0.1875)
    assert calibration_error(churned, np.full(100, 0.25)) < 0.1


def test_calibration_error_is_the_distance_between_predicted_and_seen():
    churned = np.array([0, 1] * 50)
    assert calibration_error(churned, np.full(100, 0.9)) == pytest.approx(0.4)


def test_lift_counts_the_customers_at_the_highest_risk():
    churned = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    rising = np.linspace(0, 1, 10)
    assert lift(churned, 1 - rising, 0.1) == 5.0
    assert lift(churned, rising, 0.1) == 0.0
    assert lift(churned, rising, 1.0) == 1.0


def test_there_is_a_figure_for_each_question_and_each_feature(evaluation, tmp_path):
    simulation = simulate(500, seed=8)
    card = fit(simulation.customers, simulation.churned, CUSTOMER_SCHEMA).scorecard
    figures = dict(evaluation_figures(evaluation))
    assert list(figures) == ["roc", "precision_recall", "calibration", "gains"]
    effects = dict(effect_figures(card, CUSTOMER_SCHEMA))
    assert list(effects) == [column.name for column in CUSTOMER_SCHEMA.features]
    for name, figure in (figures | effects).items():
        figure.savefig(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
