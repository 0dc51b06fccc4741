"""The bodies of the replies to scoring requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from churn_model.errors import InvalidRecords
from churn_model.scoring import EXPECTED_PROFIT, Score, Scores
from churn_model.validation import Checked
from serving.api import tabular
from serving.api.requests import Params, Request
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
    scores = _score(served, request, request_id)
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
    return orjson.dumps(content), scores.probability


def invocation(served: ServedModel, request: Request, request_id: bytes) -> tuple[bytes, Any]:
    """The reply of ``/invocations``; otherwise as ``predictions``."""
    scores = _score(served, request, request_id)
    rows = [single(scores)] if isinstance(scores, Score) else _rows(scores, request.params)
    return orjson.dumps({"predictions": rows}), scores.probability


def table(served: ServedModel, checked: Checked, request_id: bytes) -> tuple[bytes, Any]:
    """The reply of ``/invocations`` to checked customers (n), and their probabilities (n,).

    Raises ApiError 400 if any of them is invalid.
    """
    try:
        checked.raise_if_invalid()
    except InvalidRecords as error:
        if served.log is not None:
            served.log.rejected(error)
        raise tabular.invalid_customers(error, served.scorer.schema) from None
    scores = served.scorer.score_columns(checked)
    if served.log is not None:
        served.log.table(scores, request_id)
    return orjson.dumps({"predictions": _rows(scores, Params())}), scores.probability


def explained_table(served: ServedModel, checked: Checked, request_id: bytes) -> tuple[bytes, Any]:
    """The same with reasons, and with the errors of invalid customers; nothing is recorded."""
    scores = served.scorer.score_columns(checked, explain=True)
    rows = _rows(scores, Params(explain=True, on_invalid="report"))
    return orjson.dumps({"predictions": rows}), None


def _score(served: ServedModel, request: Request, request_id: bytes) -> Score | Scores:
    """The scores of a request, which are also recorded."""
    try:
        scores = _compute(served, request)
    except InvalidRecords as error:
        if served.log is not None:
            served.log.rejected(error)
        raise
    if served.log is not None:
        record = served.log.single if isinstance(scores, Score) else served.log.table
        record(scores, request_id, request.params.threshold)  # type: ignore[arg-type]
    return scores


def _compute(served: ServedModel, request: Request) -> Score | Scores:
    """The score of a single customer by the faster method, or the scores of many."""
    params = request.params
    if isinstance(request.customers, Checked):
        return served.scorer.score_columns(request.customers, **params.options)
    one = _single_record(request) if params.on_invalid == "raise" else None
    if one is not None:
        return served.scorer.score_one(one, **params.options)
    return served.scorer.score(request.customers, on_invalid=params.on_invalid, **params.options)


def _single_record(request: Request) -> Mapping[str, Any] | None:
    """The only record of a request; None if there are more, or if it is not an object."""
    if request.n != 1 or isinstance(request.customers, Checked):
        return None
    if isinstance(request.customers, Mapping):
        return {name: cells[0] for name, cells in request.customers.items()}
    first = request.customers[0]
    return first if isinstance(first, Mapping) else None


def _rows(scores: Scores, params: Params) -> list[dict[str, Any]]:
    columns: dict[str, Any] = {name: list(ids) for name, ids in scores.identifiers.items()}
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
    names = tuple(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
