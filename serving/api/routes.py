"""The routes and their handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import orjson
from mlflow.version import VERSION

from serving.api import replies, requests, tabular, v2
from serving.api.docs import Docs
from serving.api.page.page import Page
from serving.api.scoring import answer_one, note_failure, score_alone
from serving.http.asgi import JSON, Header, Receive, Scope, Send, reply
from serving.http.body_reader import RequestBodyReader
from serving.http.content import count_brackets, count_commas, decompress, is_gzip, media_type
from serving.http.draining import Draining
from serving.http.errors import ApiError
from serving.http.executor import ScoringExecutor
from serving.http.rate_limit import RateLimiter
from serving.http.request_context import ANONYMOUS, RequestContext
from serving.http.request_log import RequestLog
from serving.served_model import ModelHolder, ServedModel
from serving.settings import Settings

Handler: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_JSON = "application/json"
_SMALL_CUSTOMER = 64
"""The bytes of a customer with few fields."""
_SMALL_VALUE = 16
"""The bytes of a value with the name of its field."""
_REASONS = 8
"""How many times longer it takes to score a customer with reasons."""


class Routes:
    """The innermost ASGI app: calls the handler of a route, or raises ApiError 404 or 405."""

    def __init__(
        self,
        settings: Settings,
        holder: ModelHolder,
        executor: ScoringExecutor,
        rate_limiter: RateLimiter,
        request_log: RequestLog,
        body_reader: RequestBodyReader,
        docs: Docs,
        draining: Draining,
        page: Page | None = None,
    ) -> None:
        self.settings = settings
        self.holder = holder
        self.executor = executor
        self.rate_limiter = rate_limiter
        self.request_log = request_log
        self.body_reader = body_reader
        self.docs = docs
        self.draining = draining
        self.table: dict[str, dict[str, Handler]] = {
            "/predict/single": {"POST": self.predict_single},
            "/predict": {"POST": self.predict},
            "/invocations": {"POST": self.invocations},
            "/ping": {"GET": self.ping},
            "/health": {"GET": self.health},
            "/version": {"GET": self.version},
            "/metrics": {"GET": self.show_metrics},
            "/livez": {"GET": self.livez},
            "/readyz": {"GET": self.readyz},
            "/v2": {"GET": self.v2_server},
            "/v2/health/live": {"GET": self.livez},
            "/v2/health/ready": {"GET": self.readyz},
            v2.MODEL: {"GET": self.v2_model},
            v2.READY: {"GET": self.v2_ready},
            v2.INFER: {"POST": self.v2_infer},
            "/openapi.json": {"GET": self.openapi},
            **{path: {"GET": self.documentation} for path in docs.paths},
        }
        if page is not None:
            self.table |= {
                **{path: {"GET": page.file} for path in page.files},
                "/page/model": {"GET": page.model},
                "/page/card": {"GET": page.card},
                "/page/report": {"GET": page.report},
                "/page/customer": {"POST": self.page_customer},
                "/page/table": {"POST": self.page_table},
            }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        route: str = scope["path"]
        methods = self.table.get(route)
        if methods is None:
            route = v2.route_of(route) or ""
            methods = self.table.get(route)
        if methods is None:
            raise ApiError(404, "this route does not exist; GET /docs lists all routes")
        scope["context"].route = route
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        handler = methods.get(method)
        if handler is None:
            allowed = ", ".join(methods)
            raise ApiError(
                405, f"{route} supports {allowed}", headers=[(b"allow", allowed.encode())]
            )
        await handler(scope, receive, send)

    # --- scoring ------------------------------------------------------------------------------

    async def predict_single(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One customer -> one score."""
        _require_json(scope)
        params = requests.read_query(scope["query_string"])
        served, body = await self._begin(scope, receive, self.settings.max_body_single)
        with self.executor.capacity:
            await self.rate_limiter.count_rows(scope, 1)
            context: RequestContext = scope["context"]
            on_valid = None if context.phases is None else partial(context.begin, "score")
            try:
                score = score_alone(served, body, params, on_valid)
            except Exception as error:
                note_failure(served, error)
                raise
            if served.shadow is not None:
                served.shadow.single(body, params, score, context.request_id)
            if served.canary is not None:
                served, score = answer_one(
                    served, score, lambda model: model.scorer.score_json(body, **params.options)
                )
                context.version = served.version
            if served.log is not None:
                served.log.single(score, context.request_id, params.threshold)
        content = orjson.dumps(replies.single(score))
        context.probability = score.probability
        await self._scored(scope, send, served, content, 1)

    async def page_customer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ``predict_single``, but not recorded: nobody was scored to be contacted."""
        _require_json(scope)
        params = requests.read_query(scope["query_string"])
        served, body = await self._begin(scope, receive, self.settings.max_body_single)
        with self.executor.capacity:
            await self.rate_limiter.count_rows(scope, 1)
            score = served.scorer.score_json(body, **params.options)
        await self._scored(scope, send, served, orjson.dumps(replies.single(score)), 1)

    async def predict(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``{"customers": [...]}`` -> predictions and probabilities in the same order."""
        _require_json(scope)
        params = requests.read_query(scope["query_string"])
        served, body = await self._begin(scope, receive, self.settings.max_body)
        max_rows = self.settings.max_rows
        read = partial(requests.read_customers, body, params, max_rows, served.decoder)
        run = partial(self.executor.run, scope["context"].started, self._work(body, params.explain))
        content, n = await self._score_many(scope, served, run, read, replies.predictions)
        await self._scored(scope, send, served, content, n)

    async def invocations(self, scope: Scope, receive: Receive, send: Send) -> None:
        """MLflow's scoring protocol: JSON, CSV or Parquet."""
        if scope["query_string"]:
            raise ApiError(400, "/invocations has no query parameters; send options as params")
        mime = media_type(scope["context"])
        is_table = mime in (tabular.CSV, tabular.PARQUET)
        if not is_table:
            _require_json(scope)
        served, body = await self._begin(scope, receive, self.settings.max_body)
        if is_table:
            await self._score_table(scope, send, served, body, mime, replies.table)
            return
        read = partial(requests.read_invocation, body, self.settings.max_rows, served.decoder)
        work = self._work(body, b'"explain"' in body)
        run = partial(self.executor.run, scope["context"].started, work)
        content, n = await self._score_many(scope, served, run, read, replies.invocation)
        await self._scored(scope, send, served, content, n)

    async def v2_infer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The Open Inference Protocol: tensors with the customers' fields -> their scores."""
        if scope["query_string"]:
            raise ApiError(400, "this route has no query parameters; send options as parameters")
        context: RequestContext = scope["context"]
        v2.require_tensors(context)
        self._v2_served(scope)  # before the body is read
        served, body = await self._begin(scope, receive, self.settings.max_body)
        served = v2.as_named(served, scope["path"])
        length = v2.json_length(context, len(body))
        read = partial(v2.read, body, length, served, self.settings.max_rows)
        work = self._work(body, b'"explain"' in body or b'"reasons"' in body)
        run = partial(self.executor.run, context.started, work)
        made, n = await self._score_many(scope, served, run, read, v2.write)
        await self._scored(scope, send, served, made.content, n, made.content_type, made.headers)

    async def page_table(self, scope: Scope, receive: Receive, send: Send) -> None:
        """CSV as ``invocations`` takes it, with reasons and the errors of invalid customers."""
        if media_type(scope["context"]) != tabular.CSV:
            raise ApiError(415, f"send Content-Type: {tabular.CSV}")
        served, body = await self._begin(scope, receive, self.settings.max_body)
        write = replies.explained_table
        await self._score_table(scope, send, served, body, tabular.CSV, write)

    async def _score_table(
        self, scope: Scope, send: Send, served: ServedModel, body: bytes, mime: str, write: Any
    ) -> None:
        """CSV or Parquet, always in a thread: pandas takes milliseconds even for one row."""

        def read() -> requests.Request:
            customers = tabular.read(
                body,
                mime,
                served.scorer.schema,
                max_rows=self.settings.max_rows,
                max_decoded=self.settings.max_decoded,
                descriptor=served.table,
            )
            return requests.Request(customers, customers.n, requests.Params())

        run = partial(self.executor.run_in_thread, scope["context"].started)
        content, n = await self._score_many(scope, served, run, read, write)
        await self._scored(scope, send, served, content, n)

    async def _score_many(
        self, scope: Scope, served: ServedModel, run: Any, read: Any, write: Any
    ) -> tuple[Any, int]:
        """Read customers, count them against the limits and score them; the reply and their number.

        ``run``: runs a function of the executor. ``read()``: the customers, with their number as
        ``n``. ``write(served, customers, request_id)``: the reply and the probabilities. All of it
        is one job, because other requests would be parsed between two. It is divided in two only
        if customers are counted in a shared storage, for which a thread should not wait.
        """
        context: RequestContext = scope["context"]
        with self.executor.capacity:
            if self.rate_limiter.counts_rows_elsewhere:
                customers = _traced(context, await run(read))
                self._check_rows(customers.n)
                await self.rate_limiter.count_rows(scope, customers.n)
                n = customers.n
                content, probability = await run(write, served, customers, context.request_id)
            else:
                n, (content, probability) = await run(self._job, scope, served, read, write)
        context.probability = probability
        return content, n

    def _job(self, scope: Scope, served: ServedModel, read: Any, write: Any) -> tuple[int, Any]:
        """Read, count and score in one go; what is over the limits or the time is not scored."""
        customers = _traced(scope["context"], read())
        self._check_rows(customers.n)
        self.rate_limiter.count_rows_here(scope, customers.n)
        self.executor.remaining(scope["context"].started)
        return customers.n, write(served, customers, scope["context"].request_id)

    def _work(self, body: bytes, explain: bool) -> int:
        """An upper bound for the work of a body, as the bytes of a body of ordinary customers.

        An empty object or list is as much work as a complete customer, a value in a list of values
        (of a body with columns) may be a customer, and reasons multiply the work. Nothing is
        counted where the length decides.
        """
        work = len(body)
        if work <= self.executor.inline_bytes:
            work = max(
                work, count_brackets(body) * _SMALL_CUSTOMER, count_commas(body) * _SMALL_VALUE
            )
        return work * _REASONS if explain else work

    async def _begin(
        self, scope: Scope, receive: Receive, max_bytes: int
    ) -> tuple[ServedModel, bytes]:
        """The model, which stays the same for the whole request, and the decompressed body."""
        context: RequestContext = scope["context"]
        if context.phases is not None:
            context.begin("read")
        self.executor.capacity.check()
        served = self.holder.served()
        context.version = served.version
        compressed = is_gzip(context)
        body: bytes | None = scope.get("body")
        if body is None:
            body = await self.body_reader.read_body(context, receive, max_bytes)
        else:
            self.body_reader.admit(context, body, max_bytes)
        if compressed:
            run = self.executor.run_in_thread
            with self.executor.capacity:
                body = await run(context.started, decompress, body, max_bytes)
            self.body_reader.budget.take(context, len(body))
        if context.phases is not None:
            context.begin("validate")
        return served, body

    def _check_rows(self, rows: int) -> None:
        if rows > self.settings.max_rows:
            raise requests.too_many_customers(self.settings.max_rows)

    async def _scored(
        self,
        scope: Scope,
        send: Send,
        served: ServedModel,
        content: bytes,
        rows: int,
        content_type: bytes = JSON,
        headers: Sequence[Header] = (),
    ) -> None:
        context: RequestContext = scope["context"]
        context.rows = rows
        if context.phases is not None:
            context.begin("reply")
        version = (served.version or "").encode()
        await reply(send, 200, content, content_type, [(b"x-model-version", version), *headers])

    # --- the server itself --------------------------------------------------------------------

    async def ping(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200 with a model, 503 without; the same body as MLflow's."""
        await reply(send, 200 if self.holder.current else 503, b"\n")

    async def livez(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200 while the event loop runs."""
        await reply(send, 200, b'{"live":true}')

    async def readyz(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200 with a model; 503 without, and once the server has been told to end."""
        is_ready = self._is_ready()
        content = {"live": True, "ready": is_ready}
        await reply(send, 200 if is_ready else 503, orjson.dumps(content))

    def _is_ready(self) -> bool:
        return self.holder.current is not None and not self.draining.has_begun

    async def health(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Like ``ping``, with the model version as JSON.

        Why a newer version is not served may name servers and files, so only callers who are
        trusted read it: those with a key, or without keys those on this machine.
        """
        served = self.holder.current
        content: dict[str, Any] = {
            "status": "ok" if served else "no model",
            "model_loaded": served is not None,
            "model": served.info() if served else None,
        }
        if self.holder.problem is not None:
            content["reload_failing_since"] = self.holder.failing_since
            if self._is_trusted(scope["context"]):
                content["reload_problem"] = self.holder.problem
        await reply(send, 200 if served else 503, orjson.dumps(content))

    def _is_trusted(self, context: RequestContext) -> bool:
        if self.settings.has_keys:
            return context.client != ANONYMOUS
        return self.settings.listens_on_loopback

    async def version(self, scope: Scope, receive: Receive, send: Send) -> None:
        """MLflow's version, as MLflow's server replies it."""
        await reply(send, 200, VERSION.encode())

    async def show_metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The metrics in Prometheus' text format."""
        self.request_log.flush()
        content, content_type = self.request_log.metrics.exposition()
        await reply(send, 200, content, content_type.encode())

    async def v2_server(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The name and version of the server, in the Open Inference Protocol."""
        await reply(send, 200, v2.server_metadata())

    async def v2_model(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The tensors of the model that is served."""
        await reply(send, 200, v2.model_metadata(self._v2_served(scope)))

    async def v2_ready(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Like ``readyz``, for a model by its name."""
        served, is_ready = self._v2_served(scope), self._is_ready()
        content = {"name": v2.name_of(served), "ready": is_ready}
        await reply(send, 200 if is_ready else 503, orjson.dumps(content))

    def _v2_served(self, scope: Scope) -> ServedModel:
        """The served model, which the path names. Raises ApiError 404 or 503."""
        return v2.as_named(self.holder.served(), scope["path"])

    async def openapi(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The OpenAPI document for the current model."""
        served = self.holder.served()
        await reply(send, 200, self.docs.openapi(served))

    async def documentation(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The documentation page and the files that it loads."""
        content, content_type = self.docs.file(scope["path"])
        await reply(send, 200, content, content_type)


def _require_json(scope: Scope) -> None:
    """Raise ApiError 415 for anything but JSON in UTF-8."""
    if media_type(scope["context"]) != _JSON:
        raise ApiError(
            415, f"send Content-Type: {_JSON}; only /invocations accepts CSV and Parquet"
        )


def _traced(context: RequestContext, request: requests.Request) -> requests.Request:
    """A request that notes when its phases begin, if spans are exported."""
    return request if context.phases is None else replace(request, on_phase=context.begin)
