"""Puts a canary next to the champion, and takes it away again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from typing import Any

from churn_model.inference_log.inference_log import InferenceLog
from serving.audit import AuditEvent, audit
from serving.canary import Canary
from serving.challenger import Challenger
from serving.http.metrics import Metrics
from serving.served_model import ModelHolder, ServedModel
from serving.settings import Settings
from serving.shared_version import SharedVersion

_SECONDS_BETWEEN_LOOKS = 0.5
"""How often a worker looks whether the canary has ended, here or in another worker."""


class Rollout:
    """Keeps the canary of ``holder.current`` up to date.

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
        self._challenger: Challenger | None = None
        if settings.canary is not None:
            self._challenger = Challenger(settings.canary, "canary", self.update, inference_log)
        holder.on_change = self.update

    def background_tasks(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What runs as long as the server."""
        if self._challenger is not None:
            count_failure = self._metrics.challenger_load_failures.labels("canary").inc
            yield self._challenger.watch(self._interval, count_failure)
            yield self._watch_end()

    def update(self) -> None:
        """Called when another version is champion or challenger, or the canary has ended."""
        champion = self._holder.current
        if champion is None or self._challenger is None:
            return
        model = self._challenger.beside(champion)
        if self._challenger.is_champion(champion):
            self._note_end(champion.version)
        if model is not None and model.version in self._ended:
            model = None
        self._replace_canary(champion, model)
        self._holder.current = replace(champion, canary=self._canary)

    def _replace_canary(self, champion: ServedModel, model: ServedModel | None) -> None:
        """Make ``model`` the canary, unless it is already, next to the same champion."""
        old, before = self._canary, self._champion_version
        if old is not None and model is old.model and champion.version == before:
            return
        if old is not None and model is not old.model and not old.has_ended:
            message = f"version {old.model.version} is not the canary any more"
            self._audit("end", message, old.model)
        self._canary, self._champion_version = None, champion.version
        self._metrics.canary_model.clear()
        if model is not None:
            self._canary = Canary(model, self._share, self._metrics, self._end)
            message = f"version {model.version} is the canary, for {self._share:g} of the customers"
            self._audit("begin", message, model)
            self._metrics.canary_model.show(model.name, model.version)

    def _end(self, canary: Canary) -> None:
        """Called in any thread when the canary fails too often."""
        own, champion = canary.own, canary.champion
        self._audit(
            "end",
            f"version {canary.model.version} is not the canary any more: it failed to score "
            f"{own.failures} of {own.requests} requests, the champion {champion.failures} of "
            f"{champion.requests}",
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

    def _audit(self, event: AuditEvent, message: str, model: ServedModel) -> None:
        audit(event, message, role="canary", model=model.name, version=model.version)
