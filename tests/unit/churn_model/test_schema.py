from datetime import date, datetime
from enum import Enum
from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field, field_validator, model_validator

from churn_model.errors import SchemaError
from churn_model.schema import CUSTOMER_SCHEMA, CustomerRecord, RecordSchema
from churn_model.schema.column import INT64_MAX, Column, describe_column
from churn_model.validation import check_records


class Rich(BaseModel):
    """A field of each kind, except dates."""

    key: str
    visits: int = Field(gt=0, lt=10, description="Visits", json_schema_extra={"unit": "a month"})
    score: float | None = Field(default=None, gt=0, le=1)
    active: bool
    plan: Literal["basic", "plus"]
    region: Literal["north", "south"] | None = None


class Dated(Rich):
    """A field of each kind."""

    signed: date
    left: date | None = None


def test_the_default_record_has_the_five_fields_with_their_bounds_and_units():
    columns = {c.name: (c.kind, c.required, c.minimum, c.maximum) for c in CUSTOMER_SCHEMA}
    assert columns == {
        "customer_id": ("identifier", True, None, None),
        "age": ("integer", True, 0, 120),
        "tenure": ("integer", True, 0, INT64_MAX),
        "monthly_charges": ("number", True, 0, None),
        "total_charges": ("number", False, 0, None),
    }
    assert all(column.description for column in CUSTOMER_SCHEMA)
    assert all(column.unit for column in CUSTOMER_SCHEMA.features)


@pytest.mark.parametrize("model", [CustomerRecord, Rich, Dated])
def test_a_schema_survives_the_round_trip_through_json_schema(model):
    schema = RecordSchema.from_model(model)
    assert RecordSchema.from_json_schema(schema.to_json_schema()) == schema


@pytest.mark.parametrize("model", [CustomerRecord, Rich, Dated])
def test_the_row_model_has_the_schema_it_was_created_from(model):
    schema = RecordSchema.from_model(model)
    assert RecordSchema.from_model(schema.row_model) == schema


def test_kinds_follow_the_types():
    kinds = {c.name: c.kind for c in RecordSchema.from_model(Dated)}
    assert kinds == {
        "key": "identifier",
        "visits": "integer",
        "score": "number",
        "active": "boolean",
        "plan": "category",
        "region": "category",
        "signed": "date",
        "left": "date",
    }


def test_a_bound_inside_an_optional_type_is_kept():
    class Nested(BaseModel):
        spend: Annotated[float, Field(ge=3)] | None = None

    assert RecordSchema.from_model(Nested).columns[0].minimum == 3


def test_integers_are_limited_to_64_bits():
    class Unbounded(BaseModel):
        visits: int

    (column,) = RecordSchema.from_model(Unbounded).columns
    assert (column.minimum, column.maximum) == (-(2**63), 2**63 - 1)


class _Inner(BaseModel):
    value: int


class _Colour(Enum):
    RED = "red"
    DARK_BLUE = "dark blue"


class _Number(Enum):
    ONE = 1


class _FieldValidator(BaseModel):
    visits: int

    @field_validator("visits")
    @classmethod
    def check(cls, value: int) -> int:
        return value


class _ModelValidator(BaseModel):
    visits: int

    @model_validator(mode="after")
    def check(self) -> "_ModelValidator":
        return self


def _even(value: int) -> int:
    return value


def _class_with(annotation: object, default: object = ...) -> type[BaseModel]:
    namespace: dict[str, object] = {"__annotations__": {"spend": annotation, "visits": int}}
    if default is not ...:
        namespace["spend"] = default
    return type("Odd", (BaseModel,), namespace)


@pytest.mark.parametrize(
    "model",
    [
        _FieldValidator,
        _ModelValidator,
        _class_with(Annotated[int, AfterValidator(_even)]),
        _class_with(Annotated[int, AfterValidator(_even)] | None, None),
        _class_with(Annotated[int, Field(multiple_of=2)]),
        _class_with(Annotated[str, Field(min_length=1)]),
        _class_with(Annotated[str, Field(pattern="a")]),
        _class_with(int | str),
        _class_with(list[int]),
        _class_with(_Inner),
        _class_with(Literal[1, 2]),
        _class_with(complex),
        _class_with(_Number),
        _class_with(datetime),
        _class_with(Annotated[date, Field(ge=date(2020, 1, 1))]),
        _class_with(Annotated[date, Field(ge=date(2020, 1, 1))] | None, None),
        _class_with(int, 5),
        _class_with(int | None),
    ],
)
def test_a_class_with_rules_that_have_no_column_check_is_rejected(model):
    with pytest.raises(SchemaError, match=r"spend|visits|check|Odd"):
        RecordSchema.from_model(model)


@pytest.mark.parametrize("optional", [False, True])
def test_an_enum_of_strings_is_a_category(optional):
    model = _class_with(_Colour | None, None) if optional else _class_with(_Colour)
    column = RecordSchema.from_model(model).columns[0]
    assert (column.kind, column.levels) == ("category", ("red", "dark blue"))
    assert column.required is not optional


