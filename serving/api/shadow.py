"""Scores a request again with the shadow, and compares the scores."""

from __future__ import annotations

from functools import partial

import numpy as np

from churn_model.scoring import Score, Scorer, Scores
from serving.api.requests import Params, Request
from serving.api.scoring import score_all, score_body
from serving.served_model import ServedModel
from serving.shadow import Comparison, ShadowQueue


class Shadow:
    """A version that scores again what ``champion`` has scored, without replying."""

    def __init__(self, model: ServedModel, champion: Scorer, queue: ShadowQueue) -> None:
        self.model = model
        self._champion = champion
        self._queue = queue

    def single(self, body: bytes, params: Params, score: Score, request_id: bytes) -> None:
        """Score the body of ``/predict/single``, which the champion gave ``score``."""
        self._queue.offer(1, partial(self._score_single, body, params, score, request_id))

    def request(self, request: Request, scores: Score | Scores, request_id: bytes) -> None:
        """Score a request with n customers, which the champion gave ``scores``."""
        self._queue.offer(request.n, partial(self._score_request, request, scores, request_id))

    def _score_single(
        self, body: bytes, params: Params, score: Score, request_id: bytes
    ) -> Comparison:
        own = score_body(self.model, body, params)
        if self.model.log is not None:
            self.model.log.single(own, request_id, params.threshold)
        agreed = int(own.prediction == score.prediction)
        return Comparison(agreed, np.array([abs(own.probability - score.probability)]))

    def _score_request(
        self, request: Request, scores: Score | Scores, request_id: bytes
    ) -> Comparison:
        valid = np.ones(1, np.bool_) if isinstance(scores, Score) else scores.valid
        own = score_all(self._champion, self.model, request, valid)
        if self.model.log is not None:
            self.model.log.table(own, request_id, request.params.threshold)
        agreed = int((own.prediction == scores.prediction)[valid].sum())
        return Comparison(agreed, np.abs(own.probability - scores.probability)[valid])
