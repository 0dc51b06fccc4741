"""Scores requests: with the champion, and with the canary for the customers that it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from churn_model.errors import ChurnError, InvalidRecords
from churn_model.scoring import Score, Scorer, Scores
from churn_model.validation import Checked
from churn_model.validation.field_errors import FieldErrors
from serving.api.requests import Params, Request, read_json
from serving.canary import Canary
from serving.http.request_context import RequestContext
from serving.served_model import ServedModel


class Answer(NamedTuple):
    """The scores of a request, and while there is a canary the version of each customer (n,)."""

    scores: Score | Scores
    versions: Sequence[str | None] | None = None


def answer(served: ServedModel, request: Request, request_id: bytes) -> Answer:
    """Score a request, and record the scores. Raises as ``Scorer.score`` does."""
    try:
        scores = _score(served, request)
    except Exception as error:
        note_failure(served, error)
        raise
    if request.on_phase is None:
        return _answer(served, request, scores, request_id)
    answered = _answer(served, replace(request, on_phase=None), scores, request_id)
    request.on_phase("reply")
    return answered


def _answer(
    served: ServedModel, request: Request, scores: Score | Scores, request_id: bytes
) -> Answer:
    """Let shadow and canary score what the champion has scored; record the scores that reply."""
    if served.shadow is not None:
        served.shadow.request(request, scores, request_id)
    if isinstance(scores, Score):
        by, score = answer_one(served, scores, lambda model: _score_alone(model, request))
        if by.log is not None:
            by.log.single(score, request_id, request.params.threshold)
        return Answer(score, None if served.canary is None else [by.version])
    if served.canary is not None:
        return _with_canary(served, served.canary, scores, request, request_id)
    if served.log is not None:
        served.log.table(scores, request_id, request.params.threshold)
    return Answer(scores)


def score_body(
    served: ServedModel, body: bytes, params: Params, on_valid: Callable[[], None] | None = None
) -> Score:
    """The score of the customer in a body of JSON.

    Raises as ``Scorer.score_json`` does, and ApiError 400 for a body that is not valid JSON.
    """
    cells = None if served.decoder is None else served.decoder.customer(body)
    if cells is None:
        score = served.scorer.score_json(body, on_valid=on_valid, **params.options)
        read_json(body)  # pydantic skips the values of ignored fields, such as 1e999
        return score
    if on_valid is not None:
        on_valid()
    return served.scorer.score_cells(cells, **params.options)


def answer_single(
    served: ServedModel, body: bytes, params: Params, context: RequestContext
) -> tuple[ServedModel, Score]:
    """Like ``answer``, for one customer in JSON: the version that answers, and its score."""
    on_valid = None if context.phases is None else partial(context.begin, "score")
    try:
        score = score_body(served, body, params, on_valid)
    except Exception as error:
        note_failure(served, error)
        raise
    if served.shadow is not None:
        served.shadow.single(body, params, score, context.request_id)
    if served.canary is not None:
        served, score = answer_one(served, score, lambda model: score_body(model, body, params))
    if served.log is not None:
        served.log.single(score, context.request_id, params.threshold)
    return served, score


def note_failure(served: ServedModel, error: Exception) -> None:
    """Record rejected customers, and count what is the fault of the version."""
    if isinstance(error, InvalidRecords) and served.log is not None:
        served.log.rejected(error)
    if served.canary is not None and not isinstance(error, ChurnError):
        served.canary.champion_scored(failed=True)


def answer_one(
    served: ServedModel, score: Score, score_with: Callable[[ServedModel], Score]
) -> tuple[ServedModel, Score]:
    """The version that answers for a customer whom the champion has scored, and its score."""
    canary = served.canary
    if canary is not None:
        canary.champion_scored()
        if canary.takes(score.identifiers):
            own = canary.attempt(partial(score_with, canary.model))
            if own is not None:
                return canary.model, own
    return served, score


def _with_canary(
    served: ServedModel, canary: Canary, scores: Scores, request: Request, request_id: bytes
) -> Answer:
    """Replace the scores of the customers that the canary takes.

    The canary scores all of the customers, so that rows keep their positions.
    """
    canary.champion_scored()
    taken = canary.rows(scores)
    own = None
    if taken.any():
        own = canary.attempt(partial(score_all, served.scorer, canary.model, request, taken))
    if own is None:
        taken = np.zeros_like(taken)
    else:
        if canary.model.log is not None:
            theirs = replace(own, valid=taken, errors=FieldErrors())
            canary.model.log.table(theirs, request_id, request.params.threshold)
        scores = _merged(scores, own, taken)
    if served.log is not None:
        kept = replace(scores, valid=scores.valid & ~taken)
        served.log.table(kept, request_id, request.params.threshold)
    versions = [canary.model.version if own_row else served.version for own_row in taken.tolist()]
    return Answer(scores, versions)


def score_all(champion: Scorer, model: ServedModel, request: Request, needed: Any) -> Scores:
    """The scores of all customers by another version than the champion.

    Raises ValueError if one whose score is ``needed`` (n,) is invalid for it.
    """
    if isinstance(request.customers, Checked):
        customers = as_read_by(model.scorer, champion, request.customers)
        request = replace(request, customers=customers)
    scores = _score(model, request, alone=False)
    assert isinstance(scores, Scores)
    if not scores.valid[needed].all():
        raise ValueError("a customer whom the champion accepts is invalid")
    return scores


def as_read_by(
    scorer: Scorer, reader: Scorer, checked: Checked
) -> Checked | Mapping[str, Sequence[Any]]:
    """Customers (n) that were checked for ``reader``, for a scorer that may have another schema."""
    if scorer.schema == reader.schema:
        return checked
    features = {
        column.name: reader.as_sent(column.name, checked) for column in reader.schema.features
    }
    return {**checked.identifiers, **features}


def _merged(scores: Scores, own: Scores, taken: Any) -> Scores:
    """The scores, with those of ``own`` for the customers ``taken`` (n,)."""
    reasons, profit = scores.reasons, scores.expected_profit
    if reasons is not None and own.reasons is not None:
        reasons = [b if t else a for a, b, t in zip(reasons, own.reasons, taken, strict=True)]
    if profit is not None and own.expected_profit is not None:
        profit = np.where(taken, own.expected_profit, profit)
    return replace(
        scores,
        prediction=np.where(taken, own.prediction, scores.prediction),
        probability=np.where(taken, own.probability, scores.probability),
        reasons=reasons,
        expected_profit=profit,
    )


def _score(served: ServedModel, request: Request, *, alone: bool = True) -> Score | Scores:
    """The score of a single customer by the faster method if ``alone``, or the scores of many."""
    params = request.params
    on_valid = None if request.on_phase is None else partial(request.on_phase, "score")
    if isinstance(request.customers, Checked):
        if on_valid is not None:
            on_valid()
        return served.scorer.score_columns(request.customers, **params.options)
    if alone and params.on_invalid == "raise" and (one := _single_record(request)) is not None:
        return served.scorer.score_one(one, on_valid=on_valid, **params.options)
    return served.scorer.score(
        request.customers, on_invalid=params.on_invalid, on_valid=on_valid, **params.options
    )


def _score_alone(served: ServedModel, request: Request) -> Score:
    scores = _score(served, request)
    assert isinstance(scores, Score)
    return scores


def _single_record(request: Request) -> Mapping[str, Any] | None:
    """The only record of a request; None if there are more, or if it is not an object."""
    if request.n != 1 or isinstance(request.customers, Checked):
        return None
    if isinstance(request.customers, Mapping):
        return {name: cells[0] for name, cells in request.customers.items()}
    first = request.customers[0]
    return first if isinstance(first, Mapping) else None
