"""The errors of a table: in order, one per cell, and without an object for each."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_model.errors import FieldError, InvalidRecords, messages_by_row
from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.validation import check_records
from churn_model.validation.field_errors import ErrorGroup, FieldErrors

N = 8
FIELDS = ["age", "tenure"]
groups = st.lists(
    st.builds(
        lambda field, rule, rows: ErrorGroup(
            field, rule, f"must be {rule}", np.array(sorted(rows), int)
        ),
        st.sampled_from(["", *FIELDS]),
        st.sampled_from(["missing", "int_type", "int_range"]),
        st.sets(st.integers(0, N - 1)),
    ),
    max_size=5,
)


def expected(groups):
    """The first error of each cell, by row and field, found one by one."""
    first = {}
    for group in groups:
        for row in group.rows.tolist():
            first.setdefault((row, ["", *FIELDS].index(group.field)), group.at(row))
    return [first[key] for key in sorted(first)]


@given(groups, st.integers(-20, 20), st.slices(20))
def test_the_errors_are_a_sequence_of_the_first_error_of_each_cell(groups, index, part):
    errors = FieldErrors.first_of_each_cell(groups, FIELDS, N)
    listed = expected(groups)
    assert list(errors) == listed
    assert len(errors) == len(listed)
    assert bool(errors) == bool(listed)
    assert list(errors[part]) == listed[part]
    if -len(listed) <= index < len(listed):
        assert errors[index] == listed[index]
    else:
        with pytest.raises(IndexError):
            errors[index]
    assert errors.counts() == InvalidRecords(listed).counts
    assert errors.messages_by_row(N) == messages_by_row(listed, N)
    assert list(pickle.loads(pickle.dumps(errors))) == listed


@given(groups, st.sets(st.integers(0, N - 1)))
def test_whole_rows_can_be_left_out(groups, rows):
    errors = FieldErrors.first_of_each_cell(groups, FIELDS, N).without_rows(sorted(rows), N)
    assert list(errors) == [error for error in expected(groups) if error.row not in rows]


def test_a_table_with_an_error_in_every_cell_has_one_group_per_field():
    n = 100_000
    checked = check_records([{}] * n, CUSTOMER_SCHEMA)
    required = [column.name for column in CUSTOMER_SCHEMA if column.required]
    assert [group.field for group in checked.errors.groups] == required
    with pytest.raises(InvalidRecords) as caught:
        checked.raise_if_invalid()
    assert caught.value.errors is checked.errors
    assert caught.value.counts == {(name, "missing"): n for name in required}
    assert checked.errors[:2] == tuple(
        FieldError(0, name, "missing", "is required") for name in required[:2]
    )
