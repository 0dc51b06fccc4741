"""The table of labels: what counts, what is left out, and what is said about it."""

from datetime import date, timedelta

import pandas as pd
import pytest

from churn_model.errors import MonitoringError, TableError
from monitoring.labels.table import read_label_table
from tests.unit.monitoring.labels.labels import options, write_labels


def row(name, observed="2026-03-01", churned=0, **more):
    return {"customer_id": name, "observed": observed, "churned": churned, **more}


def read(folder, rows, **changes):
    return read_label_table(options(write_labels(folder, rows), **changes))


def test_equal_labels_count_once(tmp_path):
    labels = read(tmp_path, [row("a"), row("a"), row("a", "2026-03-02")])
    assert len(labels) == 2
    assert "labels: 1 row with a repeated label of the same day" in labels.notes


def test_contradicting_labels_are_left_out_and_reported(tmp_path):
    labels = read(tmp_path, [row("b"), row("a"), row("a", churned=1), row("a")])
    assert labels.customers[labels.customer].tolist() == ["b"]
    assert "left out 1 customer with contradicting labels" in labels.notes[-1]
    assert "in row 1 (2026-03-01)" in labels.notes[-1]


def test_only_contradicting_labels_are_one_line(tmp_path):
    file = tmp_path / "labels.csv"
    pd.DataFrame([row("a"), row("a", churned=1)]).to_csv(file, index=False)
    with pytest.raises(TableError, match="all customers have contradicting labels"):
        read_label_table(options(file, window=0))


def test_ambiguous_dates_are_reported_without_a_flag_that_the_command_lacks(tmp_path):
    file = tmp_path / "labels.csv"
    pd.DataFrame([row("a", "01/02/2026"), row("b", "02/01/2026", 1)]).to_csv(file, index=False)
    with pytest.raises(TableError, match="write them as 2026-01-31") as error:
        read_label_table(options(file, window=0))
    assert "--format" not in str(error.value)


def test_an_observation_day_in_the_future_is_one_line(tmp_path):
    with pytest.raises(MonitoringError, match="is in the future"):
        read(tmp_path, [row("a")], as_of=date.today() + timedelta(days=9), window=0)


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        ({"treatment": "churned=1"}, "--target and --treatment"),
        ({"as_of": "churned"}, "--target and --as-of"),
        ({"id": "churned"}, "--id and --target"),
    ],
)
def test_two_flags_with_the_same_column_are_one_line(tmp_path, changes, flags):
    with pytest.raises(MonitoringError, match=f"{flags} both name the column 'churned'"):
        read(tmp_path, [row("a")], **changes)


def test_a_customer_is_treated_if_any_of_the_equal_labels_says_so(tmp_path):
    rows = [row("a", contacted=0), row("a", contacted=1), row("b", contacted=0)]
    labels = read(tmp_path, rows, treatment="contacted=1")
    assert labels.treated.tolist() == [True, False]


def test_a_treatment_that_nobody_had_is_reported(tmp_path):
    labels = read(tmp_path, [row("a", contacted="no")], treatment="contacted=yes")
    assert not labels.treated.any()
    assert "no customer has contacted=yes; column 'contacted' has 'no'" in labels.notes[-2]


def test_rows_without_a_label_an_identifier_or_a_date_are_left_out(tmp_path):
    rows = [row("a"), row("b", churned=""), row(""), row("c", "soon")]
    labels = read(tmp_path, rows)
    assert labels.customers.tolist() == ["a"]
    assert "labels: left out 1 row without a label" in labels.notes
    assert "labels: left out 2 rows without an identifier or a valid date" in labels.notes


def test_identifiers_keep_their_leading_zeros_and_case(tmp_path):
    labels = read(tmp_path, [row("007"), row("Ab"), row("ab"), row("None")])
    assert labels.customers.tolist() == ["007", "Ab", "ab", "None"]


def test_numbers_of_parquet_files_are_identifiers(tmp_path):
    file = tmp_path / "labels.parquet"
    frame = pd.DataFrame({"customer_id": [7, 8], "observed": date(2026, 3, 1), "churned": [1, 0]})
    frame.to_parquet(file)
    labels = read_label_table(options(file, known_until=date(2026, 5, 1)))
    assert labels.customers.tolist() == ["7", "8"]


def test_one_day_for_all_rows_can_be_named(tmp_path):
    labels = read(tmp_path, [row("a")], as_of=date(2026, 3, 1), known_until=date(2026, 4, 1))
    assert set(labels.days.astype(str)) == {"2026-03-01"}


def test_known_until_is_the_last_date_in_the_table(tmp_path):
    assert read(tmp_path, [row("a")]).observation.known_until == date(2026, 6, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "customer"}, "has no column 'customer' \\(--id\\)"),
        ({"as_of": "day"}, "has no column 'day' \\(--as-of\\)"),
        ({"treatment": "offer=1"}, "has no column 'offer' \\(--treatment\\)"),
        ({"target": ("churned=yes",)}, "has no value 'yes'"),
        ({"window": 3000}, "window of 3000 days \\(--window\\) has not ended for any row"),
    ],
)
def test_a_table_that_does_not_fit_is_one_line(tmp_path, changes, message):
    with pytest.raises(TableError, match=message) as error:
        read(tmp_path, [row("a")], **changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": ""}, "--labels needs --id"),
        ({"window": 0, "known_until": date(2026, 5, 1)}, "--window 60D"),
        ({"as_of": date(2026, 3, 1)}, "--known-until DAY"),
        ({"known_until": date.today() + timedelta(days=9)}, "is in the future"),
        ({"treatment": "contacted"}, "--treatment must be COLUMN=VALUE"),
    ],
)
def test_options_that_do_not_fit_together_are_one_line(tmp_path, changes, message):
    with pytest.raises(MonitoringError, match=message):
        options(tmp_path / "labels.csv", **changes)
