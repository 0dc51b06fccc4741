"""Starts and ends what runs as long as the server, in the order that it needs."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Coroutine, Iterator
from typing import Any

from serving.http.asgi import App, Receive, Scope, Send
from serving.http.log_writer import REQUESTS
from serving.parts import Parts

_logger = logging.getLogger("serving")


class Lifespan:
    """Starts the background tasks with the server, and stops them with it."""

    def __init__(self, app: App, parts: Parts) -> None:
        self.app = app
        self.parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        await receive()
        tasks = self._start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._close()
        await send({"type": "lifespan.shutdown.complete"})

    def _start(self) -> list[asyncio.Task[None]]:
        loop = asyncio.get_running_loop()
        self.parts.draining.watch(loop)
        tasks = [loop.create_task(task) for task in self._background_tasks()]
        # what is loaded now stays loaded: without freezing it, each full garbage collection visits
        # all of MLflow's objects, which takes 100 ms or more
        gc.collect()
        gc.freeze()
        self._log_start()
        return tasks

    def _background_tasks(self) -> Iterator[Coroutine[Any, Any, None]]:
        parts = self.parts
        yield parts.body_reader.watch()
        yield parts.keys.watch(parts.metrics.keys_reload_failures.inc)
        yield self._measure_requests_in_flight()
        yield from parts.models.background_tasks()

    async def _measure_requests_in_flight(self) -> None:
        """Update the gauge once per second."""
        while True:
            self.parts.metrics.in_flight.set(self.parts.executor.capacity.in_use)
            await asyncio.sleep(1)

    def _log_start(self) -> None:
        served, settings = self.parts.models.champion.current, self.parts.settings
        scheme = "https" if settings.ssl_certfile else "http"
        what = f"version {served.version} of {served.name}" if served else "without a model"
        _logger.info("serving %s at %s://%s:%s", what, scheme, settings.host, settings.port)

    async def _close(self) -> None:
        """End the parts; what they have collected is written or exported."""
        parts = self.parts
        parts.executor.close()
        await parts.models.close()
        parts.request_log.flush()
        if parts.tracing is not None:
            await parts.tracing.close()
        REQUESTS.flush()
