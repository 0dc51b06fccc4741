"""The errors that this project raises; the message of each is one line for users.

::

    ChurnError
    ├── SchemaError             a record class or JSON Schema that cannot be used as columns
    ├── ScorecardError          a scorecard file that is missing, damaged or of another version
    ├── ProfileError            a monitoring profile that is missing, damaged or of another version
    ├── InvalidJson             a string or file that is not valid JSON, or not a JSON object
    ├── InvalidParameter        an option of scoring or serving is not valid
    ├── MissingExtra            an optional dependency that a command needs is not installed
    ├── InvalidRecords          customers that break the schema (row, field and rule of each)
    ├── RegistryError           the MLflow registry cannot be reached or has no such model (pyfunc)
    │   └── ModelNotFound       there is no such model, version or alias
    ├── TableError              a table or its descriptor cannot be read (training, batch)
    │   └── InvalidToml         a TOML file: a descriptor, gates or API keys
    ├── TrainingError           the data or options cannot be used for training (training)
    ├── BatchError              a batch could not be scored; no output was written (batch)
    ├── InferenceLogError       an inference log cannot be written or read
    ├── MonitoringError         the model in production cannot be monitored (monitoring)
    └── ClientError             a scoring server did not return scores
        ├── RequestRejected     400, 404, 413, 415: the request itself was wrong
        ├── KeyRejected         401, 403: the API key is missing or wrong
        ├── Unavailable         no complete response, or 429, 502 or 503, after all retries
        ├── TimedOut            no response in time, or 408 or 504
        ├── ServerFailed        500, or a response without scores
        └── VersionChanged      several model versions scored parts of one table

All of them can be pickled, because Spark and process pools move them between processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

LISTED_ERRORS = 100
"""How many field errors a machine-readable response lists; its count is always complete."""

_SHOWN_ERRORS = 5


@dataclass(frozen=True, slots=True)
class FieldError:
    """A field of a row that breaks a rule.

    ``row`` counts from 0 in the caller's order. ``field`` is empty if the row as a whole is
    invalid. ``type`` is the rule's stable name, as pydantic calls it (``missing``, ``int_type``,
    ``less_than_equal``, ...). ``msg`` never contains the value, so it is safe to log.
    """

    row: int
    field: str
    type: str
    msg: str

    def __str__(self) -> str:
        location = f"row {self.row}, {self.field}" if self.field else f"row {self.row}"
        return f"{location}: {self.msg}"

    def as_dict(self) -> dict[str, Any]:
        """The error as responses list it: ``{"loc": ["customers", row, field], "msg", "type"}``."""
        return {"loc": ["customers", self.row, self.field], "msg": self.msg, "type": self.type}


def describe_error(error: FieldError) -> str:
    """The error without its row number, for a reader who sees the row."""
    return f"{error.field}: {error.msg}" if error.field else error.msg


def messages_by_row(
    errors: Sequence[FieldError],
    n: int,
    describe: Callable[[FieldError], str] = describe_error,
    separator: str = "; ",
) -> list[str | None]:
    """One message per row (n,), joining all errors of that row; None for a valid row."""
    messages: list[str | None] = [None] * n
    for error in errors:
        before = messages[error.row]
        text = describe(error)
        messages[error.row] = text if before is None else before + separator + text
    return messages


def first_line(error: BaseException) -> str:
    """The first line with text of an exception's message, or its class if there is none."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def first_validation_error(error: ValidationError) -> str:
    """The first error of a pydantic model, with the location of the field."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    location = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    return f"{location}: {message}" if location else message


class ChurnError(Exception):
    """Base class of all errors; its message is one line that can be shown to a user."""


class SchemaError(ChurnError):
    """A record class or JSON Schema cannot be turned into columns."""


class ScorecardError(ChurnError):
    """A scorecard file cannot be used."""


class ProfileError(ChurnError):
    """A monitoring profile cannot be used."""


class InvalidJson(ChurnError):
    """A string or file is not valid JSON, or not a JSON object."""


class InvalidParameter(ChurnError):
    """An option of scoring or serving is not valid, such as a threshold above 1."""


class MissingExtra(ChurnError):
    """An optional dependency that a command needs is not installed."""


class InvalidRecords(ChurnError):
    """Customers break the schema.

    ``errors`` has the field errors by row. ``count`` is their number; it is larger than
    ``len(errors)`` if a server listed only the first ones. ``counts`` has the number of ``errors``
    by field and rule: (field, type) -> count.
    """

    def __init__(
        self,
        errors: Sequence[FieldError],
        count: int | None = None,
        counts: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        self.errors = errors
        self.count = len(errors) if count is None else count
        self.counts = Counter((e.field, e.type) for e in errors) if counts is None else counts
        super().__init__(self.errors, self.count, self.counts)

    def __str__(self) -> str:
        shown = "; ".join(map(str, self.errors[:_SHOWN_ERRORS]))
        more = self.count - min(len(self.errors), _SHOWN_ERRORS)
        return f"invalid customers: {shown}" + (f"; and {more} more" if more else "")


class RegistryError(ChurnError):
    """The MLflow registry, or a model in it, cannot be used."""


class ModelNotFound(RegistryError):
    """The registry has no such model, version or alias."""


class TableError(ChurnError):
    """A table of customers or its descriptor cannot be read."""


class InvalidToml(TableError):
    """A TOML file cannot be read, is not valid TOML, or has settings that are not valid."""


class BatchError(ChurnError):
    """A batch could not be scored completely; no output was written."""


class InferenceLogError(ChurnError):
    """An inference log cannot be written or read."""


class MonitoringError(ChurnError):
    """The log, the labels or the version do not allow monitoring."""


class TrainingError(ChurnError):
    """The data or options cannot be used for training."""


class ClientError(ChurnError):
    """A scoring server did not return scores.

    ``status`` is the HTTP status, or None without a response. ``request_id`` is the response's
    ``X-Request-ID`` header, if it has one. ``retry_after``: the seconds after which the server asks
    to try again, or None if it does not say.
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, status, request_id, retry_after)
        self.message = message
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.message + (f" (request {self.request_id})" if self.request_id else "")


class RequestRejected(ClientError):
    """The server rejected the request itself (400, 404, 413, 415, ...)."""


class KeyRejected(ClientError):
    """The API key is missing or wrong (401, 403)."""


class Unavailable(ClientError):
    """No complete response, or 429, 502 or 503, after all retries."""


class TimedOut(ClientError):
    """No response in time, or 408 or 504."""


class ServerFailed(ClientError):
    """The server failed (500), or its response contains no scores."""


class VersionChanged(ClientError):
    """Several model versions scored parts of one table, each time that it was scored."""
