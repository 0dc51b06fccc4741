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
def test_a_schema_that_takes_more_takes_the_old_records(fields):
    assert incompatibilities(changed(**fields), OLD) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"visits": (int, Field(ge=1, le=10))}, "visits could be as low as 0"),
        ({"visits": (int, Field(ge=0, lt=10))}, "visits could be as high as 10"),
        ({"share": (float, Field(gt=0.1))}, "share could be as low as 0"),
        ({"plan": (Literal["basic"], ...)}, r"plan no longer has the choices ['plus']"),
        ({"note": (float, ...)}, "note could be missing and is required"),
        ({"visits": (float, ...)}, "visits was of the kind integer and is number"),
        ({"extra": (float, ...)}, "extra is new and required"),
    ],
)
def test_one_that_takes_less_says_what(fields, reason):
    assert any(each.startswith(reason) for each in incompatibilities(changed(**fields), OLD))


def test_an_identifier_must_still_be_carried_through():
    new = RecordSchema(OLD.title, tuple(c for c in OLD if c.kind != "identifier"))
    assert incompatibilities(new, OLD) == ["key is no longer carried through"]
    without = RecordSchema(OLD.title, tuple(c for c in OLD if c.name != "note"))
    assert incompatibilities(without, OLD) == []
