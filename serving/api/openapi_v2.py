"""What ``openapi_v2.json``, on the Open Inference Protocol, takes from the model."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from churn_model.schema import RecordSchema
from serving.api import v2
from serving.api.v2_tensors import DATATYPES
from serving.served_model import ServedModel


def parts(served: ServedModel, example: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The values of the references in the file that depend on the model.

    ``example``: a customer. ``params``: the JSON Schema of a request's options.
    """
    schema = served.scorer.schema
    return {
        "model_name": _path_parameter("model_name", v2.name_of(served)),
        "input_tensors": _input_tensors(schema),
        "output_names": list(v2.output_datatypes(served)),
        "example_tensors": [
            {
                "name": column.name,
                "shape": [1],
                "datatype": DATATYPES[column.kind],
                "data": [example[column.name]],
            }
            for column in schema
        ],
        "v2_parameters": params
        | {"properties": params["properties"] | {"binary_data_output": {"type": "boolean"}}},
    }


def add_versions(paths: dict[str, Any], served: ServedModel) -> None:
    """Add each route of a model as the route of its served version."""
    if served.version is None:
        return
    of_version = "/v2/models/{model_name}/versions/{model_version}"
    for route in v2.ROUTES:
        operations = deepcopy(paths[route])
        for operation in operations.values():
            operation["operationId"] += "Version"
            operation["summary"] += ", by version"
            operation["parameters"].append(_path_parameter("model_version", served.version))
        paths[of_version + route.removeprefix(v2.MODEL)] = operations


def _path_parameter(name: str, only_value: str) -> dict[str, Any]:
    schema = {"type": "string", "enum": [only_value]}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _input_tensors(schema: RecordSchema) -> list[dict[str, Any]]:
    """The JSON Schemas of the tensors."""
    described = schema.to_json_schema()["properties"]
    return [
        {
            "type": "object",
            "title": column.name,
            "properties": {
                "name": {"const": column.name},
                "shape": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 2,
                    "items": {"type": "integer", "minimum": 0},
                },
                "datatype": {"const": DATATYPES[column.kind]},
                "data": {"type": "array", "items": described[column.name]},
            },
            "required": ["name", "shape", "datatype", "data"],
            "additionalProperties": False,
        }
        for column in schema
    ]
