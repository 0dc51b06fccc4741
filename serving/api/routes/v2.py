"""The routes of the Open Inference Protocol; ``status.py`` has the health of the server."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import orjson

from serving.api import v2
from serving.api.scoring_requests import ScoringRequests
from serving.http.asgi import Receive, Scope, Send, reply
from serving.http.errors import ApiError
from serving.http.request_context import RequestContext
from serving.http.router import Table
from serving.served_model import ServedModel
from serving.settings import Settings


class V2Routes:
    """Score tensors, and describe the server and its model."""

    open_paths = ()

    def __init__(
        self, settings: Settings, scoring: ScoringRequests, is_ready: Callable[[], bool]
    ) -> None:
        self._settings = settings
        self._scoring = scoring
        self._is_ready = is_ready
        self.table: Table = {
            "/v2": {"GET": self.server},
            v2.MODEL: {"GET": self.model},
            v2.READY: {"GET": self.ready},
            v2.INFER: {"POST": self.infer},
        }

    async def server(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The name and version of the server."""
        await reply(send, 200, v2.server_metadata())

    async def model(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The tensors of the model that is served."""
        await reply(send, 200, v2.model_metadata(self._served(scope)))

    async def ready(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Like ``/readyz``, for a model by its name."""
        served, is_ready = self._served(scope), self._is_ready()
        content = {"name": v2.name_of(served), "ready": is_ready}
        await reply(send, 200 if is_ready else 503, orjson.dumps(content))

    async def infer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tensors with the customers' fields -> their scores."""
        if scope["query_string"]:
            raise ApiError(400, "this route has no query parameters; send options as parameters")
        context: RequestContext = scope["context"]
        v2.require_tensors(context)
        self._served(scope)  # before the body is read
        served, body = await self._scoring.begin(scope, receive, self._settings.max_body)
        served = v2.as_named(served, scope["path"])
        length = v2.json_length(context, len(body))
        read = partial(v2.read, body, length, served, self._settings.max_rows)
        may_explain = b'"explain"' in body or b'"reasons"' in body
        made, n = await self._scoring.score_json(scope, served, body, may_explain, read, v2.write)
        await self._scoring.reply(
            scope, send, served, made.content, n, made.content_type, made.headers
        )

    def _served(self, scope: Scope) -> ServedModel:
        """The served model, which the path names. Raises ApiError 404 or 503."""
        return v2.as_named(self._scoring.champion.served(), scope["path"])
