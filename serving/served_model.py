"""The served model: loaded from the registry as data, and replaced when the alias moves."""

from __future__ import annotations

import logging
from asyncio import sleep
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from churn_model.errors import ChurnError, InvalidRecords, RegistryError, SchemaError
from churn_model.schema.compatibility import incompatibilities
from churn_model.scoring import Scorer
from churn_model.scoring.example import example_customer
from pyfunc import loaded_version
from serving.daemon_thread import run_in_daemon_thread

_logger = logging.getLogger("serving.model")


@dataclass(frozen=True)
class ServedModel:
    """A model version that is ready to score.

    ``is_simulated``: the version was trained on simulated customers, and is only a placeholder.
    """

    name: str | None
    version: str | None
    alias: str | None
    loaded_at: str
    scorer: Scorer
    is_simulated: bool = False

    def info(self) -> dict[str, Any]:
        """The model's part of the reply of ``/health``."""
        return {
            "name": self.name,
            "version": self.version,
            "alias": self.alias,
            "loaded_at": self.loaded_at,
        }


def load_model(uri: str) -> ServedModel:
    """Load and warm up a model. Raises RegistryError, ScorecardError or SchemaError.

    Reads only the version's data (scorecard and schema); none of the artifact's code runs.
    """
    read = loaded_version.read_version(uri)
    _warm_up(read.scorer)
    return ServedModel(
        read.name,
        read.number,
        read.alias,
        datetime.now(timezone.utc).isoformat(timespec="seconds"),
        read.scorer,
        read.is_simulated,
    )


def load_if_available(uri: str) -> ServedModel | None:
    """Load a model, or log in one line why that is not possible now and return None."""
    try:
        return load_model(uri)
    except ChurnError as error:
        _logger.warning("no model is loaded yet, trying again: %s", error)
        return None


def _warm_up(scorer: Scorer) -> None:
    """Score once with each method, so that the first request is neither slow nor a surprise."""
    customer = example_customer(scorer)
    scorer.score([customer] * 100, explain=True, on_invalid="report")
    with suppress(InvalidRecords):  # rounding may have moved a value past its bound
        scorer.score_one(customer, explain=True)


def check_replacement(new: ServedModel, current: ServedModel) -> None:
    """Raise SchemaError if ``new`` rejects inputs that ``current`` accepts.

    A model trained on real data may always replace a simulated placeholder.
    """
    reasons = incompatibilities(new.scorer.schema, current.scorer.schema)
    if not reasons or (current.is_simulated and not new.is_simulated):
        return
    raise SchemaError(
        f"version {new.version} is not served: its schema rejects inputs that version "
        f"{current.version} accepts ({'; '.join(reasons)}). To serve it, restart the server or "
        "start it with --allow-schema-change; to serve both models, register this one under its "
        "own name (`churn train --name`)"
    )


class ModelHolder:
    """Holds the served model, and replaces it when the alias points at another version.

    ``current`` is None until a model is loaded. A version that cannot be loaded, or whose schema
    rejects inputs that the current one accepts (unless ``allow_schema_change``), does not replace
    it; ``problem`` says why until the next success, and ``failing_since`` since when (UTC).
    """

    def __init__(
        self,
        uri: str,
        on_swap: Callable[[ServedModel], None] = lambda served: None,
        *,
        allow_schema_change: bool = False,
    ) -> None:
        self.uri = uri
        self._allow_schema_change = allow_schema_change
        self.current: ServedModel | None = None
        self.problem: str | None = None
        self.failing_since: str | None = None
        self._on_swap = on_swap
        self._rejected_version: str | None = None

    def start(self, served: ServedModel) -> None:
        """Serve this model from now on."""
        self.current = served
        self._clear_problem()
        self._on_swap(served)

    async def watch(self, interval: float, on_failure: Callable[[], None]) -> None:
        """Check the registry every ``interval`` seconds, until cancelled."""
        while True:
            await sleep(interval)
            try:
                newer = await run_in_daemon_thread(self._load_newer)
                if newer is not None:
                    _log_swap(newer, self.current)
                    self.start(newer)
            except Exception as error:
                self._report(error)
                on_failure()

    def _load_newer(self) -> ServedModel | None:
        """The model that the URI points at now, or None if it is the current one."""
        _, version, _ = loaded_version.resolve(self.uri)
        if self.current is not None and version == self.current.version:
            self._rejected_version = None
            self._clear_problem()
            return None
        if self.current is not None and version == self._rejected_version:
            return None
        try:
            newer = load_model(self.uri)
            if self.current is not None and not self._allow_schema_change:
                check_replacement(newer, self.current)
        except ChurnError as error:
            if not isinstance(error, RegistryError):
                self._rejected_version = version  # its files do not change, so report it once
            raise
        return newer

    def _report(self, error: Exception) -> None:
        problem = str(error) if isinstance(error, ChurnError) else type(error).__name__
        if problem != self.problem:
            _logger.warning("the model was not reloaded: %s", problem)
        if self.problem is None:
            self.failing_since = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self.problem = problem

    def _clear_problem(self) -> None:
        self.problem = self.failing_since = None


def _log_swap(new: ServedModel, old: ServedModel | None) -> None:
    if old is not None and old.is_simulated and not new.is_simulated:
        _logger.info(
            "serving version %s, trained on real data; it replaces the placeholder version %s, "
            "which was trained on simulated customers",
            new.version,
            old.version,
        )
    else:
        _logger.info("serving version %s", new.version)
