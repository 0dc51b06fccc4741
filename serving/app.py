"""The application: its parts, put together. Nothing happens at import."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Coroutine, Iterator
from typing import Any

from starlette.middleware.cors import CORSMiddleware

from serving.api.docs import Docs
from serving.api.routes import Routes
from serving.http import api_keys
from serving.http.asgi import App, Receive, Scope, Send
from serving.http.body_reader import RequestBodyReader
from serving.http.executor import Capacity, ScoringExecutor
from serving.http.logs import configure
from serving.http.metrics import Metrics
from serving.http.middleware import (
    ApiKeyMiddleware,
    ConcurrencyLimitMiddleware,
    RequestContextMiddleware,
)
from serving.http.rate_limit import RateLimiter, RateLimitMiddleware
from serving.http.request_log import RequestLog
from serving.served_model import ModelHolder, ServedModel, load_model
from serving.settings import PREFIX, Settings

_ALWAYS_OPEN = ("/ping", "/health")
_PUBLIC = {
    "docs": (*Docs.paths, "/openapi.json"),
    "version": ("/version",),
    "metrics": ("/metrics",),
}
RESOLVED = f"{PREFIX}RESOLVED"
"""Environment variable by which worker processes get the settings that the parent has read."""


def create_app(settings: Settings, served: ServedModel | None = None) -> App:
    """The whole ASGI application.

    ``served`` is the model to begin with; without one every scoring route replies 503 until the
    watch has found it. Raises InvalidParameter for settings that cannot work.
    """
    metrics = Metrics()
    request_log = RequestLog(metrics)
    holder = ModelHolder(
        settings.model_uri,
        lambda new: metrics.model(new.name, new.version),
        any_schema=settings.allow_schema_change,
    )
    capacity = Capacity(settings.max_concurrency)
    executor = ScoringExecutor(capacity, settings.threads, settings.inline_bytes, settings.timeout)
    rate_limiter = RateLimiter(
        settings.rate_limit,
        settings.rate_limit_rows,
        settings.rate_limit_storage,
    )
    known = api_keys.load_keys(settings.keys_file, settings.keys)
    docs = Docs(keys=bool(known), root_path=settings.root_path)
    body_reader = RequestBodyReader(settings.timeout)
    app: App = Routes(settings, holder, executor, rate_limiter, request_log, body_reader, docs)
    app = ConcurrencyLimitMiddleware(app, capacity, exempt_paths=_ALWAYS_OPEN)
    if settings.rate_limit:
        app = RateLimitMiddleware(app, rate_limiter, exempt_paths=_ALWAYS_OPEN)
    if known:
        public = [path for name in settings.public for path in _PUBLIC[name]]
        app = ApiKeyMiddleware(app, known, open_paths=(*_ALWAYS_OPEN, *public))
    app = RequestContextMiddleware(app, request_log)
    if settings.cors_origins:
        app = CORSMiddleware(
            app,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key", "X-Request-ID"],
            expose_headers=["Retry-After", "X-Model-Version", "X-Request-ID"],
        )
    if served is not None:
        holder.start(served)
    return Lifespan(app, settings, holder, executor, request_log, body_reader)


class Lifespan:
    """Starts the watch with the server, and ends it with it."""

    def __init__(
        self,
        app: App,
        settings: Settings,
        holder: ModelHolder,
        executor: ScoringExecutor,
        request_log: RequestLog,
        body_reader: RequestBodyReader,
    ) -> None:
        self.body_reader = body_reader
        self.app = app
        self.settings = settings
        self.holder = holder
        self.executor = executor
        self.request_log = request_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        await receive()
        loop = asyncio.get_running_loop()
        watches = [loop.create_task(watch) for watch in self._watches()]
        # what is loaded now stays: without this each full garbage collection walks all of MLflow,
        # which takes 100 ms and more
        gc.collect()
        gc.freeze()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        self.executor.close()
        self.request_log.flush()
        await send({"type": "lifespan.shutdown.complete"})

    def _watches(self) -> Iterator[Coroutine[Any, Any, None]]:
        yield self.body_reader.watch()
        yield self._gauge()
        interval = self.settings.reload_interval
        if self.holder.current is None:
            interval = min(interval, 2.0) or 2.0  # until there is a model somebody must look
        elif not interval or self.holder.current.alias is None:
            return
        yield self.holder.watch(interval, self.request_log.metrics.reload_failures.inc)

    async def _gauge(self) -> None:
        """How many requests are at work, once a second."""
        while True:
            self.request_log.metrics.in_flight.set(self.executor.capacity.in_use)
            await asyncio.sleep(1)


def worker() -> App:
    """The application of one worker process, with the settings that the parent has read."""
    settings = Settings.model_validate_json(os.environ[RESOLVED])
    configure(settings.log_level)
    try:
        served = load_model(settings.model_uri)
    except Exception:
        if not settings.wait_for_model:
            raise
        served = None
    return create_app(settings, served)
