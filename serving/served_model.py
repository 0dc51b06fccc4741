"""The served model: loaded from the registry as data, and replaced when the alias moves."""

from __future__ import annotations

import logging
from asyncio import get_running_loop, sleep
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from churn_model.errors import ChurnError, InvalidRecords, ProfileError, RegistryError, SchemaError
from churn_model.inference_log.inference_log import InferenceLog, VersionLog
from churn_model.profile import MonitoringProfile
from churn_model.schema.compatibility import incompatibilities
from churn_model.scoring import Scorer
from churn_model.scoring.example import example_customer
from churn_model.tables.descriptor import TableDescriptor
from pyfunc import loaded_version
from serving.audit import audit
from serving.daemon_thread import run_in_daemon_thread
from serving.http.errors import unavailable
from serving.shared_version import SharedVersion
from serving.typed_json import CustomersDecoder, customers_decoder

if TYPE_CHECKING:
    from serving.canary import Canary
    from serving.shadow import RequestMirror

_logger = logging.getLogger("serving.model")

_SECONDS_BETWEEN_ATTEMPTS = 2.0
"""How long a server without a model waits before it tries to load one again."""

_SECONDS_BETWEEN_LOOKS = 0.5
"""How often a worker looks for a version that the other workers have agreed on."""


@dataclass(frozen=True)
class ServedModel:
    """A model version that is ready to score.

    ``is_simulated``: the version was trained on simulated customers, and is only a placeholder.
    ``table``: how the cells of CSV and Parquet are written; None for the usual way. ``log``:
    records the scores; None without an inference log. ``profile``: of the training rows; None for
    a version without one, and without an inference log. ``read_profile`` reads it. ``decoder``:
    reads bodies with valid customers; None if the schema has names that it does not support.
    ``canary``: the version that scores a share of the customers instead; None without one.
    ``shadow``: scores the same requests without replying; None without one.
    """

    name: str | None
    version: str | None
    alias: str | None
    loaded_at: str
    scorer: Scorer
    is_simulated: bool = False
    table: TableDescriptor | None = None
    log: VersionLog | None = None
    profile: MonitoringProfile | None = None
    read_profile: Callable[[], MonitoringProfile | None] = lambda: None
    decoder: CustomersDecoder | None = None
    canary: Canary | None = None
    shadow: RequestMirror | None = None

    def __post_init__(self) -> None:
        """Make the decoder with the model, so that no request waits for it."""
        if self.decoder is None:
            object.__setattr__(self, "decoder", customers_decoder(self.scorer.schema))

    def logged_in(self, log: InferenceLog | None, source: str | None = None) -> ServedModel:
        """The same model, whose scores are recorded. ``source``: of its customers, in the log.

        Raises InferenceLogError if a field has the name of a column of the log.
        """
        if log is None:
            return self
        recorded = log.version(self.scorer, self.name, self.version, source)
        profile = self.valid_profile("customers are not compared with the training rows")
        return replace(self, log=recorded, profile=profile)

    def valid_profile(self, without: str) -> MonitoringProfile | None:
        """The profile of the training rows; None if there is none, or an invalid one.

        ``without``: what is left out then; a warning says so if the profile is invalid.
        """
        try:
            return self.read_profile()
        except ProfileError as error:
            _logger.warning("%s: %s", without, error)
            return None

    def info(self) -> dict[str, Any]:
        """The model's part of the reply of ``/health``."""
        return {
            "name": self.name,
            "version": self.version,
            "alias": self.alias,
            "loaded_at": self.loaded_at,
        }


def load_model(uri: str, version: str | None = None) -> ServedModel:
    """Load and warm up a model. Raises RegistryError, ScorecardError or SchemaError.

    Reads only the version's data (scorecard and schema); none of the artifact's code runs.
    ``version``: load this version of the registered model, whichever the alias in ``uri`` names.
    """
    name, alias = loaded_version.name_and_alias(uri)
    read = loaded_version.read_version(f"models:/{name}/{version}" if version and name else uri)
    _warm_up(read.scorer)
    audit(
        "load",
        f"loaded version {read.number} of {read.name}",
        model=read.name,
        version=read.number,
        alias=alias,
        run_id=read.mlflow_model.run_id,
    )
    return ServedModel(
        read.name,
        read.number,
        alias,
        datetime.now(timezone.utc).isoformat(timespec="seconds"),
        read.scorer,
        read.is_simulated,
        read.table(),
        read_profile=read.profile,
    )


