"""The Open Inference Protocol, version 2, over REST.

Requests are translated to those of ``serving.api.requests``, so that they are validated and scored
as any other; the scores are translated back to tensors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any, NamedTuple

import orjson

from churn_model.arrays import as_list
from churn_model.scoring import EXPECTED_PROFIT, Score, Scores
from serving.api import requests
from serving.api.scoring import answer
from serving.api.v2_tensors import (
    DATATYPES,
    BinaryData,
    binary_data,
    read_columns,
    read_parameters,
)
from serving.challenger import VERSION_FIELD
from serving.http.asgi import JSON, Header
from serving.http.content import count_brackets, media_type
from serving.http.errors import ApiError
from serving.http.request_context import RequestContext
from serving.served_model import ServedModel

MODEL, READY, INFER = ROUTES = (
    "/v2/models/{model_name}",
    "/v2/models/{model_name}/ready",
    "/v2/models/{model_name}/infer",
)
"""The routes of a model; each is also below ``/versions/{model_version}``."""

_PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?(/ready|/infer)?")
_KEYS = ("id", "model_name", "parameters", "inputs", "outputs")
_OWN_PARAMETERS = ("binary_data_output", "content_type")
_JSON_LENGTH = b"inference-header-content-length"
_BINARY = "application/octet-stream"
_SERVER = {
    "name": "churn serve",
    "version": version("churn-model"),
    "extensions": ["binary_tensor_data"],
}


@dataclass(frozen=True, slots=True)
class InferRequest(requests.Request):
    """A request with its ``id`` and the requested outputs: for each, whether it is binary."""

    id: str | None = None
    outputs: Mapping[str, bool] = field(default_factory=dict)


class InferReply(NamedTuple):
    """The body of a reply, with its type and headers."""

    content: bytes
    content_type: bytes = JSON
    headers: Sequence[Header] = ()


# --- routes ---------------------------------------------------------------------------------------


def route_of(path: str) -> str | None:
    """The route of a model's path, with or without a version; None for any other path."""
    match = _PATH.fullmatch(path)
    return None if match is None else ROUTES[0] + (match[3] or "")


def as_named(served: ServedModel, path: str) -> ServedModel:
    """The served model as a path names it: a path with its version leaves out the canary.

    Raises ApiError 404 for a path with another model or version.
    """
    match = _PATH.fullmatch(path)
    assert match is not None  # it has a route
    if match[1] != name_of(served):
        raise ApiError(404, f"this server serves no other model than {name_of(served)!r}")
    if match[2] is not None and match[2] != served.version:
        served_now = "has no version" if served.version is None else f"is version {served.version}"
        raise ApiError(404, f"the model that is served now {served_now}")
    return served if match[2] is None else replace(served, canary=None)


def name_of(served: ServedModel) -> str:
    """The model's name in paths; a model that is not registered is called ``churn``."""
    return served.name or "churn"


def server_metadata() -> bytes:
    """The reply of ``/v2``."""
    return orjson.dumps(_SERVER)


def model_metadata(served: ServedModel) -> bytes:
    """The reply of ``/v2/models/{model_name}``."""
    inputs = {column.name: DATATYPES[column.kind] for column in served.scorer.schema}
    content = {
        "name": name_of(served),
        **({} if served.version is None else {"versions": [served.version]}),
        "platform": "churn_scorecard",
        "inputs": _tensors(inputs),
        "outputs": _tensors(output_datatypes(served)),
    }
    return orjson.dumps(content)


def _tensors(datatypes: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {"name": name, "datatype": datatype, "shape": [-1]} for name, datatype in datatypes.items()
    ]


def output_datatypes(served: ServedModel) -> dict[str, str]:
    """The datatypes of the outputs that can be requested, by name."""
    has_campaign = served.scorer.scorecard.campaign is not None
    return {
        **{column.name: "BYTES" for column in served.scorer.schema.identifiers},
        "churn_prediction": "INT64",
        "churn_probability": "FP64",
        **({EXPECTED_PROFIT: "FP64"} if has_campaign else {}),
        "reasons": "BYTES",
        "error": "BYTES",
        **({} if served.canary is None else {VERSION_FIELD: "BYTES"}),
    }


# --- requests -------------------------------------------------------------------------------------


def require_tensors(context: RequestContext) -> None:
    """Raise ApiError 415 for anything but JSON in UTF-8, which binary data may follow.

    Some clients of the protocol send no ``Content-Type``.
    """
    if not context.headers.get(b"content-type"):
        return
    mime = media_type(context)
    if mime != "application/json" and not (mime == _BINARY and _JSON_LENGTH in context.headers):
        raise ApiError(
            415,
            f"send Content-Type: application/json, or {_BINARY} with the header "
            "Inference-Header-Content-Length for tensors in binary",
        )


def json_length(context: RequestContext, size: int) -> int:
    """How many bytes of a body of ``size`` bytes are JSON; the rest is binary data.

    Raises ApiError 400 if the header that says so is invalid.
    """
    length = context.headers.get(_JSON_LENGTH)
    if length is None:
        return size
    if not length.isdigit() or len(length) > len(str(size)) or int(length) > size:
        raise ApiError(400, "Inference-Header-Content-Length must be the length of the JSON part")
    return int(length)


