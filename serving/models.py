"""The model versions of a server, and where their scores are recorded."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

from serving.daemon_thread import run_in_daemon_thread
from serving.http.metrics import Metrics
from serving.inference_log import compare_with_training, measure_last_hour, open_log
from serving.rollout import Rollout
from serving.served_model import ModelHolder, ServedModel
from serving.settings import Settings
from serving.shared_version import SharedVersion


class Models:
    """The champion, which scores all requests, and next to it a canary and a shadow.

    ``champion.current`` has them all, so a request takes it once and is scored by the same versions
    to its end. ``shared_folder``: where several workers agree on versions. Raises InvalidParameter
    for settings of the inference log that cannot work.
    """

    def __init__(
        self, settings: Settings, metrics: Metrics, shared_folder: Path | None = None
    ) -> None:
        self._metrics = metrics
        self._interval = settings.reload_interval
        self._last_hour = measure_last_hour(settings, metrics)
        self.inference_log = open_log(settings, metrics, self._last_hour)
        self.champion = ModelHolder(
            settings.model_uri,
            self._on_swap,
            allow_schema_change=settings.allow_schema_change,
            shared=None if shared_folder is None else SharedVersion(shared_folder),
            inference_log=self.inference_log,
        )
        ended = None if shared_folder is None else SharedVersion(shared_folder, "ended-canary")
        self.rollout = Rollout(settings, self.champion, metrics, self.inference_log, ended)

    def _on_swap(self, served: ServedModel) -> None:
        self._metrics.model.show(served.name, served.version)
        if self._last_hour is not None:
            compare_with_training(self._last_hour, served)

    def background_tasks(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What runs as long as the server: the search for newer versions."""
        yield from self.rollout.background_tasks()
        current = self.champion.current
        if current is None or current.alias is not None:
            yield self.champion.watch(self._interval, self._metrics.reload_failures.inc)

    async def close(self) -> None:
        """Score what waits for the shadow, and write what has been recorded."""
        await run_in_daemon_thread(self.rollout.close)
        if self.inference_log is not None:
            await run_in_daemon_thread(self.inference_log.close)
