import pytest

from training.data.protected_attributes import protected_attributes


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("Gender", "sex"),
        ("customer_age", "age"),
        ("DateOfBirth", "age"),
        ("SeniorCitizen", "age"),
        ("MaritalStatus", "marital and family status"),
        ("Number of Dependents", "marital and family status"),
        ("Partner", "marital and family status"),
        ("National Origin", "origin"),
        ("Country of Birth", "origin"),
        ("Nationality", "nationality"),
        ("trade_union_member", "political opinion"),
        ("Sexual Orientation", "sexual orientation"),
        ("Has Disability", "disability and health"),
    ],
)
def test_a_protected_attribute_is_recognised_by_the_words_of_its_name(name, attribute):
    assert protected_attributes([name]) == {name: attribute}


@pytest.mark.parametrize(
    "name",
    [
        *("Usage", "Average Charge", "Package", "Pages", "Tenure in Months", "Monthly Charge"),
        *("Family Plan", "Credit Union", "Screen Orientation", "Origin", "International Plan"),
    ],
)
def test_a_name_that_only_resembles_one_is_not_flagged(name):
    assert protected_attributes([name]) == {}
