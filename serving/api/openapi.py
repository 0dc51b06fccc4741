"""The OpenAPI 3.1 document, from the served model's own schema."""

from __future__ import annotations

import re
from typing import Any

from churn_model.schema import RecordSchema
from churn_model.schema.column import describe_column
from churn_model.scoring.example import example_customer
from serving.http.asgi import JSON
from serving.served_model import ServedModel


def document(served: ServedModel, *, keys: bool, root_path: str = "") -> dict[str, Any]:
    """What the server takes and answers, for the model that it serves now."""
    schema = served.scorer.schema
    found = {
        "openapi": "3.1.0",
        "info": {
            "title": "Churn model API",
            "version": served.version or "unregistered",
            "description": _ABOUT,
        },
        "servers": [{"url": root_path or "/"}],
        "paths": _paths(schema, example_customer(served.scorer)),
        "components": {
            "schemas": _schemas(schema),
            "securitySchemes": _SECURITY_SCHEMES if keys else {},
        },
    }
    if keys:
        found["security"] = [{"ApiKey": []}, {"Bearer": []}]
    return found


_ABOUT = (
    "Scores customers with a registered churn model. Every error has the same body (`Error`), with "
    "all bad fields of all customers, at most 100 listed. Each reply carries `X-Request-ID`, and "
    "each score the `X-Model-Version` that made it."
)
_SECURITY_SCHEMES = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer"},
}
_OPEN: list[dict[str, Any]] = [{}]


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _schemas(schema: RecordSchema) -> dict[str, Any]:
    identifiers = {c.name: {"type": "string"} for c in schema.identifiers}
    customer = schema.to_json_schema()
    number = {"type": "number", "minimum": 0, "maximum": 1}
    reasons = {"type": "array", "maxItems": 3, "items": _ref("Reason")}
    return {
        "Customer": {k: v for k, v in customer.items() if k in ("type", "properties", "required")},
        "Reason": {
            "type": "object",
            "description": "A feature that pushes the risk up, and by how much (log-odds)",
            "properties": {
                "feature": {"type": "string"},
                "value": {"description": "As sent; null for a missing one"},
                "effect": {"type": "number"},
            },
            "required": ["feature", "value", "effect"],
        },
        "Score": {
            "type": "object",
            "properties": {
                **identifiers,
                "churn_prediction": {"type": ["integer", "null"], "enum": [0, 1, None]},
                "churn_probability": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
                "reasons": reasons,
                "error": {"type": ["string", "null"]},
            },
            "required": [*identifiers, "churn_prediction", "churn_probability"],
        },
        "Predictions": {
            "type": "object",
            "properties": {
                "success": {"const": True},
                "predictions": {"type": "array", "items": {"type": "integer", "enum": [0, 1]}},
                "probabilities": {"type": "array", "items": number},
                "model_version": {"type": ["string", "null"]},
                "error": {"type": "null"},
                "reasons": {"type": "array", "items": reasons},
            },
            "required": ["success", "predictions", "probabilities", "model_version", "error"],
        },
        "Health": {
            "type": "object",
            "properties": {
                "status": {"type": "string"},
                "model_loaded": {"type": "boolean"},
                "model": {
                    "type": ["object", "null"],
                    "properties": {
                        name: {"type": ["string", "null"]}
                        for name in ("name", "version", "alias", "loaded_at")
                    },
                },
                "reload_problem": {"type": "string"},
            },
            "required": ["status", "model_loaded", "model"],
        },
        "Error": {
            "type": "object",
            "properties": {
                "success": {"const": False},
                "error_code": {"type": "string"},
                "message": {"type": "string"},
                "error": {"type": "string"},
                "errors": {
                    "type": "array",
                    "maxItems": 100,
                    "items": {
                        "type": "object",
                        "properties": {
                            "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
                            "msg": {"type": "string"},
                            "type": {"type": "string"},
                        },
                        "required": ["loc", "msg", "type"],
                    },
                },
                "error_count": {"type": "integer"},
                "request_id": {"type": "string"},
            },
            "required": ["success", "error_code", "message", "error", "errors", "request_id"],
        },
    }


_ERRORS = {
    400: "Bad input: which fields of which customers, and why",
    401: "No API key, or an unknown one",
    408: "The body did not arrive in time",
    413: "The body is too large, or has too many customers",
    415: "Not a content type that this route reads",
    429: "Over the rate limit; Retry-After says how long",
    500: "A fault of the server; the request id finds it in the log",
    503: "No model, or too busy; Retry-After says how long",
    504: "Scoring took too long",
}


def _answers(content: dict[str, Any], about: str, errors: tuple[int, ...]) -> dict[str, Any]:
    answers: dict[str, Any] = {"200": {"description": about, "content": content}}
    for status in errors:
        body = {JSON.decode(): {"schema": _ref("Error")}}
        answers[str(status)] = {"description": _ERRORS[status], "content": body}
    return answers


