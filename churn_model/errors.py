"""Every error this project raises on purpose.

::

    ChurnError
    ├── SchemaError             a record class or JSON Schema that has no columnar form
    ├── ScorecardError          a scorecard file that is missing, damaged or of another version
    ├── InvalidJson             text or a file that is not the JSON that is needed
    ├── InvalidParameter        a threshold or option outside its range
    ├── MissingExtra            an optional dependency that a command needs is not installed
    ├── InvalidRecords          customers that break the schema (row, field and rule of each)
    ├── RegistryError           the MLflow registry cannot be reached or has no such model (pyfunc)
    ├── TableError              a table or its descriptor that cannot be read (training, batch)
    ├── TrainingError           data or options that cannot be trained with (training)
    ├── BatchError              a batch that was not scored; there is no output then (batch)
    └── ClientError             a scoring server did not answer with scores
        ├── RequestRejected     400, 404, 413, 415: the request itself was wrong
        ├── KeyRejected         401, 403
        ├── Unavailable         no connection, 429 or 503 after all retries
        ├── TimedOut            no answer in time, or 504
        └── ServerFailed        500, or an answer that is not a scoring reply

All of them survive pickling, because Spark and process pools move them between processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

LISTED_ERRORS = 100
"""How many field errors a message for machines lists; the count is always complete."""

_SHOWN_ERRORS = 5


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field of one row that breaks one rule.

    ``row`` counts from 0 in the caller's own order. ``type`` is a stable name for the rule, in
    pydantic's vocabulary (``missing``, ``int_type``, ``less_than_equal``, ...). ``msg`` never
    contains the value itself, so that it may be logged.
    """

    row: int
    field: str
    type: str
    msg: str

    def __str__(self) -> str:
        return f"row {self.row}, {self.field}: {self.msg}"

    def as_dict(self) -> dict[str, Any]:
        """The error as replies carry it: ``{"loc": ["customers", row, field], "msg", "type"}``."""
        return {"loc": ["customers", self.row, self.field], "msg": self.msg, "type": self.type}


def describe_error(error: FieldError) -> str:
    """What is wrong with a field of a row that the reader has in front of them."""
    return f"{error.field}: {error.msg}" if error.field else error.msg


def messages_by_row(
    errors: Sequence[FieldError],
    n: int,
    say: Callable[[FieldError], str] = describe_error,
    between: str = "; ",
) -> list[str | None]:
    """What is wrong with each of n rows; None where nothing is."""
    texts: list[str | None] = [None] * n
    for error in errors:
        before = texts[error.row]
        texts[error.row] = say(error) if before is None else before + between + say(error)
    return texts


class ChurnError(Exception):
    """Base of the family; its text is one line fit for a user."""


class SchemaError(ChurnError):
    """A record class or JSON Schema that cannot be turned into columns."""


class ScorecardError(ChurnError):
    """A scorecard file that cannot be used."""


class InvalidJson(ChurnError):
    """Text or a file that is not valid JSON, or not a JSON object."""


class InvalidParameter(ChurnError):
    """A scoring option outside its range."""


class MissingExtra(ChurnError):
    """An optional dependency that a command needs is not installed."""


class InvalidRecords(ChurnError):
    """Customers that break the schema.

    ``errors`` holds what is known of them, ordered by row; ``count`` is the number of field errors,
    which is larger than ``len(errors)`` where a server listed only the first ones.
    """

    def __init__(self, errors: Sequence[FieldError], count: int | None = None) -> None:
        self.errors = tuple(errors)
        self.count = len(self.errors) if count is None else count
        super().__init__(self.errors, self.count)

    def __str__(self) -> str:
        shown = "; ".join(map(str, self.errors[:_SHOWN_ERRORS]))
        more = self.count - min(len(self.errors), _SHOWN_ERRORS)
        return f"invalid customers: {shown}" + (f"; and {more} more" if more else "")


class RegistryError(ChurnError):
    """The MLflow registry or a model in it cannot be used."""


class TableError(ChurnError):
    """A table of customers, or the descriptor of one, that cannot be read."""


class BatchError(ChurnError):
    """A batch that was not scored as a whole; there is no output then."""


class TrainingError(ChurnError):
    """Data or options that cannot be trained with."""


class ClientError(ChurnError):
    """A scoring server did not answer with scores.

    ``status`` is the HTTP status, or None where there was no reply; ``request_id`` is the reply's
    ``X-Request-ID``, where it had one.
    """

    def __init__(
        self, message: str, status: int | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(message, status, request_id)
        self.message = message
        self.status = status
        self.request_id = request_id

    def __str__(self) -> str:
        return self.message + (f" (request {self.request_id})" if self.request_id else "")


class RequestRejected(ClientError):
    """The server refused the request itself (400, 404, 413, 415, ...)."""


class KeyRejected(ClientError):
    """The server wants an API key, or another one (401, 403)."""


class Unavailable(ClientError):
    """No connection, or 429 or 503 after all retries."""


class TimedOut(ClientError):
    """No answer in time."""


class ServerFailed(ClientError):
    """The server failed (500), or answered with something that is no scoring reply."""
