"""What the values of the target column mean."""

import pandas as pd
import pytest

from churn_model.errors import TableError
from churn_model.tables.target import describe_target, read_target

STATUS = pd.DataFrame(
    {"Status": ["Churned", "Stayed", "Joined", "pending", "Unknown", "n/a", "", "Stayed"]}
)


def test_values_that_say_nothing_are_no_labels():
    target = read_target(STATUS, ["Status=Churned"])
    assert target.kept == ["Stayed", "Joined"]
    assert target.unlabelled == ["pending", "Unknown", "n/a", ""]


def test_a_value_that_the_user_names_is_a_label():
    target = read_target(STATUS, ["Status=Churned", "Status=unknown"])
    assert target.churned == ["Churned", "Unknown"]


def test_none_may_be_a_status():
    target = read_target(pd.DataFrame({"Reason": ["none", "price"]}), ["Reason=price"])
    assert target.kept == ["none"]


def test_the_values_are_described_with_counts_and_meanings():
    target = read_target(STATUS, ["Status=Churned"])
    assert describe_target(STATUS, target) == (
        "target Status: churned Churned (1); kept Stayed (2), Joined (1); "
        "no label pending (1), Unknown (1), n/a (1), '' (1)"
    )


def test_values_that_a_descriptor_does_not_list_are_described_too():
    target = read_target(STATUS, ["Status=Churned"]).model_copy(update={"kept": ["Stayed"]})
    assert "not listed Joined (1)" in describe_target(STATUS, target)


def test_a_target_without_customers_who_stayed_is_rejected():
    table = pd.DataFrame({"Status": ["Churned", "unknown"]})
    with pytest.raises(TableError, match=r"no value .* means that a customer stayed: 'unknown'"):
        read_target(table, ["Status=Churned"])
