"""The parts of a server, made from its settings."""

from __future__ import annotations

from pathlib import Path

from serving.http.api_keys import ReloadedKeys
from serving.http.body_reader import BodyBudget, RequestBodyReader
from serving.http.draining import Draining
from serving.http.executor import Capacity, ScoringExecutor
from serving.http.log_writer import EVENTS, REQUESTS
from serving.http.metrics import Metrics
from serving.http.rate_limit import RateLimiter
from serving.http.request_log import RequestLog
from serving.models import Models
from serving.settings import Settings
from serving.tracing import open_tracing


class Parts:
    """What the routes and the middleware use, and what starts and ends with the server.

    ``shared_folder``: of several workers. Raises InvalidParameter for settings that cannot work.
    """

    def __init__(self, settings: Settings, shared_folder: Path | None = None) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.models = Models(settings, self.metrics, shared_folder)
        for writer in (REQUESTS, EVENTS):
            writer.on_drop = self.metrics.log_lines_dropped.inc
        self.request_log = RequestLog(self.metrics)
        self.executor = ScoringExecutor(
            Capacity(settings.max_concurrency),
            settings.threads,
            settings.inline_bytes,
            settings.timeout,
        )
        self.rate_limiter = RateLimiter(
            settings.rate_limit,
            settings.rate_limit_rows,
            settings.rate_limit_storage,
            settings.rate_limit_unauthorized,
            settings.timeout,
        )
        self.keys = ReloadedKeys(settings.keys_file, settings.keys)
        self.budget = BodyBudget(settings.max_bodies)
        self.body_reader = RequestBodyReader(settings.timeout, self.budget)
        self.draining = Draining(settings.drain)
        self.tracing = open_tracing()
        if self.tracing is not None:
            self.request_log.on_finished = self.tracing.export
