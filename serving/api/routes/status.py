"""The state of the server: probes, health, MLflow's version, and metrics."""

from __future__ import annotations

from typing import Any

import orjson
from mlflow.version import VERSION

from serving.http.asgi import Receive, Scope, Send, reply
from serving.http.draining import Draining
from serving.http.request_context import ANONYMOUS, RequestContext
from serving.http.request_log import RequestLog
from serving.http.router import Table
from serving.served_model import ModelHolder
from serving.settings import Settings

PROBES = ("/ping", "/health", "/livez", "/readyz", "/v2/health/live", "/v2/health/ready")
"""What an orchestrator asks for often: without an API key, and not counted by rate limits."""


class StatusRoutes:
    """Say whether the server lives, is ready, and what it has done."""

    open_paths = PROBES

    def __init__(
        self,
        settings: Settings,
        champion: ModelHolder,
        draining: Draining,
        request_log: RequestLog,
    ) -> None:
        self._settings = settings
        self._champion = champion
        self._draining = draining
        self._request_log = request_log
        self.table: Table = {
            "/ping": {"GET": self.ping},
            "/health": {"GET": self.health},
            "/version": {"GET": self.version},
            "/metrics": {"GET": self.metrics},
            "/livez": {"GET": self.livez},
            "/readyz": {"GET": self.readyz},
            "/v2/health/live": {"GET": self.livez},
            "/v2/health/ready": {"GET": self.readyz},
        }

    async def ping(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200 with a model, 503 without; the same body as MLflow's."""
        await reply(send, 200 if self._champion.current else 503, b"\n")

    async def livez(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200 while the event loop runs."""
        await reply(send, 200, b'{"live":true}')

    async def readyz(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200 if ``is_ready``, else 503."""
        is_ready = self.is_ready()
        content = {"live": True, "ready": is_ready}
        await reply(send, 200 if is_ready else 503, orjson.dumps(content))

    def is_ready(self) -> bool:
        """Whether there is a model, and the server has not been told to end."""
        return self._champion.current is not None and not self._draining.has_begun

    async def health(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Like ``ping``, with the model version as JSON.

        Why a newer version is not served may name servers and files, so only callers who are
        trusted read it: those with a key, or without keys those on this machine.
        """
        served = self._champion.current
        content: dict[str, Any] = {
            "status": "ok" if served else "no model",
            "model_loaded": served is not None,
            "model": served.info() if served else None,
        }
        if self._champion.problem is not None:
            content["reload_failing_since"] = self._champion.failing_since
            if self._is_trusted(scope["context"]):
                content["reload_problem"] = self._champion.problem
        await reply(send, 200 if served else 503, orjson.dumps(content))

    def _is_trusted(self, context: RequestContext) -> bool:
        if self._settings.has_keys:
            return context.client != ANONYMOUS
        return self._settings.listens_on_loopback

    async def version(self, scope: Scope, receive: Receive, send: Send) -> None:
        """MLflow's version, as MLflow's server replies it."""
        await reply(send, 200, VERSION.encode())

    async def metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The metrics in Prometheus' text format."""
        self._request_log.flush()
        content, content_type = self._request_log.metrics.exposition()
        await reply(send, 200, content, content_type.encode())
