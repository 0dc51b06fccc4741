"""The ASGI application, put together from its parts. Nothing happens at import."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from starlette.middleware.cors import CORSMiddleware

from churn_model.errors import InferenceLogError
from churn_model.inference_log.inference_log import InferenceLog
from pyfunc.environment import quiet_mlflow
from serving.api.docs import Docs
from serving.api.page.page import Page
from serving.api.routes import Routes
from serving.daemon_thread import run_in_daemon_thread
from serving.http.api_keys import ReloadedKeys
from serving.http.asgi import App, Receive, Scope, Send
from serving.http.body_reader import BodyBudget, RequestBodyReader
from serving.http.draining import Draining
from serving.http.executor import Capacity, ScoringExecutor
from serving.http.log_writer import EVENTS, REQUESTS
from serving.http.logs import configure
from serving.http.metrics import FOLDER_VARIABLE, Metrics
from serving.http.middleware import (
    ApiKeyMiddleware,
    RequestContextMiddleware,
    RootPathMiddleware,
)
from serving.http.rate_limit import RateLimiter, RateLimitMiddleware
from serving.http.request_log import RequestLog
from serving.inference_log import compare_with_training, measure_last_hour, open_log
from serving.last_hour import LastHour
from serving.rollout import Rollout
from serving.served_model import ModelHolder, ServedModel, load_if_available
from serving.settings import PREFIX, Settings
from serving.shared_version import SharedVersion
from serving.tracing import Tracing, TracingMiddleware, open_tracing

_logger = logging.getLogger("serving")

_PROBES = ("/ping", "/health", "/livez", "/readyz", "/v2/health/live", "/v2/health/ready")
_PUBLIC = {
    "docs": ("/openapi.json",),
    "version": ("/version",),
    "metrics": ("/metrics",),
}
_SECONDS_TO_EXPORT = 5.0
"""How long a shutdown waits for the collector of the spans."""

_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT)
SETTINGS_VARIABLE = f"{PREFIX}RESOLVED"
"""Environment variable with which the parent process hands its settings to the workers."""


def create_app(
    settings: Settings,
    served: ServedModel | None = None,
    shared: SharedVersion | None = None,
    ended: SharedVersion | None = None,
) -> App:
    """The complete ASGI application.

    ``served`` is the model to start with; without one, the scoring routes reply 503 until one can
    be loaded. ``shared``: the version that several workers have agreed on; ``ended``: the canary
    that has ended in one of them. Raises InvalidParameter for settings that cannot work, and
    InferenceLogError if the scores cannot be recorded.
    """
    metrics = Metrics()
    last_hour = measure_last_hour(settings, metrics)
    inference_log = open_log(settings, metrics, last_hour)
    for writer in (REQUESTS, EVENTS):
        writer.on_drop = metrics.log_lines_dropped.inc
    request_log = RequestLog(metrics)
    holder = ModelHolder(
        settings.model_uri,
        partial(_on_swap, metrics, last_hour),
        allow_schema_change=settings.allow_schema_change,
        shared=shared,
        inference_log=inference_log,
    )
    rollout = Rollout(settings, holder, metrics, inference_log, ended)
    capacity = Capacity(settings.max_concurrency)
    executor = ScoringExecutor(capacity, settings.threads, settings.inline_bytes, settings.timeout)
    rate_limiter = RateLimiter(
        settings.rate_limit,
        settings.rate_limit_rows,
        settings.rate_limit_storage,
        settings.rate_limit_unauthorized,
        settings.timeout,
    )
    keys = ReloadedKeys(settings.keys_file, settings.keys)
    docs = Docs(keys=bool(keys.current), root_path=settings.root_path)
    budget = BodyBudget(settings.max_bodies)
    body_reader = RequestBodyReader(settings.timeout, budget)
    draining = Draining(settings.drain)
    page = Page(settings, holder) if settings.page else None
    app: App = Routes(
        settings, holder, executor, rate_limiter, request_log, body_reader, docs, draining, page
    )
    if settings.rate_limit:
        app = RateLimitMiddleware(app, rate_limiter, exempt_paths=_PROBES)
    if keys.current:
        public = [path for name in settings.public for path in _PUBLIC[name]]
        files = (*docs.paths, *(page.files if page is not None else ()))
        app = ApiKeyMiddleware(app, keys, rate_limiter, open_paths=(*_PROBES, *files, *public))
    tracing = open_tracing()
    if tracing is not None:
        app = TracingMiddleware(app, tracing)
        request_log.on_finished = tracing.export
    app = RequestContextMiddleware(app, request_log, budget)
    if settings.cors_origins:
        app = CORSMiddleware(
            app,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key", "X-Request-ID"],
            expose_headers=["Retry-After", "X-Model-Version", "X-Request-ID"],
        )
    if settings.root_path:
        app = RootPathMiddleware(app, settings.root_path)
    if served is not None:
        holder.start(served)
    return Lifespan(
        app,
        settings,
        holder,
        rollout,
        executor,
        request_log,
        body_reader,
        keys,
        inference_log,
        draining,
        tracing,
    )


def _on_swap(metrics: Metrics, last_hour: LastHour | None, served: ServedModel) -> None:
    metrics.model.show(served.name, served.version)
    if last_hour is not None:
        compare_with_training(last_hour, served)


class Lifespan:
    """Starts the background tasks with the server, and stops them with it."""

    def __init__(
        self,
        app: App,
        settings: Settings,
        holder: ModelHolder,
        rollout: Rollout,
        executor: ScoringExecutor,
        request_log: RequestLog,
        body_reader: RequestBodyReader,
        keys: ReloadedKeys,
        inference_log: InferenceLog | None,
        draining: Draining,
        tracing: Tracing | None,
    ) -> None:
        self.app = app
        self.draining = draining
        self.tracing = tracing
        self.inference_log = inference_log
        self.settings = settings
        self.holder = holder
        self.rollout = rollout
        self.executor = executor
        self.request_log = request_log
        self.body_reader = body_reader
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        await receive()
        loop = asyncio.get_running_loop()
        self.draining.watch(loop)
        tasks = [loop.create_task(task) for task in self._background_tasks()]
        # what is loaded now stays loaded: without freezing it, each full garbage collection visits
        # all of MLflow's objects, which takes 100 ms or more
        gc.collect()
        gc.freeze()
        self._log_start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.executor.close()
        await run_in_daemon_thread(self.rollout.close)
        if self.inference_log is not None:
            await run_in_daemon_thread(self.inference_log.close)
        self.request_log.flush()
        if self.tracing is not None:
            with suppress(asyncio.TimeoutError):
                closing = run_in_daemon_thread(self.tracing.close)
                await asyncio.wait_for(closing, _SECONDS_TO_EXPORT)
        REQUESTS.flush()
        await send({"type": "lifespan.shutdown.complete"})

    def _log_start(self) -> None:
        served, settings = self.holder.current, self.settings
        scheme = "https" if settings.ssl_certfile else "http"
        what = f"version {served.version} of {served.name}" if served else "without a model"
        _logger.info("serving %s at %s://%s:%s", what, scheme, settings.host, settings.port)

    def _background_tasks(self) -> Iterator[Coroutine[Any, Any, None]]:
        yield self.body_reader.watch()
        yield self.keys.watch(self.request_log.metrics.keys_reload_failures.inc)
        yield self._measure_requests_in_flight()
        yield from self.rollout.background_tasks()
        current = self.holder.current
        if current is None or current.alias is not None:
            interval = self.settings.reload_interval
            yield self.holder.watch(interval, self.request_log.metrics.reload_failures.inc)

    async def _measure_requests_in_flight(self) -> None:
        """Update the gauge once per second."""
        while True:
            self.request_log.metrics.in_flight.set(self.executor.capacity.in_use)
            await asyncio.sleep(1)


def worker() -> App:
    """The application of one worker process, with the settings of the parent process.

    A worker that cannot load the model replies 503 and keeps trying. If it exited instead, it would
    be restarted again and again while the registry is unreachable.
    """
    settings = Settings.model_validate_json(os.environ[SETTINGS_VARIABLE])
    configure(settings.log_level)
    quiet_mlflow()
    folder = Path(os.environ[FOLDER_VARIABLE])
    shared, ended = SharedVersion(folder), SharedVersion(folder, "ended-canary")
    with _default_signals():
        served = _load_agreed(settings.model_uri, shared)
    try:
        return create_app(settings, served, shared, ended)
    except InferenceLogError as error:  # of this version; the next one may do
        _logger.warning("no model is loaded yet, trying again: %s", error)
        return create_app(settings, None, shared, ended)


def _load_agreed(uri: str, shared: SharedVersion) -> ServedModel | None:
    """The model that the other workers serve; of several that start at once, one decides."""
    served = load_if_available(uri, shared.read())
    if served is None or served.version is None:
        return served
    agreed = shared.settle(served.version)
    return served if agreed == served.version else load_if_available(uri, agreed)


@contextmanager
def _default_signals() -> Iterator[None]:
    """Let SIGTERM and SIGINT end the process; uvicorn would not react until the model is loaded."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in _ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