def read(body: bytes, length: int, served: ServedModel, max_rows: int) -> InferRequest:
    """The customers and options in a body of ``infer``, of which ``length`` bytes are JSON.

    Raises ApiError 400, or 413 for more than ``max_rows`` customers and by ``reject_nesting``.
    """
    text = body[:length]
    requests.reject_nesting(count_brackets(text), max_rows)
    document = requests.read_object(requests.without_nan(text))
    requests.reject_unknown("the body", document, _KEYS)
    request_id = document.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise ApiError(400, "id must be a string")
    if document.get("model_name", name_of(served)) != name_of(served):
        raise ApiError(400, "model_name must be that of the path, or absent")
    params, is_binary = _parameters(document)
    outputs = _outputs(document.get("outputs"), served, params, is_binary)
    if "reasons" in outputs:
        params = replace(params, explain=True)
    binary = BinaryData(body[length:])
    columns, n = read_columns(document.get("inputs"), binary, served.scorer.schema, max_rows)
    binary.reject_rest()
    return InferRequest(columns, n, params, id=request_id, outputs=outputs)


def _parameters(document: dict[str, Any]) -> tuple[requests.Params, bool]:
    """The options of the request, and whether its outputs are binary unless they say otherwise."""
    known = (*requests.PARAMS, *_OWN_PARAMETERS)
    parameters = read_parameters("the request", document, known)
    is_binary = parameters.get("binary_data_output", False)
    if not isinstance(is_binary, bool):
        raise ApiError(400, "parameters.binary_data_output must be true or false")
    own = {name: value for name, value in parameters.items() if name in requests.PARAMS}
    return requests.read_params(own, "parameters"), is_binary


def _outputs(
    given: Any, served: ServedModel, params: requests.Params, is_binary: bool
) -> dict[str, bool]:
    """The requested outputs; by default, those that ``/invocations`` returns."""
    known = output_datatypes(served)
    if not given and isinstance(given, list | None):
        left_out = {"reasons": not params.explain, "error": params.on_invalid == "raise"}
        return {name: is_binary for name in known if not left_out.get(name)}
    if not isinstance(given, list):
        raise ApiError(400, "outputs must be a list of objects, each with the name of an output")
    outputs: dict[str, bool] = {}
    for output in given:
        if not isinstance(output, dict) or not isinstance(output.get("name"), str):
            raise ApiError(
                400, "outputs must be a list of objects, each with the name of an output"
            )
        name = output["name"]
        requests.reject_unknown("an entry of outputs", output, ("name", "parameters"))
        requests.reject_unknown("outputs", [name], tuple(known))
        if name in outputs:
            raise ApiError(400, f"outputs has {name} twice")
        parameters = read_parameters("an output", output, ("binary_data", "content_type"))
        outputs[name] = parameters.get("binary_data", is_binary)
        if not isinstance(outputs[name], bool):
            raise ApiError(400, "binary_data must be true or false")
    return outputs


# --- replies --------------------------------------------------------------------------------------


def write(served: ServedModel, request: InferRequest, request_id: bytes) -> tuple[InferReply, Any]:
    """The reply to n customers, and their probabilities: (n,) or a float.

    Raises as ``Scorer.score`` does.
    """
    scores, versions = answer(served, request, request_id)
    datatypes, columns = output_datatypes(served), _columns(scores)
    if versions is not None:
        columns[VERSION_FIELD] = list(map(_text, versions))
    parts: list[bytes] = []
    outputs: list[dict[str, Any]] = []
    for name, is_binary in request.outputs.items():
        output: dict[str, Any] = {
            "name": name,
            "datatype": datatypes[name],
            "shape": [request.n],
        }
        if is_binary:
            parts.append(binary_data(datatypes[name], columns[name]))
            output["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            output["data"] = columns[name]
        outputs.append(output)
    content = {
        "model_name": name_of(served),
        **({} if served.version is None else {"model_version": served.version}),
        **({} if request.id is None else {"id": request.id}),
        "outputs": outputs,
    }
    text = orjson.dumps(content)  # which writes NaN as null
    if not any(request.outputs.values()):
        return InferReply(text), scores.probability
    length = (_JSON_LENGTH, str(len(text)).encode())
    return InferReply(b"".join([text, *parts]), _BINARY.encode(), [length]), scores.probability


def _columns(scores: Score | Scores) -> dict[str, list[Any]]:
    """All outputs as columns (n,).

    Tensors cannot have missing texts and integers, so a customer without a score has the
    prediction -1 (and NaN as the probability), and what is absent is an empty text.
    """
    profit: Any = scores.expected_profit
    errors: list[str | None]
    if isinstance(scores, Score):
        identifiers = {name: [value] for name, value in scores.identifiers.items()}
        prediction, probability = [scores.prediction], [scores.probability]
        reasons = None if scores.reasons is None else [scores.reasons]
        profit, errors = [profit], [None]
    else:
        identifiers = {name: as_list(values) for name, values in scores.identifiers.items()}
        prediction, probability = scores.prediction.tolist(), scores.probability.tolist()
        reasons, errors = scores.reasons, scores.error_texts()
        profit = None if profit is None else profit.tolist()
    return {
        **{name: list(map(_text, values)) for name, values in identifiers.items()},
        "churn_prediction": prediction,
        "churn_probability": probability,
        EXPECTED_PROFIT: profit,
        "reasons": [orjson.dumps(each).decode() for each in reasons or ()],
        "error": list(map(_text, errors)),
    }


def _text(value: Any) -> str:
    """A text, or an empty one for a missing or invalid value."""
    return value if isinstance(value, str) else ""
