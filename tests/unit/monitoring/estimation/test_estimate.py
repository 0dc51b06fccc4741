import numpy as np
import pytest

from churn_model.offer import Offer
from churn_model.profile import CellCounts
from churn_model.profile.score_bins import BINS, PROBABILITY, count_scores
from churn_model.scoring.campaign import Campaign
from monitoring.estimation import estimate, expected_losses, reference_estimates
from monitoring.estimation.calibration_map import fit_calibration
from monitoring.estimation.expected_metrics import expected_metrics
from tests.unit.churn_model.profile.scorecards import PAIRED
from tests.unit.monitoring.customers import counted, profile_of, scored
from training.evaluation.metrics import metrics

CAMPAIGN = PAIRED.with_campaign(
    Campaign.of(Offer(cost=20, success=0.3, horizon=12, margin=0.5, contact_cost=1), "usage")
)


def test_expected_metrics_are_those_of_labelled_customers():
    rng = np.random.default_rng(1)
    probability = rng.beta(2, 5, 20_000)
    churned = (rng.random(20_000) < probability).astype(np.int64)
    found = expected_metrics(count_scores(probability), count_scores(probability[churned == 1]))
    labelled = metrics(churned, probability)
    for name in ("auc", "log_loss", "brier"):
        assert found[name].value == pytest.approx(labelled[name], abs=5e-4)
    assert found["churn_rate"].value == pytest.approx(churned.mean())
    assert found["calibration"].value == pytest.approx(
        churned.mean() / probability.mean(), abs=1e-3
    )


@pytest.mark.parametrize("name", ["auc", "log_loss", "brier", "churn_rate", "calibration"])
def test_gradients_are_the_derivatives(name):
    customers = np.random.default_rng(2).integers(1, 20, BINS).astype(float)
    churners = customers * PROBABILITY
    metric = expected_metrics(customers, churners)[name]
    for bin_ in (0, 60, 101, 150):
        changed = churners.copy()
        changed[bin_] += 1e-5
        slope = (expected_metrics(customers, changed)[name].value - metric.value) / 1e-5
        assert slope == pytest.approx(metric.gradient[bin_], rel=1e-3, abs=1e-9)


@pytest.mark.parametrize("slope", [0.6, 1.0, 1.5])
def test_the_calibration_of_the_held_out_scores_is_found(slope):
    found = fit_calibration(profile_of(np.random.default_rng(3), 40_000, slope))
    error = np.sqrt(found.covariance[1, 1])
    assert abs(found.coefficients[1] - slope) < 3.5 * error
    assert error < 0.1


def test_a_calibrated_model_is_not_recalibrated_by_the_noise_of_few_customers():
    found = [fit_calibration(profile_of(np.random.default_rng(i), 500, 1.0)) for i in range(20)]
    slopes = np.array([calibration.coefficients[1] for calibration in found])
    error = np.sqrt(found[0].covariance[1, 1])
    assert np.sqrt(np.mean((slopes - 1.0) ** 2)) < 0.75 * error
    assert np.median(np.abs(slopes - 1.0)) < 0.4 * error


def test_estimates_are_close_to_the_realised_values_and_within_their_intervals(paired_profile):
    rng = np.random.default_rng(4)
    inside = []
    for _ in range(60):
        counts, probability = scored(rng, 1000, usage=7.0)
        churned = (rng.random(1000) < probability).astype(np.int64)
        realised = metrics(churned, probability)
        found = estimate(counts, paired_profile, PAIRED)
        inside += [found[n].low <= realised[n] <= found[n].high for n in ("auc", "log_loss")]
    assert 0.88 <= np.mean(inside) <= 1.0


def test_a_smaller_window_has_wider_intervals(paired_profile):
    counts = counted(np.random.default_rng(5), 5000)
    few = CellCounts(tuple(cells / 50 for cells in counts.terms), counts.scores / 50)
    for name, many in estimate(counts, paired_profile, PAIRED).items():
        assert estimate(few, paired_profile, PAIRED)[name].value == pytest.approx(many.value)
        assert estimate(few, paired_profile, PAIRED)[name].high > many.high


def test_the_reference_has_the_churn_rate_of_its_held_out_customers(paired_profile):
    found = reference_estimates(paired_profile, PAIRED)
    observed = sum(paired_profile.scores.churners) / sum(paired_profile.scores.rows)
    assert found["churn_rate"].value == pytest.approx(observed, abs=0.002)
    assert expected_losses(paired_profile) @ np.array(
        paired_profile.scores.rows
    ) / 4000 == pytest.approx(found["log_loss"].value)


def test_cells_that_churned_more_than_predicted_count_with_their_weight_in_the_window(
    paired_profile,
):
    plan = paired_profile.terms[2]
    worse = [
        churners + (0.2 * held_out if level == 2 else 0.0)  # premium
        for level, (churners, held_out) in enumerate(zip(plan.churners, plan.held_out, strict=True))
    ]
    changed = paired_profile.model_copy(
        update={"terms": [*paired_profile.terms[:2], plan.model_copy(update={"churners": worse})]}
    )
    cells = counted(np.random.default_rng(6), 2000)
    premium = np.array([0.0, 0, 2000, 0])
    more = CellCounts((*cells.terms[:2], premium), cells.scores)
    rate = estimate(more, changed, PAIRED)["churn_rate"]
    assert rate.value > estimate(more, paired_profile, PAIRED)["churn_rate"].value + 0.03
    assert estimate(cells, changed, PAIRED)["churn_rate"].value == pytest.approx(
        estimate(cells, paired_profile, PAIRED)["churn_rate"].value, abs=0.01
    )


def test_the_profit_of_a_campaign_is_that_of_the_contacted_customers(paired_profile):
    contacted, revenue = np.zeros(BINS), np.zeros(BINS)
    contacted[101], revenue[101] = 50, 50 * 80.0
    counts = CellCounts(
        scores=count_scores(np.full(200, 0.51)),
        predicted=contacted,
        revenue=revenue,
        with_revenue=contacted,
    )
    found = estimate(counts, paired_profile, CAMPAIGN)["profit"]
    rate = 1 / (1 + np.exp(-fit_calibration(paired_profile).log_odds()[101]))
    assert found.value == pytest.approx(CAMPAIGN.campaign.offer.expected_profit(rate, 80.0))
    assert found.low < found.value < found.high
    assert "profit" not in estimate(counts, paired_profile, PAIRED)
    assert "profit" not in estimate(CellCounts(scores=counts.scores), paired_profile, CAMPAIGN)


def test_no_customers_have_no_estimates(paired_profile):
    assert estimate(CellCounts(), paired_profile, PAIRED) == {}


@pytest.mark.parametrize("churners", [0.0, 1.0])
def test_a_profile_in_which_nobody_or_everybody_churned_gives_finite_estimates(
    paired_profile, churners
):
    scores = paired_profile.scores.model_copy(
        update={"churners": [churners * rows for rows in paired_profile.scores.rows]}
    )
    extreme = paired_profile.model_copy(update={"scores": scores})
    found = estimate(counted(np.random.default_rng(7), 100), extreme, PAIRED)
    assert np.isfinite([tuple(each) for each in found.values()]).all()
