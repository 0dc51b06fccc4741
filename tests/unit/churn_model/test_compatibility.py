from typing import Literal

import pytest
from pydantic import BaseModel, Field, create_model

from churn_model.schema import RecordSchema
from churn_model.schema.compatibility import incompatibilities


class Old(BaseModel):
    key: str
    visits: int = Field(ge=0, le=10)
    share: float = Field(gt=0)
    plan: Literal["basic", "plus"]
    note: float | None = None
    count: int


def changed(**fields):
    return RecordSchema.from_model(create_model("New", __base__=Old, **fields))


OLD = RecordSchema.from_model(Old)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"visits": (int, Field(ge=-5, le=20))},
        {"share": (float, Field(ge=0))},
        {"plan": (Literal["plus", "basic", "pro"], ...)},
        {"extra": (float | None, None)},
        {"plan": (Literal["basic", "plus"] | None, None)},
    ],
)
def test_a_schema_that_accepts_more_is_compatible(fields):
    assert incompatibilities(changed(**fields), OLD) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"visits": (int, Field(ge=1, le=10))}, "visits: the minimum rose from 0 to 1"),
        ({"visits": (int, Field(ge=0, lt=10))}, "visits: the maximum fell from 10 to less than 10"),
        (
            {"share": (float, Field(gt=0.1))},
            "share: the minimum rose from more than 0 to more than 0.1",
        ),
        ({"plan": (Literal["basic"], ...)}, "plan: the category levels ['plus'] were removed"),
        ({"note": (float, ...)}, "note: it was optional and is now required"),
        ({"visits": (float, ...)}, "visits: the type changed from integer to number"),
        ({"extra": (float, ...)}, "extra is new and required (make it optional)"),
        ({"count": (int, Field(ge=18))}, "count: a minimum was added: 18"),
        ({"count": (int, Field(lt=18))}, "count: a maximum was added: less than 18"),
    ],
)
def test_a_schema_that_accepts_less_names_each_restriction(fields, reason):
    assert incompatibilities(changed(**fields), OLD) == [reason]


def test_an_identifier_must_still_be_returned():
    new = RecordSchema(OLD.title, tuple(c for c in OLD if c.kind != "identifier"))
    assert incompatibilities(new, OLD) == ["key is no longer returned"]
    without = RecordSchema(OLD.title, tuple(c for c in OLD if c.name != "note"))
    assert incompatibilities(without, OLD) == []


def test_categories_must_still_accept_unlisted_levels():
    opened, closed = OLD.with_unlisted(True), OLD.with_unlisted(False)
    assert incompatibilities(opened, closed) == []
    assert incompatibilities(closed, opened) == ["plan: unlisted category levels are now rejected"]
