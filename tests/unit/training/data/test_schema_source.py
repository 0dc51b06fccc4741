import json

import pytest

from churn_model.errors import SchemaError
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from tests.unit.churn_model.test_schema import Rich
from training.data.schema_source import load_schema


def test_a_schema_comes_from_a_class_a_file_or_is_the_default(tmp_path):
    rich = RecordSchema.from_model(Rich)
    assert load_schema("tests.unit.churn_model.test_schema:Rich") == rich
    (tmp_path / "rich.json").write_text(json.dumps(rich.to_json_schema()))
    assert load_schema(str(tmp_path / "rich.json")) == rich
    assert load_schema("") is CUSTOMER_SCHEMA


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("nowhere.json", "cannot be read"),
        ("somewhere", "neither package.module:ClassName nor a .json file"),
        ("no.such.module:Class", "cannot be imported"),
        ("json:Nothing", "has no class 'Nothing'"),
        ("json:JSONDecoder", "is not a pydantic class"),
    ],
)
def test_anything_else_is_rejected_in_one_line(name, complaint):
    with pytest.raises(SchemaError, match=complaint):
        load_schema(name)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("{", "not valid JSON: line 1, column 1"), ("[]", "must be a JSON object")],
)
def test_a_file_that_is_not_a_schema_is_rejected(tmp_path, text, complaint):
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(SchemaError, match=complaint):
        load_schema(str(tmp_path / "bad.json"))


@pytest.mark.parametrize("hint", [{"role": "salary"}, {"monotone": "down"}])
def test_an_unknown_hint_is_rejected(hint):
    document = {
        "type": "object",
        "properties": {"a": {"type": "integer", **hint}},
        "required": ["a"],
    }
    with pytest.raises(SchemaError, match="must be one of"):
        RecordSchema.from_json_schema(document)
