"""API errors, and the error body that all routes share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from churn_model.errors import (
    LISTED_ERRORS,
    ChurnError,
    FieldError,
    InvalidJson,
    InvalidParameter,
    InvalidRecords,
)

RETRY_SECONDS = 1
"""``Retry-After`` of a 503 reply."""

# MLflow's names for errors, by status, so that MLflow's clients understand them
ERROR_CODES = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    404: "ENDPOINT_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    413: "REQUEST_LIMIT_EXCEEDED",
    415: "BAD_REQUEST",
    429: "RESOURCE_EXHAUSTED",
    431: "REQUEST_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    501: "NOT_IMPLEMENTED",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class ApiError(Exception):
    """An error reply with ``status`` and ``message``.

    ``message`` is sent to the caller: it contains no customer data and no internals. ``errors``
    are the field errors to list, ``count`` is the number of all, and ``counts`` their number by
    field and rule.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[FieldError] = (),
        count: int | None = None,
        counts: Mapping[tuple[str, str], int] | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.errors = tuple(errors)
        self.count = len(self.errors) if count is None else count
        self.counts = counts or {}
        self.headers = tuple(headers)


def unavailable(message: str) -> ApiError:
    """An ApiError 503 that asks the client to retry soon."""
    return ApiError(503, message, headers=[(b"retry-after", str(RETRY_SECONDS).encode())])


def too_large(max_bytes: int) -> ApiError:
    """An ApiError 413 for a body of more than ``max_bytes``; it closes the connection."""
    return ApiError(
        413,
        f"the body is larger than {max_bytes} bytes; send fewer customers",
        headers=[(b"connection", b"close")],
    )


def to_api_error(error: ChurnError) -> ApiError:
    """A domain error as a reply: 400 for invalid input, 500 for everything else."""
    if isinstance(error, InvalidRecords):
        return ApiError(
            400,
            str(error),
            errors=error.errors[:LISTED_ERRORS],
            count=error.count,
            counts=error.counts,
        )
    if isinstance(error, InvalidJson | InvalidParameter):
        return ApiError(400, str(error))
    return ApiError(500, "internal error")


def body(error: ApiError, request_id: str) -> bytes:
    """The error body, with the keys that MLflow's clients and clients of ``/predict`` expect."""
    content: dict[str, Any] = {
        "success": False,
        "error_code": ERROR_CODES.get(error.status, "BAD_REQUEST"),
        "message": error.message,
        "error": error.message,
        "errors": [field.as_dict() for field in error.errors],
        "error_count": error.count,
        "request_id": request_id,
    }
    return orjson.dumps(content)
