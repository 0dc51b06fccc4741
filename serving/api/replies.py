"""The bodies of the replies to scoring requests."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from churn_model.arrays import as_list
from churn_model.errors import InvalidRecords
from churn_model.scoring import EXPECTED_PROFIT, Score, Scores
from churn_model.validation import Checked
from serving.api import tabular
from serving.api.json_rows import json_rows
from serving.api.requests import Params, Request
from serving.api.scoring import answer, note_failure
from serving.challenger import VERSION_FIELD
from serving.served_model import ServedModel


def single(score: Score) -> dict[str, Any]:
    """The reply of ``/predict/single``, which is also one prediction of ``/invocations``."""
    content = {
        **score.identifiers,
        "churn_prediction": score.prediction,
        "churn_probability": score.probability,
    }
    if score.expected_profit is not None:
        content[EXPECTED_PROFIT] = score.expected_profit  # orjson writes NaN as null
    if score.reasons is not None:
        content["reasons"] = score.reasons
    return content


def predictions(served: ServedModel, request: Request, request_id: bytes) -> tuple[bytes, Any]:
    """The reply of ``/predict`` to n customers, and their probabilities: (n,) or a float.

    Raises as ``Scorer.score`` does.
    """
    scores, versions = answer(served, request, request_id)
    if isinstance(scores, Score):
        columns: tuple[Any, ...] = [scores.prediction], [scores.probability], [scores.reasons]
        profits: Any = [scores.expected_profit]
    else:
        columns = scores.prediction.tolist(), scores.probability.tolist(), scores.reasons
        profits = () if scores.expected_profit is None else scores.expected_profit.tolist()
    content: dict[str, Any] = {
        "success": True,
        "predictions": columns[0],
        "probabilities": columns[1],
        "model_version": served.version,
        "error": None,
    }
    if scores.expected_profit is not None:
        content["expected_profits"] = profits
    if request.params.explain:
        content["reasons"] = columns[2]
    if versions is not None:
        content["model_versions"] = versions
    return orjson.dumps(content), scores.probability


def invocation(served: ServedModel, request: Request, request_id: bytes) -> tuple[bytes, Any]:
    """The reply of ``/invocations``; otherwise as ``predictions``."""
    scores, versions = answer(served, request, request_id)
    if isinstance(scores, Score):
        row = single(scores)
        if versions is not None:
            row[VERSION_FIELD] = versions[0]
        rows = orjson.dumps([row])
    else:
        columns = _columns(scores, request.params)
        if versions is not None:
            columns[VERSION_FIELD] = versions
        rows = json_rows(columns)
    return _invocation(rows), scores.probability


def _invocation(rows: bytes) -> bytes:
    return b'{"predictions":' + rows + b"}"


def table(served: ServedModel, request: Request, request_id: bytes) -> tuple[bytes, Any]:
    """The reply of ``/invocations`` to checked customers (n), and their probabilities (n,).

    Raises ApiError 400 if any of them is invalid.
    """
    assert isinstance(request.customers, Checked)
    try:
        request.customers.raise_if_invalid()
    except InvalidRecords as error:
        note_failure(served, error)
        raise tabular.invalid_customers(error, served.scorer.schema) from None
    return invocation(served, request, request_id)


def explained_table(served: ServedModel, request: Request, request_id: bytes) -> tuple[bytes, Any]:
    """The same with reasons, and with the errors of invalid customers; nothing is recorded."""
    assert isinstance(request.customers, Checked)
    scores = served.scorer.score_columns(request.customers, explain=True)
    columns = _columns(scores, Params(explain=True, on_invalid="report"))
    return _invocation(json_rows(columns)), None


def _columns(scores: Scores, params: Params) -> dict[str, Any]:
    """The columns (n,) of the reply of ``/invocations``."""
    columns: dict[str, Any] = {name: as_list(ids) for name, ids in scores.identifiers.items()}
    columns["churn_prediction"] = scores.prediction.tolist()
    columns["churn_probability"] = scores.probability.tolist()
    if scores.expected_profit is not None:
        columns[EXPECTED_PROFIT] = scores.expected_profit.tolist()
    if scores.reasons is not None:
        columns["reasons"] = scores.reasons
    if params.on_invalid == "report":
        columns["error"] = scores.error_texts()
        for row in np.flatnonzero(~scores.valid).tolist():
            columns["churn_prediction"][row] = columns["churn_probability"][row] = None
    return columns
