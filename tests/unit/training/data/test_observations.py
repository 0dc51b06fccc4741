"""Observation dates, and labels whose window has not ended."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from churn_model.errors import TableError
from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from churn_model.tables.observations import ObservationOptions, read_observations
from training.data.dataset import Dataset, Target
from training.data.table_reader import check_table

SCHEMA = RecordSchema("Customer", (Column("Id", "identifier"), Column("signed", "date")))
DATASET = Dataset(
    name="panel",
    columns={"Id": "Id", "signed": "signed"},
    target=Target(column="churn", churned=["yes"], kept=["no"], unlabelled=[""]),
)


def panel() -> pd.DataFrame:
    """Two customers on three days each; the second churned after the last."""
    days = ["2026-01-31", "2026-02-28", "2026-03-31"]
    return pd.DataFrame(
        {
            "Id": ["a", "b"] * 3,
            "seen": np.repeat(days, 2),
            "signed": np.repeat(["2025-10-23", "2025-11-20", "2025-12-21"], 2),
            "churn": ["no", "no", "no", "yes", "no", "no"],
        }
    ).astype("str")


def checked(table, **options):
    observation = ObservationOptions("seen", **options)
    return check_table(table, "panel.csv", DATASET, SCHEMA, 0.5, observation=observation)


def test_dates_are_aged_to_the_observation_date_of_their_row():
    table = checked(panel())
    assert set(table.customers["signed"]) == {100.0}
    assert table.as_sent(6, SCHEMA)["signed"].tolist() == panel()["signed"].tolist()
    assert table.split_by == "seen"
    assert table.dates.astype(str).tolist() == panel()["seen"].tolist()


def test_rows_whose_window_has_not_ended_have_no_label_yet():
    table = checked(panel(), window=30)
    assert table.immature_rows == 2
    assert table.dates.max() == np.datetime64("2026-02-28")
    assert "2 whose window has not ended" in table.summary()
    assert table.rows == len(table.churned) + table.immature_rows + table.unlabelled_rows


def test_known_until_says_which_windows_have_ended():
    assert checked(panel(), window=30, known_until=date(2026, 4, 30)).immature_rows == 0
    assert checked(panel(), window=30, known_until=date(2026, 4, 29)).immature_rows == 2
    assert checked(panel(), window=30, known_until=date(2026, 3, 2)).immature_rows == 4


def test_a_table_without_any_ended_window_is_rejected():
    with pytest.raises(TableError, match=r"90 days \(--window\) has not ended for any row"):
        checked(panel(), window=90)


def test_an_invalid_observation_date_rejects_its_row():
    table = panel()
    table.loc[2, "seen"] = "31.02.2026"
    found = checked(table, window=30)
    assert found.rejected_rows == 1
    assert found.rejected[["row", "field", "reason"]].to_numpy().tolist() == [
        [2, "--as-of", "is not a date such as 2026-01-31"]
    ]


@pytest.mark.parametrize(
    "seen",
    [
        pd.Series(["2026-02-01T00:30:00+02:00", "2026-01-30 23:30:00-05:00"], dtype="str"),
        pd.Series(pd.to_datetime(["2026-02-01 00:00", "2026-01-31 23:59"])).dt.tz_localize(
            "Europe/Berlin"
        ),
        pd.Series([date(2026, 1, 31)] * 2),
        pd.Series(["2026-01-31 ", "2026-01-31T10:00:00Z"], dtype="str"),
    ],
)
def test_a_timestamp_with_a_zone_counts_by_its_day_in_utc(seen):
    observed = read_observations(pd.DataFrame({"seen": seen}), ObservationOptions("seen"))
    assert observed.days.astype(str).tolist() == ["2026-01-31", "2026-01-31"]
    assert not observed.errors


def test_an_observation_date_in_the_future_does_not_make_other_windows_end():
    table = panel()
    table.loc[0, "seen"] = "2062-03-31"
    found = checked(table, window=30)
    assert (found.rejected_rows, found.immature_rows) == (1, 2)
    assert found.rejected["reason"].tolist() == ["is an observation date in the future"]
    assert "2 whose window has not ended on 2026-03-31" in found.summary()


@pytest.mark.parametrize("day", ["2611-07-15", "9999-12-31"])
def test_a_date_in_the_far_future_is_in_the_future(day):
    observed = read_observations(pd.DataFrame({"seen": [day]}), ObservationOptions("seen"))
    assert np.isnat(observed.days).all()
    assert observed.errors[0].msg == "is an observation date in the future"


def test_options_are_the_same_after_a_run_has_stored_them():
    for options in (
        ObservationOptions(),
        ObservationOptions(date(2026, 1, 31)),
        ObservationOptions("seen", 60, date(2026, 3, 1)),
    ):
        assert (
            ObservationOptions.from_parameters(
                {name: str(value) for name, value in options.to_parameters().items()}
            )
            == options
        )


def test_all_rows_may_have_been_observed_on_one_day():
    observed = read_observations(panel(), ObservationOptions(date(2026, 4, 1)))
    assert set(observed.days.astype(str)) == {"2026-04-01"}
    assert observed.mature.all()