def load_if_available(uri: str, version: str | None = None) -> ServedModel | None:
    """Load a model, or log in one line why that is not possible now and return None."""
    try:
        return load_model(uri, version)
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
    ``shared``: what the workers of one server have agreed on; each follows it, and only one version
    at a time is agreed on. ``inference_log``: records all scores.
    """

    def __init__(
        self,
        uri: str,
        on_swap: Callable[[ServedModel], None] = lambda served: None,
        *,
        allow_schema_change: bool = False,
        shared: SharedVersion | None = None,
        inference_log: InferenceLog | None = None,
    ) -> None:
        self.uri = uri
        self._inference_log = inference_log
        self._shared = shared
        self._allow_schema_change = allow_schema_change
        self.current: ServedModel | None = None
        self.problem: str | None = None
        self.failing_since: str | None = None
        self._on_swap = on_swap
        self._rejected_version: str | None = None
        self.role = "model"
        """What it holds, in messages."""
        self.source: str | None = None
        """The source of its customers in the inference log; None for that of the log."""
        self.on_change: Callable[[], None] = lambda: None
        """Is called when another model has become current."""

    def served(self) -> ServedModel:
        """The current model. Raises ApiError 503 without one."""
        if self.current is None:
            raise unavailable("no model is loaded yet; try again in a moment")
        return self.current

    def start(self, served: ServedModel) -> None:
        """Serve this model from now on.

        Raises InferenceLogError if its scores cannot be recorded.
        """
        self.current = served if served.log else served.logged_in(self._inference_log, self.source)
        self._clear_problem()
        self._on_swap(self.current)
        self.on_change()

    async def watch(self, interval: float, on_failure: Callable[[], None]) -> None:
        """Check the registry every ``interval`` seconds, until cancelled.

        With an interval of 0, check until a model is loaded.
        """
        pause = interval or _SECONDS_BETWEEN_ATTEMPTS
        if self.current is None:
            pause = min(pause, _SECONDS_BETWEEN_ATTEMPTS)
        while interval or self.current is None:
            await self._wait(pause)
            try:
                newer = await run_in_daemon_thread(self._load_newer)
                if newer is not None:
                    before = self.current
                    self.start(newer)
                    self._audit_swap(newer, before)
            except Exception as error:
                self._report(error)
                on_failure()
                await sleep(min(pause, _SECONDS_BETWEEN_ATTEMPTS))

    async def _wait(self, seconds: float) -> None:
        """Wait until the next check, or until the other workers serve another version."""
        loop = get_running_loop()
        end = loop.time() + seconds
        while self._agreed() is None and (rest := end - loop.time()) > 0:
            await sleep(rest if self._shared is None else min(rest, _SECONDS_BETWEEN_LOOKS))

    def _agreed(self) -> str | None:
        """The version that the workers have agreed on; None if it is the current one."""
        agreed = self._shared.read() if self._shared is not None else None
        is_current = self.current is not None and agreed == self.current.version
        return None if is_current else agreed

    def _load(self, version: str | None = None) -> ServedModel:
        return load_model(self.uri, version).logged_in(self._inference_log, self.source)

    def _load_newer(self) -> ServedModel | None:
        """The model to serve from now on, or None if it is the current one."""
        agreed = self._agreed()
        if agreed is not None:
            return self._load(agreed)
        newer = self._load_replacement()
        if newer is None or self._shared is None or newer.version is None:
            return newer
        before = self.current.version if self.current is not None else None
        if self._shared.replace(before, newer.version):
            return newer
        return self._load(self._shared.read())

    def _load_replacement(self) -> ServedModel | None:
        """The model that the URI points at now, or None if it is the current one."""
        _, version, _ = loaded_version.resolve(self.uri)
        if self.current is not None and version == self.current.version:
            self._rejected_version = None
            self._clear_problem()
            return None
        if version is not None and version == self._rejected_version:
            return None
        try:
            newer = self._load()
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
            self._log_problem(error, f"the {self.role} was not reloaded: {problem}")
        if self.problem is None:
            self.failing_since = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self.problem = problem

    def _log_problem(self, error: Exception, message: str) -> None:
        if isinstance(error, ChurnError) and not isinstance(error, RegistryError):
            name, _ = loaded_version.name_and_alias(self.uri)
            version = self._agreed() or self._rejected_version
            audit("reject", message, role=self.role, model=name, version=version)
        else:  # it is not about a version
            _logger.warning(message)

    def _clear_problem(self) -> None:
        self.problem = self.failing_since = None

    def _audit_swap(self, new: ServedModel, old: ServedModel | None) -> None:
        before = None if old is None else old.version
        fields = {
            "role": self.role,
            "model": new.name,
            "version": new.version,
            "previous_version": before,
        }
        if old is not None and old.is_simulated and not new.is_simulated:
            audit(
                "swap",
                f"serving version {new.version}, trained on real data; it replaces the placeholder "
                f"version {before}, which was trained on simulated customers",
                **fields,
            )
        elif _number(new.version) < _number(before):
            audit("roll_back", f"serving version {new.version} again, after {before}", **fields)
        else:
            audit("swap", f"serving version {new.version}", **fields)


def _number(version: str | None) -> int:
    return int(version) if version is not None and version.isdigit() else 0