@pytest.mark.parametrize(
    "name", ["Monthly Charge ($)", 'a "quoted" one', "select", "Größe", "copy"]
)
def test_a_field_may_have_any_name(name):
    column = Column(name, "number")
    schema = RecordSchema("Customer", (column, Column("_id", "identifier")))
    assert RecordSchema.from_json_schema(schema.to_json_schema()) == schema
    assert RecordSchema.from_model(schema.row_model) == schema
    checked = check_records([{name: 1.5, "_id": "x"}, {name: "x"}], schema)
    assert [(e.row, e.field) for e in checked.errors] == [(1, name), (1, "_id")]
    assert set(schema.row_model.model_validate({name: 2, "_id": "x"}).__dict__.values()) == {2, "x"}


def test_an_alias_is_the_fields_name():
    class Aliased(BaseModel):
        charge: float = Field(alias="Monthly Charge")

    assert RecordSchema.from_model(Aliased).columns[0].name == "Monthly Charge"


@pytest.mark.parametrize(
    "spec", [{"type": "number"}, {"type": ["number", "null"]}, {"type": "number", "default": None}]
)
def test_a_property_that_is_not_required_may_be_missing(spec):
    document = {"type": "object", "properties": {"a": spec}}
    assert RecordSchema.from_json_schema(document).columns[0] == Column("a", "number", False)


def test_a_scorecard_sees_the_age_of_a_date():
    schema = RecordSchema.from_model(Dated)
    assert [column.name for column in schema.dates] == ["signed", "left"]
    aged = schema.with_ages("days before 2026-01-31")
    assert not aged.dates
    assert {c.name: (c.kind, c.required) for c in aged}["left"] == ("integer", False)
    assert aged.columns[-1].label == "left (days before 2026-01-31)"


def test_a_record_without_features_is_rejected():
    class Nothing(BaseModel):
        key: str

    with pytest.raises(SchemaError, match="no field can be a feature"):
        RecordSchema.from_model(Nothing)


def test_a_field_named_like_an_output_column_is_rejected():
    class Clash(BaseModel):
        churn_probability: float

    with pytest.raises(SchemaError, match="rename it"):
        RecordSchema.from_model(Clash)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"type": "array"},
        {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a", "b"]},
        {"type": "object", "properties": {"a": {"enum": ["x", "x"]}}, "required": ["a"]},
        {"type": "object", "properties": {"a": "integer"}},
        {"type": "object", "properties": {"a": {"type": "string", "format": "date-time"}}},
        {
            "type": "object",
            "properties": {"a": {"type": "integer", "minimum": "0"}},
            "required": ["a"],
        },
    ],
)
def test_a_json_schema_of_something_else_is_rejected(document):
    with pytest.raises(SchemaError):
        RecordSchema.from_json_schema(document)


@pytest.mark.parametrize(
    ("column", "description"),
    [
        (Column("a", "integer", minimum=0, maximum=120), "integer, 0 to 120"),
        (Column("a", "integer", maximum=INT64_MAX, minimum=0), "integer, 0 or more"),
        (Column("a", "number", exclusive_minimum=0.5), "number, above 0.5"),
        (
            Column("a", "number", exclusive_maximum=1, required=False),
            "number, below 1; may be missing",
        ),
        (
            Column("a", "category", levels=("x", "y"), allows_unlisted=True),
            "one of: x, y (or another)",
        ),
        (Column("a", "identifier"), "string, returned unchanged"),
    ],
)
def test_a_column_is_described_in_words(column, description):
    assert describe_column(column) == description


def test_a_long_list_of_levels_is_shortened():
    assert (
        describe_column(Column("a", "category", levels=("x", "y", "z")), 2) == "one of: x, y, ..."
    )


@pytest.mark.parametrize("allowed", [True, False])
def test_unlisted_levels_are_accepted_or_rejected(allowed):
    plans = [
        c for c in RecordSchema.from_model(Rich).with_unlisted(allowed) if c.kind == "category"
    ]
    assert {column.allows_unlisted for column in plans} == {allowed}


def test_an_actionable_field_stays_actionable_and_others_are_not():
    class Offered(BaseModel):
        customer_id: str
        plan: Literal["basic", "plus"] = Field(json_schema_extra={"actionable": True})
        discount: float | None = Field(default=None, ge=0, json_schema_extra={"actionable": True})
        age: int

    schema = RecordSchema.from_model(Offered)
    assert [column.name for column in schema if column.actionable] == ["plan", "discount"]
    assert RecordSchema.from_json_schema(schema.to_json_schema()) == schema
    assert RecordSchema.from_model(schema.row_model) == schema


@pytest.mark.parametrize(("kind", "given"), [("integer", "yes"), ("integer", 1), ("string", True)])
def test_only_a_feature_can_be_actionable_and_only_true_says_so(kind, given):
    properties = {"a": {"type": "integer"}, "b": {"type": kind, "actionable": given}}
    with pytest.raises(SchemaError, match="actionable"):
        RecordSchema.from_json_schema(
            {"title": "t", "type": "object", "properties": properties, "required": ["a", "b"]}
        )
