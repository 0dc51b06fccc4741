from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from churn_model.errors import MonitoringError
from churn_model.profile import CellCounts
from monitoring.alarms import load_limits
from monitoring.analysis import analyse
from tests.unit.churn_model.profile.scorecards import PAIRED
from tests.unit.monitoring.customers import DAY, START, counted, days

LIMITS = load_limits()


def _analysed(counts, paired_profile, **options):
    return analyse(days(counts), PAIRED, paired_profile, LIMITS, DAY, **options)


def _named(alarms):
    return {(alarm.kind, alarm.subject) for alarm in alarms}


@pytest.mark.parametrize("rows", [1, 30, 100, 1000])
def test_customers_as_in_training_raise_no_alarm(paired_profile, rows):
    rng = np.random.default_rng(1)
    analysis = _analysed([counted(rng, rows) for _ in range(100)], paired_profile)
    assert analysis.alarms == analysis.past_alarms == ()
    assert analysis.reference == "the training rows"
    assert analysis.estimates["auc"].low < analysis.estimates["auc"].high


def test_other_customers_are_an_alarm_from_the_second_window_on(paired_profile):
    rng = np.random.default_rng(2)
    usual, moved = ([counted(rng, 1000, usage=u) for _ in range(3)] for u in (5.0, 7.0))
    first = _analysed([*usual, *moved[:1]], paired_profile)
    assert first.alarms == ()
    assert first.seen_once[0].startswith("usage changed: this lowers the mean log-odds by 0.1")
    assert "in the window of 2026-01-04" in first.seen_once[0]
    assert _analysed(usual, paired_profile).seen_once == ()
    alarms = _analysed([*usual, *moved], paired_profile).alarms
    assert ("drift", "usage") in _named(alarms)
    assert {alarm.since for alarm in alarms} == {START + 3 * DAY}
    message = next(alarm.message for alarm in alarms if alarm.subject == "usage")
    assert message.startswith("usage changed: this lowers the mean log-odds by 0.1")
    assert message.endswith("since 2026-01-04")


def test_missing_values_are_an_alarm_in_the_first_window_that_names_the_feature(paired_profile):
    rng = np.random.default_rng(3)
    analysis = _analysed([counted(rng, 1000), counted(rng, 1000, missing=0.214)], paired_profile)
    (alarm,) = (a for a in analysis.alarms if a.kind == "missing")
    assert alarm.subject == "usage"
    share = 100 * analysis.windows[1].missing["usage"]
    assert alarm.message == f"missing usage rose from 10.0 % to {share:.1f} % since 2026-01-02"


def test_unlisted_levels_are_an_alarm_in_the_first_window(paired_profile):
    rng = np.random.default_rng(4)
    analysis = _analysed([counted(rng, 500), counted(rng, 500, unlisted=0.3)], paired_profile)
    assert ("unlisted", "plan") in _named(analysis.alarms)


def test_rejected_rows_are_an_alarm_that_names_the_rule(paired_profile):
    counts = counted(np.random.default_rng(5), 500)
    broken = replace(counts, rejected=100.0, rules={"usage:type": 90.0, "plan:missing": 10.0})
    (alarm,) = _analysed([counts, broken], paired_profile).alarms
    assert alarm.message == (
        "rejected rows rose from 1.0 % to 16.7 %, most often by usage:type since 2026-01-02"
    )


def test_a_window_of_rejected_rows_only_is_an_alarm(paired_profile):
    rejected = CellCounts(rejected=50.0, rules={"usage:type": 50.0})
    assert _named(_analysed([rejected], paired_profile).alarms) == {("rejected", "")}


def test_a_constant_score_is_an_alarm(paired_profile):
    scores = np.zeros_like(counted(np.random.default_rng(6), 1).scores)
    scores[90] = 40
    assert ("constant_score", "") in _named(
        _analysed([CellCounts(scores=scores)], paired_profile).alarms
    )
    scores[90] = 1
    assert _analysed([CellCounts(scores=scores)], paired_profile).alarms == ()


def test_an_alarm_that_is_over_is_a_past_alarm(paired_profile):
    rng = np.random.default_rng(7)
    broken = counted(rng, 1000, missing=0.5)
    analysis = _analysed([counted(rng, 1000), broken, counted(rng, 1000)], paired_profile)
    assert analysis.alarms == ()
    assert _named(analysis.past_alarms) == {("missing", "usage")}


def test_scores_without_terms_are_compared_and_estimated(paired_profile):
    rng = np.random.default_rng(8)
    counts = [CellCounts(scores=counted(rng, 2000, usage=9.0).scores) for _ in range(2)]
    analysis = _analysed(counts, paired_profile)
    assert _named(analysis.alarms) == {("drift", "")}
    assert analysis.windows[0].terms == ()
    assert analysis.windows[0].estimates["auc"].value > 0.5


def test_an_empty_window_has_no_results(paired_profile):
    (result,) = _analysed([CellCounts()], paired_profile).windows
    assert np.isnan(result.shift)
    assert np.isnan(result.mean_log_odds)
    assert (result.terms, result.score, result.missing, result.estimates) == ((), None, {}, {})


def test_a_log_that_went_silent_is_an_alarm(paired_profile):
    rng = np.random.default_rng(9)
    counts = [counted(rng, 100) for _ in range(20)]
    assert _analysed(counts, paired_profile).alarms == ()
    assert _analysed(counts, paired_profile, now=START + 20.9 * DAY).alarms == ()
    analysis = _analysed(counts, paired_profile, now=START + 22 * DAY)
    assert _named(analysis.alarms) == {("volume", "")}
    assert len(analysis.windows) == 22


def test_a_day_that_is_not_over_is_not_expected_to_be_complete(paired_profile):
    rng = np.random.default_rng(10)
    counts = [*(counted(rng, 100) for _ in range(20)), counted(rng, 2)]
    assert _analysed(counts, paired_profile, now=START + 20.1 * DAY).alarms == ()
    assert _named(_analysed(counts, paired_profile, now=START + 21 * DAY).alarms) == {
        ("volume", "")
    }


def test_a_season_earlier_can_be_the_reference(paired_profile):
    rng = np.random.default_rng(11)
    winter, summer = ([counted(rng, 1000, usage=u) for _ in range(10)] for u in (5.0, 8.0))
    seasons = [*winter, *summer, *winter, *summer]
    assert ("drift", "usage") in _named(_analysed(seasons, paired_profile).alarms)
    analysis = _analysed(seasons, paired_profile, reference=timedelta(days=20))
    assert analysis.reference == "the customers scored 20 days earlier"
    assert analysis.alarms == ()
    assert np.isnan(analysis.windows[0].shift)
    assert abs(analysis.windows[35].shift) < 0.1


def test_no_windows_give_no_results(paired_profile):
    analysis = _analysed([], paired_profile, now=START)
    assert (analysis.windows, analysis.alarms) == ((), ())


def test_the_counts_of_another_model_are_reported(paired_profile):
    counts = counted(np.random.default_rng(12), 10)
    other = replace(counts, terms=counts.terms[:2])
    with pytest.raises(MonitoringError, match="2026-01-01 do not fit the scorecard: they have 2"):
        _analysed([other], paired_profile)
    cut = replace(counts, terms=(counts.terms[0] * 0, *counts.terms[1:]))
    with pytest.raises(MonitoringError, match="are incomplete: customers were scored"):
        _analysed([cut], paired_profile)
