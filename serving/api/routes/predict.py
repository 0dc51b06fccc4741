"""``/predict/single``, ``/predict``, and MLflow's ``/invocations``."""

from __future__ import annotations

from functools import partial

import orjson

from serving.api import replies, requests, tabular
from serving.api.scoring import answer_single
from serving.api.scoring_requests import ScoringRequests, require_json
from serving.http.asgi import Receive, Scope, Send
from serving.http.content import media_type
from serving.http.errors import ApiError
from serving.http.request_context import RequestContext
from serving.http.router import Table
from serving.settings import Settings


class PredictRoutes:
    """Score one customer or many."""

    open_paths = ()

    def __init__(self, settings: Settings, scoring: ScoringRequests) -> None:
        self._settings = settings
        self._scoring = scoring
        self.table: Table = {
            "/predict/single": {"POST": self.predict_single},
            "/predict": {"POST": self.predict},
            "/invocations": {"POST": self.invocations},
        }

    async def predict_single(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One customer -> one score."""
        context: RequestContext = scope["context"]
        require_json(context)
        params = requests.read_query(scope["query_string"])
        scoring = self._scoring
        served, body = await scoring.begin(scope, receive, self._settings.max_body_single)
        with scoring.capacity:
            await scoring.rate_limiter.count_rows(scope, 1)
            served, score = answer_single(served, body, params, context)
        content = orjson.dumps(replies.single(score))
        context.version, context.probability = served.version, score.probability
        await scoring.reply(scope, send, served, content, 1)

    async def predict(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``{"customers": [...]}`` -> predictions and probabilities in the same order."""
        require_json(scope["context"])
        params = requests.read_query(scope["query_string"])
        served, body = await self._scoring.begin(scope, receive, self._settings.max_body)
        max_rows = self._settings.max_rows
        read = partial(requests.read_customers, body, params, max_rows, served.decoder)
        content, n = await self._scoring.score_json(
            scope, served, body, params.explain, read, replies.predictions
        )
        await self._scoring.reply(scope, send, served, content, n)

    async def invocations(self, scope: Scope, receive: Receive, send: Send) -> None:
        """MLflow's scoring protocol: JSON, CSV or Parquet."""
        if scope["query_string"]:
            raise ApiError(400, "/invocations has no query parameters; send options as params")
        mime = media_type(scope["context"])
        is_table = mime in (tabular.CSV, tabular.PARQUET)
        if not is_table:
            require_json(scope["context"])
        served, body = await self._scoring.begin(scope, receive, self._settings.max_body)
        if is_table:
            content, n = await self._scoring.score_table(scope, served, body, mime, replies.table)
        else:
            read = partial(requests.read_invocation, body, self._settings.max_rows, served.decoder)
            content, n = await self._scoring.score_json(
                scope, served, body, b'"explain"' in body, read, replies.invocation
            )
        await self._scoring.reply(scope, send, served, content, n)
