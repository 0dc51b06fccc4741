"""The served model: loaded from the registry as data, watched, and swapped between two requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from mlflow.pyfunc import PyFuncModel

from churn_model.errors import ChurnError, InvalidRecords, RegistryError, SchemaError
from churn_model.schema import RecordSchema
from churn_model.schema.compatibility import incompatibilities
from churn_model.scoring import Scorer
from churn_model.scoring.example import example_customer
from pyfunc import loaded_version
from pyfunc.model import ChurnPyfunc
from pyfunc.registry_errors import readable_errors

_logger = logging.getLogger("serving.model")


@dataclass(frozen=True)
class ServedModel:
    """One version, ready to score. ``pyfunc`` takes the formats that only MLflow parses."""

    name: str | None
    version: str | None
    alias: str | None
    loaded_at: str
    scorer: Scorer
    pyfunc: PyFuncModel

    def info(self) -> dict[str, Any]:
        """What ``/health`` says of it."""
        return {
            "name": self.name,
            "version": self.version,
            "alias": self.alias,
            "loaded_at": self.loaded_at,
        }


def load_model(uri: str) -> ServedModel:
    """Load and warm up a model. Raises RegistryError, ScorecardError or SchemaError.

    Only the version's data is read (scorecard and schema); no code of the artifact runs.
    """
    read = loaded_version.read_version(uri)
    model = PyFuncModel(model_meta=read.mlflow_model, model_impl=_ModelImplementation(read.scorer))
    _warm_up(read.scorer)
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return ServedModel(read.name, read.number, read.alias, now, read.scorer, model)


class _ModelImplementation:
    """What MLflow calls for CSV and Parquet: our own model code, never the artifact's."""

    def __init__(self, scorer: Scorer) -> None:
        self._model = ChurnPyfunc()
        self._model.scorer = scorer

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        return self._model.predict(None, data, params)


def _warm_up(scorer: Scorer) -> None:
    """Score once both ways, so that the first caller does not pay for it, nor find it broken."""
    customer = example_customer(scorer)
    scorer.score([customer] * 100, explain=True, on_invalid="report")
    with suppress(InvalidRecords):  # a rounded value may be beyond its bound
        scorer.score_one(customer, explain=True)


def _refuse_narrower(version: str | None, new: RecordSchema, old: RecordSchema) -> None:
    reasons = incompatibilities(new, old)
    if reasons:
        raise SchemaError(
            f"version {version} would not do for today's callers: {'; '.join(reasons)}. Restart "
            "with --allow-schema-change to serve it"
        )


class ModelHolder:
    """The current model, and the watch that replaces it.

    ``current`` is None until there is one. A version that cannot be loaded leaves the old one
    serving; ``problem`` says why until the next success. So does one that would refuse records
    which the old one accepts, unless ``any_schema``.
    """

    def __init__(
        self,
        uri: str,
        on_swap: Callable[[ServedModel], None] = lambda served: None,
        *,
        any_schema: bool = False,
    ) -> None:
        self.uri = uri
        self._any_schema = any_schema
        self.current: ServedModel | None = None
        self.problem: str | None = None
        self._on_swap = on_swap
        self._refused: str | None = None

    def start(self, served: ServedModel) -> None:
        """Serve this one from now on."""
        self.current = served
        self.problem = None
        self._on_swap(served)

    async def watch(self, interval: float, on_failure: Callable[[], None]) -> None:
        """Look at the registry every ``interval`` seconds, for ever."""
        while True:
            await asyncio.sleep(interval)
            try:
                newer = await asyncio.to_thread(self._newer)
                if newer is not None:
                    self.start(newer)
                    _logger.info("serving version %s", newer.version)
            except Exception as error:
                self._note(error)
                on_failure()

    def _newer(self) -> ServedModel | None:
        """The model that the URI points at now, where that is another one."""
        with readable_errors(self.uri):
            _, version, _ = loaded_version.resolve(self.uri)
        if self.current is not None and version in (self.current.version, self._refused):
            if version == self.current.version:
                self.problem = self._refused = None
            return None
        try:
            newer = load_model(self.uri)
            if self.current is not None and not self._any_schema:
                _refuse_narrower(version, newer.scorer.schema, self.current.scorer.schema)
        except ChurnError as error:
            if not isinstance(error, RegistryError):
                self._refused = version  # its files will not get better: say it once
            raise
        return newer

    def _note(self, error: Exception) -> None:
        text = str(error) if isinstance(error, ChurnError) else type(error).__name__
        if text != self.problem:
            _logger.warning("the model was not reloaded: %s", text)
        self.problem = text
