"""The OpenAPI 3.1 document: ``openapi.json``, completed with the served model's schema.

``openapi_v2.json`` has the routes of the Open Inference Protocol. The files are templates.
``{"$ref": "#/$defs/NAME"}`` in them stands for a part that occurs more than once (defined in a file
under ``$defs``) or that depends on the model (defined here).
"""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import Any

from churn_model.schema import RecordSchema
from churn_model.schema.column import describe_column
from churn_model.scoring import EXPECTED_PROFIT
from churn_model.scoring.example import example_customer
from serving.api import openapi_v2
from serving.served_model import ServedModel

_PART = "#/$defs/"


def document(served: ServedModel, *, keys: bool, root_path: str = "") -> dict[str, Any]:
    """The OpenAPI document for the model that is served now.

    ``keys``: whether the server requires API keys; ``root_path``: where a proxy serves it.
    """
    schema = served.scorer.schema
    template, protocol = _read("openapi.json"), _read("openapi_v2.json")
    template["paths"] |= protocol["paths"]
    template["components"]["schemas"] |= protocol["schemas"]
    defined = template.pop("$defs") | protocol["$defs"]
    if not schema.dates:
        _remove_as_of(defined)
    example = example_customer(served.scorer)
    parts = {name: _insert(part, defined) for name, part in defined.items()} | {
        "version": served.version or "unregistered",
        "root_path": root_path or "/",
        "customer": _customer(schema),
        "example": example,
        "fields": _fields_table(schema),
    }
    parts |= openapi_v2.parts(served, example, parts["params"])
    complete: dict[str, Any] = _insert(template, parts)
    if served.scorer.scorecard.campaign is not None:
        _add_expected_profit(complete["components"]["schemas"])
    _add_identifiers(complete["components"]["schemas"]["Score"], schema)
    openapi_v2.add_versions(complete["paths"], served)
    if not keys:
        del complete["security"]
        complete["components"]["securitySchemes"] = {}
    return complete


def _read(name: str) -> dict[str, Any]:
    """A template of this package."""
    read: dict[str, Any] = json.loads(resources.files(__package__).joinpath(name).read_bytes())
    return read


def _customer(schema: RecordSchema) -> dict[str, Any]:
    """The JSON Schema of a customer, without its title and other keys that OpenAPI tools ignore."""
    described = schema.to_json_schema()
    return {key: described[key] for key in ("type", "properties", "required") if key in described}


def _remove_as_of(defined: dict[str, Any]) -> None:
    """Remove the parameter that only models with dates have."""
    del defined["params"]["properties"]["as_of"]
    defined["query"] = [entry for entry in defined["query"] if entry["name"] != "as_of"]


def _insert(node: Any, parts: dict[str, Any]) -> Any:
    """A copy of ``node`` with each reference to one of ``parts`` replaced by that part as it is."""
    if isinstance(node, list):
        return [_insert(item, parts) for item in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref", "")
    if isinstance(reference, str) and reference.startswith(_PART):
        return parts[reference.removeprefix(_PART)]
    return {key: _insert(value, parts) for key, value in node.items()}


def _add_identifiers(score: dict[str, Any], schema: RecordSchema) -> None:
    """Put the model's identifiers in front of the fields that every score has."""
    identifiers = {column.name: {"type": "string"} for column in schema.identifiers}
    score["properties"] = identifiers | score["properties"]
    score["required"] = [*identifiers, *score["required"]]


def _add_expected_profit(schemas: dict[str, Any]) -> None:
    """Add what only a model with a campaign returns."""
    profit = {
        "type": ["number", "null"],
        "description": "Expected profit of contacting the customer in the campaign that the model "
        "was trained for; null if the customer's revenue is missing",
    }
    for schema, name, value in (
        (schemas["Score"], EXPECTED_PROFIT, profit),
        (schemas["Predictions"], "expected_profits", {"type": "array", "items": profit}),
    ):
        schema["properties"][name] = value
        schema["required"].append(name)


def _fields_table(schema: RecordSchema) -> str:
    """The fields as a Markdown table: Swagger UI hides category levels until they are unfolded."""
    lines = ["| field | takes | |", "| --- | --- | --- |"]
    for column in schema:
        about = f"{column.description} ({column.unit})" if column.unit else column.description
        cells = (column.name, describe_column(column), about)
        lines.append("| " + " | ".join(map(_escape_markdown, cells)) + " |")
    return "\n".join(lines)


def _escape_markdown(text: str) -> str:
    """Text that Markdown shows unchanged, on one line."""
    return re.sub(r"([^\w\s])", r"\\\1", " ".join(text.split()), flags=re.ASCII)
