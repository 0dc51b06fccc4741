"""The two tables, from results made by hand."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitoring.outputs.columns import DRIFT_COLUMNS, PROFILE_COLUMNS
from monitoring.outputs.tables import drift_metrics, profile_metrics
from monitoring.results import Alarm
from monitoring.windows import Population
from tests.unit.monitoring.examples import DAY, START, findings, population_result

DOCS = Path(__file__).parents[4] / "docs" / "monitoring" / "tables.md"


def rows(table, **wanted):
    return [
        row
        for row in table.to_pylist()
        if all(row[name] == value for name, value in wanted.items())
    ]


def test_each_window_has_a_row_with_its_keys_and_counts():
    result = population_result(3)
    table = profile_metrics(findings(result))
    whole = rows(table, column_name=":table")
    assert [row["window_start"] for row in whole] == [START + i * DAY for i in range(3)] + [
        START + 3 * DAY
    ]
    assert [row["count"] for row in whole[:3]] == [
        round(each.window.counts.scored) for each in result.windows
    ]
    assert {(row["model_name"], row["model_version"], row["source"]) for row in whole} == {
        ("churn", "3", "serve")
    }
    assert {row["granularity"] for row in whole} == {"1 day"}


def test_a_cohort_without_a_window_of_its_own_has_a_row():
    whole = rows(profile_metrics(findings(population_result(2, cohorts=4))), column_name=":table")
    assert [row["labelled"] for row in whole] == [612] * 4
    assert [row["count"] for row in whole[2:]] == [None, None]
    assert whole[3]["realised_auc"] == pytest.approx(0.77)


def test_the_cohorts_of_short_windows_are_a_day_long():
    result = replace(population_result(2, every=DAY / 4), cohorts=population_result(2).cohorts)
    whole = rows(profile_metrics(findings(result, every=DAY / 4)), column_name=":table")
    granularity = [(row["granularity"], row["labelled"] is not None) for row in whole]
    assert set(granularity) == {("6 hours", False), ("1 day", True)}


def test_shares_of_missing_values_are_percentages_of_a_feature():
    (row,) = rows(profile_metrics(findings(population_result(1))), column_name="age")
    assert row["percent_null"] == pytest.approx(3.0)
    assert row["percent_unlisted"] is None


def test_populations_are_not_mixed():
    other = population_result(2, population=Population("churn", "3", "batch"), features=0)
    table = drift_metrics(findings(population_result(2), other))
    assert {row["source"] for row in table.to_pylist()} == {"serve"}
    assert len(rows(table, column_name="tenure")) == 2


def test_an_empty_window_has_nulls_and_no_drift():
    result = population_result(2)
    empty = replace(
        result.windows[0],
        window=replace(result.windows[0].window, counts=type(result.windows[0].window.counts)()),
        mean_log_odds=float("nan"),
        shift=float("nan"),
        terms=(),
        estimates={},
        missing={},
        unlisted={},
    )
    shown = findings(replace(result, windows=(empty, *result.windows[1:]), cohorts=()))
    (row,) = rows(profile_metrics(shown), column_name=":table", window_start=START)
    assert (row["count"], row["mean_probability"], row["estimated_auc"]) == (0, None, None)
    assert rows(drift_metrics(shown), window_start=START) == []


def test_windows_of_an_alarm_are_marked_until_it_is_over():
    over = Alarm("drift", "age", START + DAY, "age changed", START + 3 * DAY)
    result = replace(population_result(5, drifts=False), past_alarms=(over,))
    marked = rows(drift_metrics(findings(result)), is_alarm=True)
    assert [(row["column_name"], row["window_start"]) for row in marked] == [
        ("age", START + DAY),
        ("age", START + 2 * DAY),
    ]


def test_no_population_gives_empty_tables_with_all_columns():
    none = replace(findings(), results=())
    assert profile_metrics(none).num_rows == drift_metrics(none).num_rows == 0
    assert profile_metrics(none).column_names == [column.name for column in PROFILE_COLUMNS]


def test_the_length_of_a_window_is_named():
    shown = findings(population_result(1, every=timedelta(hours=6)), every=timedelta(hours=6))
    assert {row["granularity"] for row in profile_metrics(shown).to_pylist()} == {"6 hours"}


@pytest.mark.parametrize("columns", [PROFILE_COLUMNS, DRIFT_COLUMNS], ids=["profile", "drift"])
def test_each_column_is_documented_with_its_meaning(columns):
    text = DOCS.read_text()
    for column in columns:
        if not column.name.endswith(("_low", "_high")):
            assert f"| `{column.name}` | {column.meaning} |" in text
