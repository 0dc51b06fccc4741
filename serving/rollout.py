"""Puts a canary and a shadow next to the champion, and takes them away again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from typing import Any

from churn_model.inference_log.inference_log import InferenceLog
from serving.api.shadow import Shadow
from serving.audit import AuditEvent, audit
from serving.canary import Canary
from serving.challenger import CANARY, SHADOW, Challenger
from serving.http.metrics import Metrics
from serving.served_model import ModelHolder, ServedModel
from serving.settings import Settings
from serving.shadow import ShadowQueue
from serving.shared_version import SharedVersion

_SECONDS_BETWEEN_LOOKS = 0.5
"""How often a worker looks whether the canary has ended, here or in another worker."""


class Rollout:
    """Keeps the canary and the shadow of ``holder.current`` up to date.

    A version is the canary until its alias moves, it fails too often, or it becomes champion. After
    the last two it does not become canary again before the server restarts, so that a champion
    that was rolled back does not return. ``ended``: the version whose canary has ended in one of
    several workers. Everything but ``_end`` runs in the event loop.
    """

    def __init__(
        self,
        settings: Settings,
        holder: ModelHolder,
        metrics: Metrics,
        inference_log: InferenceLog | None,
        ended: SharedVersion | None,
    ) -> None:
        self._interval = settings.reload_interval
        self._share = settings.canary_share
        self._holder = holder
        self._metrics = metrics
        self._shared_end = ended
        self._ended: set[str | None] = set()
        self._canary: Canary | None = None
        self._champion_version: str | None = None
        self._shadow: Shadow | None = None
        self._queue = ShadowQueue(metrics, settings.max_rows)

        def follow(uri: str | None, role: str) -> Challenger | None:
            return None if uri is None else Challenger(uri, role, self.update, inference_log)

        self.canary = follow(settings.canary, CANARY)
        self.shadow = follow(settings.shadow, SHADOW)
        holder.on_change = self.update

    def background_tasks(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What runs as long as the server."""
        for challenger in (self.canary, self.shadow):
            if challenger is not None:
                count_failure = self._metrics.challenger_load_failures.labels(challenger.role).inc
                yield challenger.watch(self._interval, count_failure)
        if self.canary is not None:
            yield self._watch_end()

    def close(self) -> None:
        """Let the shadow score what waits, for a limited time."""
        self._queue.close()

    def update(self) -> None:
        """Called when another version is champion or challenger, or the canary has ended."""
        champion = self._holder.current
        if champion is not None:
            self._replace_canary(champion)
            self._replace_shadow(champion)
            self._holder.current = replace(champion, canary=self._canary, shadow=self._shadow)
            self._champion_version = champion.version

    def _replace_canary(self, champion: ServedModel) -> None:
        """Find the canary of this champion. With the same versions as before, it goes on."""
        old, model = self._canary, self._canary_model(champion)
        if old and model is old.model and champion.version == self._champion_version:
            return
        if old and model is not old.model and not old.has_ended:
            self._audit("end", CANARY, "is not the canary any more", old.model)
        self._metrics.canary_model.clear()
        self._canary = None
        if model is not None:
            self._canary = Canary(model, self._share, self._metrics, self._end)
            what = f"is the canary, for {self._share:g} of the customers"
            self._audit("begin", CANARY, what, model)
            self._metrics.canary_model.show(model.name, model.version)

    def _canary_model(self, champion: ServedModel) -> ServedModel | None:
        if self.canary is None:
            return None
        if self.canary.is_champion(champion):
            self._note_end(champion.version)
        model = self.canary.beside(champion)
        return None if model is None or model.version in self._ended else model

    def _replace_shadow(self, champion: ServedModel) -> None:
        old = self._shadow
        model = None if self.shadow is None else self.shadow.beside(champion)
        if old and model is not old.model:
            self._audit("end", SHADOW, "is not the shadow any more", old.model)
            self._metrics.shadow_model.clear()
        if model and (old is None or model is not old.model):
            self._audit("begin", SHADOW, "is the shadow", model)
            self._metrics.shadow_model.show(model.name, model.version)
        self._shadow = None if model is None else Shadow(model, champion.scorer, self._queue)

    def _end(self, canary: Canary) -> None:
        """Called in any thread when the canary fails too often."""
        own, champion = canary.own, canary.champion
        self._audit(
            "end",
            CANARY,
            f"is not the canary any more: it failed to score {own.failures} of {own.requests} "
            f"requests, the champion {champion.failures} of {champion.requests}",
            canary.model,
        )
        self._metrics.canary_ended.inc()
        self._note_end(canary.model.version)

    def _note_end(self, version: str | None) -> None:
        if version in self._ended:
            return
        self._ended.add(version)
        if self._shared_end is not None and version is not None:
            self._shared_end.replace(self._shared_end.read(), version)

    async def _watch_end(self) -> None:
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
            if self._shared_end is not None:
                self._ended.add(self._shared_end.read())
            if self._canary is not None and self._canary.model.version in self._ended:
                self.update()

    def _audit(self, event: AuditEvent, role: str, what: str, model: ServedModel) -> None:
        message = f"version {model.version} {what}"
        audit(event, message, role=role, model=model.name, version=model.version)
