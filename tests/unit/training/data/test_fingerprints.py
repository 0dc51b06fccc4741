"""Training customers are found again in other tables."""

import io
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.schema.column import Column
from churn_model.tables.observations import ObservationOptions
from training.data.customers import CustomersOfRows
from training.data.fingerprints import Fingerprints, fingerprints
from training.data.table import Table, simulated_table

NAMELESS = RecordSchema(
    "Customer", tuple(column for column in CUSTOMER_SCHEMA if column.kind != "identifier")
)


def found(training, fresh, schema=CUSTOMER_SCHEMA):
    stored = Fingerprints.from_bytes(fingerprints(training, schema).to_bytes())
    return stored.contain(fresh, schema)


def test_a_table_without_one_row_is_still_the_training_table():
    table = simulated_table(500, 1)
    assert found(table, table.take(np.arange(1, 500))).all()


def test_other_customers_are_fresh():
    assert not found(simulated_table(500, 1), simulated_table(500, 2)).any()


def test_a_customer_is_found_although_the_values_have_changed():
    table = simulated_table(500, 1)
    later = replace(table, customers=table.customers.assign(tenure=table.customers["tenure"] + 1))
    assert found(table, later).all()


def test_rows_are_found_under_other_identifiers():
    table = simulated_table(500, 1)
    names = [f"new {number}" for number in range(500)]
    renamed = replace(table, customers=table.customers.assign(customer_id=names))
    assert found(table, renamed).all()
    relabelled = replace(renamed, churned=1 - table.churned)
    assert not found(table, relabelled).any()


def test_rows_without_identifiers_are_found_whatever_types_a_file_has():
    table = simulated_table(500, 1)
    table = replace(table, customers=table.customers.drop(columns="customer_id"))
    same = replace(table, customers=table.customers.astype({"age": np.float64}))
    assert found(table, same.take(np.arange(0, 500, 2)), NAMELESS).all()


def test_rows_of_few_different_values_are_equal_by_chance():
    schema = RecordSchema("C", (Column("plan", "category", levels=("a", "b")),))

    def table(seed):
        rng = np.random.default_rng(seed)
        customers = pd.DataFrame({"plan": rng.choice(["a", "b"], 200)})
        churned = rng.integers(0, 2, 200)
        ones = CustomersOfRows.one_per_row(200)
        return Table("t", customers, churned, pd.DataFrame(), 200, 0, 0, np.ones(200), ones)

    assert not found(table(0), table(1), schema).any()


@pytest.mark.parametrize(
    ("day", "window", "is_known"),
    [
        ("2026-03-01", 60, True),
        ("2026-05-01", 60, False),
        ("2026-02-01", 0, True),
        ("2026-02-02", 0, False),
    ],
)
def test_a_training_customer_observed_after_the_training_window_is_fresh(day, window, is_known):
    def observed(table, date):
        days = np.full(len(table.churned), np.datetime64(date))
        return replace(table, observation=ObservationOptions("seen", window), observed=days)

    table = simulated_table(500, 1)
    later = replace(table, customers=table.customers.assign(tenure=table.customers["tenure"] + 1))
    contained = found(observed(table, "2026-02-01"), observed(later, day))
    assert contained.all() == contained.any() == is_known


@pytest.mark.parametrize(
    "written",
    [
        lambda number: float(number),
        lambda number: f" {number} ",
        lambda number: f"{number:05d}",
        lambda number: str(number).encode(),
    ],
)
def test_an_identifier_is_found_however_a_file_has_it(written):
    table = simulated_table(500, 1)

    def with_identifiers(names):
        changed = table.customers["tenure"] + len(names[:1])
        return replace(table, customers=table.customers.assign(customer_id=names, tenure=changed))

    training = replace(
        table, customers=table.customers.assign(customer_id=list(map(str, range(500))))
    )
    fresh = with_identifiers([written(number) for number in range(500)])
    assert found(training, fresh).all()


def observed(table, *days):
    """The table as observed on these days; on one day without a column that says so."""
    observation = ObservationOptions("seen" if len(days) > 1 else date.fromisoformat(days[0]), 60)
    each = np.resize(np.array(days, dtype="datetime64[D]"), len(table.churned))
    return replace(table, observation=observation, observed=each)


def test_training_rows_are_found_without_their_dates_and_with_other_ones():
    table = simulated_table(500, 1)
    training = observed(table, "2026-01-31", "2026-02-28")
    assert found(training, table).all()
    assert found(training, observed(table, "2026-10-31")).all()
    nameless = replace(table, customers=table.customers.drop(columns="customer_id"))
    assert found(observed(nameless, "2026-01-31", "2026-02-28"), nameless, NAMELESS).all()


def test_rows_that_do_not_change_are_fresh_when_they_are_observed_later():
    table = simulated_table(500, 1)
    training = observed(table, "2026-01-31", "2026-02-28")
    assert not found(training, observed(table, "2026-09-30", "2026-10-31")).any()


@pytest.mark.parametrize("name", ["customers", "rows", "known_to"])
def test_a_damaged_record_is_not_read(name):
    whole = fingerprints(simulated_table(50, 1), CUSTOMER_SCHEMA).to_bytes()
    with np.load(io.BytesIO(whole)) as archive:
        arrays = dict(archive)
    arrays[name] = np.array([[0.5]])
    file = io.BytesIO()
    np.savez(file, **arrays)
    for damaged in (file.getvalue(), whole[:100], b"", b"\x93NUMPY"):
        with pytest.raises(ValueError, match=r"has no valid|is not a numpy archive"):
            Fingerprints.from_bytes(damaged)


def test_missing_identifiers_are_of_nobody():
    table = simulated_table(500, 1)
    nobody = replace(table, customers=table.customers.assign(customer_id=None))
    changed = nobody.customers.assign(monthly_charges=nobody.customers["monthly_charges"] + 0.01)
    assert not found(nobody, replace(nobody, customers=changed)).any()


def test_rows_of_a_table_without_dates_stay_known_when_others_have_dates():
    undated, other = (
        replace(table, customers=table.customers.drop(columns="customer_id"))
        for table in (simulated_table(500, 1), simulated_table(500, 2))
    )
    dated = observed(other, "2026-01-31", "2026-02-28")
    both = fingerprints(dated, NAMELESS).with_others(fingerprints(undated, NAMELESS))
    assert both.contain(observed(undated, "2026-01-31", "2026-02-28"), NAMELESS).all()


def test_customers_of_a_table_without_dates_stay_known_when_others_have_dates():
    undated, later = simulated_table(500, 1), simulated_table(500, 2)
    days = np.full(500, np.datetime64("2026-01-31"))
    dated = replace(later, observation=ObservationOptions("seen", 60), observed=days)
    both = fingerprints(dated, CUSTOMER_SCHEMA).with_others(fingerprints(undated, CUSTOMER_SCHEMA))
    changed = undated.customers.assign(tenure=undated.customers["tenure"] + 1)
    fresh = replace(undated, customers=changed, observation=dated.observation, observed=days + 300)
    assert both.contain(fresh, CUSTOMER_SCHEMA).all()
