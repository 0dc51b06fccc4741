"""The verdict says what to do, and only labels make it say recalibrate or retrain."""

from datetime import timedelta

import numpy as np
import pytest

from churn_model.arrays import sigmoid
from monitoring.alarms.limits import load_limits
from monitoring.labels.matched import Matched
from monitoring.realised.cohorts import realised
from monitoring.realised.verdict import realised_alarms, verdict
from monitoring.results import Alarm
from tests.unit.monitoring.logs import day

LIMITS = load_limits().labels
DRIFT = Alarm("drift", "tenure", day("2026-01-05"), "tenure lowers the mean log-odds by 0.20")


@pytest.fixture
def observe(scorer, profile, customers):
    """Labelled customers whose true log-odds are a function of the predicted ones."""

    def observed(truth, cohorts=3, treated=0):
        rng = np.random.default_rng(8)
        probability = np.tile(scorer.score(customers).probability, cohorts)
        n = len(probability)
        log_odds = np.log(probability / (1 - probability))
        month = np.repeat(np.arange(cohorts), len(customers))
        matched = Matched(
            np.arange(n),
            np.arange(n),
            np.datetime64("2026-01-05") + 30 * month,
            (rng.random(n) < sigmoid(truth(log_odds))).astype(np.int64),
            probability,
            np.ones(n),
            month,
            timedelta(days=30),
            treated,
            1.0,
        )
        return realised(matched, scorer.scorecard, profile, LIMITS)

    return observed


def test_without_labels_and_alarms_the_verdict_is_fine():
    found, reasons = verdict([], None, LIMITS)
    assert found == "fine"
    assert "no labels" in reasons[0]


def test_a_change_in_the_last_window_alone_is_watched():
    found, reasons = verdict([], None, LIMITS, ["prices changed in the window of 2026-01-05"])
    assert found == "watch"
    assert reasons[0] == "prices changed in the window of 2026-01-05."
    assert "changed" not in verdict([DRIFT], None, LIMITS, ["prices changed"])[1][-1]


def test_labels_that_agree_with_the_estimates_are_fine(observe):
    found, reasons = verdict([], observe(lambda x: x), LIMITS)
    assert found == "fine"
    assert "labels up to 2026-03-06" in reasons[0]


def test_drift_without_labels_is_watched_and_never_retrained():
    alarms = [DRIFT, Alarm("estimated_loss", "", day("2026-01-05"), "the estimated log loss rose")]
    found, reasons = verdict(alarms * 20, None, LIMITS)
    assert found == "watch"
    assert "There are no labels" in reasons[-1]


def test_drift_that_labels_do_not_confirm_is_watched(observe):
    found, reasons = verdict([DRIFT], observe(lambda x: x), LIMITS)
    assert found == "watch"
    assert reasons[0] == "tenure lowers the mean log-odds by 0.20."
    assert "do not show that predictions are worse" in reasons[-1]


@pytest.mark.parametrize("shift", [0.6, -0.6])
def test_another_churn_rate_is_recalibrated(observe, shift):
    found, reasons = verdict([DRIFT], observe(lambda x: x + shift), LIMITS)
    assert found == "recalibrate"
    assert "times as many of the recent customers churned as predicted" in reasons[0]
    assert "as good as expected" in reasons[1]


def test_a_weaker_relation_is_retrained(observe):
    result = observe(lambda x: -0.5 + 0.1 * x)
    found, reasons = verdict([], result, LIMITS)
    assert found == "retrain"
    assert any("AUC of the recent customers" in reason for reason in reasons)
    (alarm,) = realised_alarms(result)
    assert alarm.kind == "realised_loss"
    assert alarm.since == day("2026-01-01", 0)


def test_an_unchanged_relation_raises_no_alarm(observe):
    assert realised_alarms(observe(lambda x: x)) == ()


def test_each_reason_is_one_sentence(observe):
    for truth in (lambda x: x, lambda x: x + 0.6, lambda x: -0.5 + 0.1 * x):
        for reason in verdict([DRIFT], observe(truth), LIMITS)[1]:
            assert reason.endswith(".")
            assert "\n" not in reason


def test_estimates_of_a_cohort_are_those_of_its_own_customers(observe):
    result = observe(lambda x: x)
    for cohort in (*result.cohorts, result.recent):
        for name in ("auc", "log_loss", "brier", "churn_rate", "calibration"):
            found, expected = cohort.realised[name].value, cohort.estimated[name]
            assert abs(found - expected.value) < 2 * (expected.high - expected.value), name


def test_a_cohort_without_churners_can_be_measured(observe):
    result = observe(lambda x: np.full_like(x, -50.0), cohorts=1)
    assert "auc" not in result.cohorts[0].realised
    assert verdict([], result, LIMITS)[0] in ("recalibrate", "retrain")


def test_the_reasons_say_for_whom_they_stand_if_customers_were_treated(observe):
    found, reasons = verdict([], observe(lambda x: x, treated=12), LIMITS)
    assert found == "fine"
    assert reasons[1] == (
        "12 treated customers left out; the others represent 100% of the labelled customers."
    )