_AS_OF = {
    "type": "string",
    "format": "date",
    "description": "The day that dates are aged to; else today (UTC)",
}
_QUERY = [
    {
        "name": "threshold",
        "in": "query",
        "description": "Probability from which on a customer counts as churning; else the model's",
        "schema": {"type": "number", "minimum": 0, "maximum": 1},
    },
    {
        "name": "explain",
        "in": "query",
        "description": "Add the reasons",
        "schema": {"type": "boolean"},
    },
]


def _fields(schema: RecordSchema) -> str:
    """The fields as a table in Markdown, because the page hides choices until one unfolds them."""
    lines = ["| field | takes | |", "| --- | --- | --- |"]
    for column in schema:
        about = f"{column.description} ({column.unit})" if column.unit else column.description
        cells = (column.name, describe_column(column), about)
        lines.append("| " + " | ".join(map(_plain_text, cells)) + " |")
    return "\n".join(lines)


def _plain_text(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return re.sub(r"([^\w\s])", r"\\\1", " ".join(text.split()), flags=re.ASCII)


def _query(schema: RecordSchema) -> list[dict[str, Any]]:
    if not schema.dates:
        return _QUERY
    return [*_QUERY, {"name": "as_of", "in": "query", "schema": _AS_OF}]


def _scoring(
    name: str,
    about: str,
    body: dict[str, Any],
    reply: dict[str, Any],
    parameters: list[dict[str, Any]],
    more: str = "",
) -> dict[str, Any]:
    return {
        "post": {
            "operationId": name,
            "summary": about,
            "description": more,
            "tags": ["scoring"],
            "parameters": parameters,
            "requestBody": {"required": True, "content": body},
            "responses": _answers(
                {JSON.decode(): {"schema": reply}},
                "Scores, in request order",
                (400, 401, 408, 413, 415, 429, 500, 503, 504),
            ),
        }
    }


def _reading(
    name: str, about: str, content: dict[str, Any], errors: tuple[int, ...], **more: Any
) -> dict[str, Any]:
    responses = _answers(content, about, errors)
    operation = {"operationId": name, "summary": about, "tags": ["server"], "responses": responses}
    return {"get": operation | more}


def _paths(schema: RecordSchema, customer: dict[str, Any]) -> dict[str, Any]:
    json = JSON.decode()
    customers = {"type": "array", "items": _ref("Customer")}
    params = {
        "type": "object",
        "properties": {
            "threshold": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
            "explain": {"type": "boolean"},
            "on_invalid": {"type": "string", "enum": ["raise", "report"]},
        }
        | ({"as_of": _AS_OF} if schema.dates else {}),
    }
    invocation = {
        "oneOf": [
            {
                "type": "object",
                "properties": {name: customers, "params": params},
                "required": [name],
                "additionalProperties": False,
            }
            for name in ("dataframe_records", "inputs", "instances")
        ]
        + [
            {
                "type": "object",
                "properties": {
                    "dataframe_split": {
                        "type": "object",
                        "properties": {
                            "columns": {"type": "array", "items": {"type": "string"}},
                            "data": {"type": "array", "items": {"type": "array"}},
                        },
                        "required": ["columns", "data"],
                    },
                    "params": params,
                },
                "required": ["dataframe_split"],
                "additionalProperties": False,
            }
        ],
    }
    text = {"text/plain": {"schema": {"type": "string"}}}
    health = _reading(
        "health", "Is there a model, and which", {json: {"schema": _ref("Health")}}, ()
    )
    health["get"]["responses"]["503"] = {
        "description": "No model is loaded",
        "content": {json: {"schema": _ref("Health")}},
    }
    ping = _reading("ping", "Is there a model", {json: {}}, ())
    ping["get"]["responses"]["503"] = {"description": "No model is loaded", "content": {json: {}}}
    for free in (health, ping):
        free["get"]["security"] = _OPEN
    guarded = (401, 429, 503)
    return {
        "/predict/single": _scoring(
            "predictSingle",
            "Score one customer",
            {json: {"schema": _ref("Customer"), "example": customer}},
            _ref("Score"),
            _query(schema),
            _fields(schema),
        ),
        "/predict": _scoring(
            "predict",
            "Score customers",
            {
                json: {
                    "schema": {
                        "type": "object",
                        "properties": {"customers": customers},
                        "required": ["customers"],
                    },
                    "example": {"customers": [customer]},
                }
            },
            _ref("Predictions"),
            _query(schema),
            _fields(schema),
        ),
        "/invocations": _scoring(
            "invocations",
            "Score customers at MLflow's protocol",
            {
                json: {
                    "schema": invocation,
                    "example": {"dataframe_records": [customer], "params": {"explain": True}},
                },
                "text/csv": {"schema": {"type": "string"}},
                "application/vnd.apache.parquet": {
                    "schema": {"type": "string", "format": "binary"}
                },
            },
            {
                "type": "object",
                "properties": {"predictions": {"type": "array", "items": _ref("Score")}},
                "required": ["predictions"],
            },
            [],
        ),
        "/ping": ping,
        "/health": health,
        "/version": _reading("version", "MLflow's version", {json: {}}, guarded),
        "/metrics": _reading("metrics", "Prometheus metrics", text, guarded),
        "/openapi.json": _reading("openapi", "This document", {json: {}}, guarded),
    }
