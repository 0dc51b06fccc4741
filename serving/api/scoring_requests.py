"""What the routes that score have in common: the body, the limits, the thread and the reply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from serving.api import requests, tabular
from serving.api.requests import Request
from serving.http.asgi import JSON, Header, Receive, Scope, Send, reply
from serving.http.body_reader import RequestBodyReader
from serving.http.content import count_brackets, count_commas, decompress, is_gzip, media_type
from serving.http.errors import ApiError
from serving.http.executor import ScoringExecutor
from serving.http.rate_limit import RateLimiter
from serving.http.request_context import RequestContext
from serving.served_model import ModelHolder, ServedModel
from serving.settings import Settings

Read: TypeAlias = Callable[[], Request]
"""Reads the customers of a body."""
Write: TypeAlias = Callable[[ServedModel, Any, bytes], tuple[Any, Any]]
"""Scores a request with an id: the reply and the probabilities."""

_JSON = JSON.decode()
_SMALL_CUSTOMER = 64
"""The bytes of a customer with few fields."""
_SMALL_VALUE = 16
"""The bytes of a value with the name of its field."""
_REASONS = 8
"""How many times longer it takes to score a customer with reasons."""
_DENSE = 4
"""How many times more work a byte of CSV, Parquet or a compressed body may be than one of JSON."""


class ScoringRequests:
    """Reads requests with customers, counts them against the limits, scores them and replies."""

    def __init__(
        self,
        settings: Settings,
        champion: ModelHolder,
        executor: ScoringExecutor,
        rate_limiter: RateLimiter,
        body_reader: RequestBodyReader,
    ) -> None:
        self.champion = champion
        self.capacity = executor.capacity
        self.rate_limiter = rate_limiter
        self._executor = executor
        self._body_reader = body_reader
        self._max_rows = settings.max_rows
        self._max_decoded = settings.max_decoded

    async def begin(
        self, scope: Scope, receive: Receive, max_bytes: int
    ) -> tuple[ServedModel, bytes]:
        """The model, which stays the same for the whole request, and the decompressed body."""
        context: RequestContext = scope["context"]
        if context.phases is not None:
            context.begin("read")
        self.capacity.check()
        served = self.champion.served()
        context.version = served.version
        compressed = is_gzip(context)
        body: bytes | None = scope.get("body")
        if body is None:
            body = await self._body_reader.read_body(context, receive, max_bytes)
        else:
            self._body_reader.admit(context, body, max_bytes)
        if compressed:
            run = self._executor.run_in_thread
            with self.capacity:
                work = len(body) * _DENSE
                body = await run(context.started, work, decompress, body, max_bytes)
            self._body_reader.budget.take(context, len(body))
        if context.phases is not None:
            context.begin("validate")
        return served, body

    async def score_json(
        self,
        scope: Scope,
        served: ServedModel,
        body: bytes,
        may_explain: bool,
        read: Read,
        write: Write,
    ) -> tuple[Any, int]:
        """Score a body in JSON; the reply and the number of customers.

        ``may_explain``: whether it may ask for reasons, which take longer.
        """
        work = _work(body, may_explain)
        run = partial(self._executor.run, scope["context"].started, work)
        return await self._score(scope, served, run, read, write)

    async def score_table(
        self, scope: Scope, served: ServedModel, body: bytes, mime: str, write: Write
    ) -> tuple[Any, int]:
        """Score CSV or Parquet; the reply and the number of customers.

        Always in a thread, because even a table of one row takes half a millisecond to read.
        """

        def read() -> Request:
            customers = tabular.read(
                body,
                mime,
                served.scorer.schema,
                max_rows=self._max_rows,
                max_decoded=self._max_decoded,
                descriptor=served.table,
            )
            return Request(customers, customers.n, requests.Params())

        work = len(body) * _DENSE
        run = partial(self._executor.run_in_thread, scope["context"].started, work)
        return await self._score(scope, served, run, read, write)

    async def _score(
        self, scope: Scope, served: ServedModel, run: Any, read: Read, write: Write
    ) -> tuple[Any, int]:
        """Run ``read`` and ``write`` with ``run``, which runs a function of the executor.

        All of it is one job, because other requests would be parsed between two. It is divided in
        two only if customers are counted in a shared storage, for which a thread should not wait.
        """
        context: RequestContext = scope["context"]
        with self.capacity:
            if self.rate_limiter.counts_rows_elsewhere:
                request = _traced(context, await run(read))
                self._check_rows(request.n)
                await self.rate_limiter.count_rows(scope, request.n)
                n = request.n
                content, probability = await run(write, served, request, context.request_id)
            else:
                n, (content, probability) = await run(self._job, scope, served, read, write)
        context.probability = probability
        return content, n

    def _job(self, scope: Scope, served: ServedModel, read: Read, write: Write) -> tuple[int, Any]:
        """Read, count and score in one go; what is over the limits or the time is not scored."""
        context: RequestContext = scope["context"]
        request = _traced(context, read())
        self._check_rows(request.n)
        self.rate_limiter.count_rows_here(scope, request.n)
        self._executor.remaining(context.started)
        return request.n, write(served, request, context.request_id)

    def _check_rows(self, rows: int) -> None:
        if rows > self._max_rows:
            raise requests.too_many_customers(self._max_rows)

    def reply(
        self,
        scope: Scope,
        send: Send,
        served: ServedModel,
        content: bytes,
        rows: int,
        content_type: bytes = JSON,
        headers: Sequence[Header] = (),
    ) -> Awaitable[None]:
        """Send the scores of ``rows`` customers, and name the version in a header."""
        context: RequestContext = scope["context"]
        context.rows = rows
        if context.phases is not None:
            context.begin("reply")
        version = (served.version or "").encode()
        return reply(send, 200, content, content_type, [(b"x-model-version", version), *headers])


def require_json(context: RequestContext) -> None:
    """Raise ApiError 415 for anything but JSON in UTF-8."""
    if media_type(context) != _JSON:
        raise ApiError(
            415, f"send Content-Type: {_JSON}; only /invocations accepts CSV and Parquet"
        )


def _work(body: bytes, may_explain: bool) -> int:
    """An upper bound for the work of a body, as the bytes of a body of ordinary customers.

    An empty object or list is as much work as a complete customer, a value in a list of values
    (of a body with columns) may be a customer, and reasons multiply the work.
    """
    work = max(len(body), count_brackets(body) * _SMALL_CUSTOMER, count_commas(body) * _SMALL_VALUE)
    return work * _REASONS if may_explain else work


def _traced(context: RequestContext, request: Request) -> Request:
    """A request that notes when its phases begin, if spans are exported."""
    return request if context.phases is None else replace(request, on_phase=context.begin)
