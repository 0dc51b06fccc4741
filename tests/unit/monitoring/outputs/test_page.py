"""The page, from results made by hand."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from monitoring.outputs.page import page
from monitoring.results import Alarm
from monitoring.windows import Population
from tests.unit.monitoring.examples import START, findings, population_result


def text(html):
    """What a reader sees outside of figures."""
    plain = re.sub(r"<(style|svg).*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", plain))


@pytest.fixture(scope="module")
def drifting():
    return page(findings())


def without_figures(**changes):
    """A page about no windows, which is made at once: drawing takes most of the time."""
    return page(findings(replace(population_result(0, features=0, cohorts=0), **changes)))


def test_the_page_names_verdict_alarm_and_what_to_do(drifting):
    shown = text(drifting)
    assert "Watch; something has changed" in shown
    assert "Drift, tenure:" in shown
    assert "What to do: look for the cause of what has changed" in shown
    assert "one feature drifts, and labels do not confirm a decline yet" in shown
    assert "Compared with the 10,000 training rows of version 3" in shown
    assert "0.7 false alarms per year" in shown


def test_the_page_loads_nothing_from_elsewhere_and_runs_no_script(drifting):
    assert "<script" not in drifting
    assert not re.findall(
        r"(?:src|href)\s*=\s*[\"'](?!#)", re.sub(r"<svg.*?</svg>", "", drifting, flags=re.DOTALL)
    )
    assert not re.findall(r"url\((?!#)", drifting)
    assert "@import" not in drifting


def test_names_of_fields_are_escaped(drifting):
    assert "<b>Offer & Co</b>" not in drifting
    assert "&lt;b&gt;Offer &amp; Co&lt;/b&gt;" in drifting


def test_messages_of_alarms_are_escaped():
    alarm = Alarm("rejected", "<script>x</script>", START, "<img src=x> rose")
    html = without_figures(alarms=(alarm,))
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;img src=x&gt; rose" in html


def test_realised_metrics_are_shown_next_to_the_estimates_of_the_same_customers(drifting):
    shown = text(drifting)
    assert "0.770 (0.740\N{EN DASH}0.800)" in shown
    assert "0.810 (0.790\N{EN DASH}0.830)" in shown


def test_without_labels_the_page_says_how_to_add_them():
    shown = text(without_figures())
    assert "--labels TABLE adds the realised performance" in shown


def test_batch_results_without_values_have_no_drift_by_term():
    result = population_result(4, features=0, population=Population("churn", "3", "batch"))
    shown = text(page(findings(result)))
    assert "Only the scores of these customers are known" in shown


def test_without_any_population_there_is_nothing_to_judge():
    result = population_result(
        2, features=1, cohorts=0, population=Population("churn", "2", "serve")
    )
    shown = text(page(findings(result)))
    assert "Nothing to judge" in shown
    assert "Other versions" in shown
    assert "Version 2, serve: watch, 1 alarm" in shown


def test_alarms_that_are_over_are_listed_apart():
    over = Alarm("volume", "", START, "no customers from 2026-05-01 to 2026-05-03", START)
    shown = text(without_figures(alarms=(), past_alarms=(over,)))
    assert "No alarm." in shown
    assert "1 earlier alarm, over now" in shown
    assert "no customers from 2026-05-01 to 2026-05-03" in shown


@pytest.mark.parametrize("windows", [1, 60])
def test_any_number_of_windows_can_be_drawn(windows):
    assert "<svg" in page(findings(population_result(windows, features=8, cohorts=windows)))


def test_windows_of_hours_are_named_by_their_time():
    hours = timedelta(hours=6)
    shown = text(
        page(findings(population_result(3, features=1, cohorts=0, every=hours), every=hours))
    )
    assert "in windows of 6 hours" in shown
    assert "2026-05-01 12:00" in shown
