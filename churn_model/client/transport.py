"""HTTP transport: connections, timeouts, retries, and errors for responses without scores."""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ReadTimeoutError

from churn_model.errors import (
    ClientError,
    FieldError,
    InvalidRecords,
    KeyRejected,
    RequestRejected,
    ServerFailed,
    TimedOut,
    Unavailable,
)
from churn_model.redaction import HIDDEN, redact

_KEY_HEADER = "X-API-Key"
_BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_INCOMPLETE = (
    requests.exceptions.ChunkedEncodingError,  # also for a Content-Length that is not reached
    requests.exceptions.ContentDecodingError,
)

STATUS_ERRORS: dict[int, type[ClientError]] = {
    401: KeyRejected,
    403: KeyRejected,
    408: TimedOut,
    429: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: TimedOut,
}


class Transport:
    """Sends requests to one server. Every exception it raises is a ClientError.

    A request is repeated up to ``retries`` times after a failed connection, an incomplete
    response, 429 or 503, with pauses of ``max_wait`` seconds in total. It is not repeated after a
    timeout of the response.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None,
        timeout: float | tuple[float, float],
        retries: int,
        max_wait: float,
    ) -> None:
        self.url = url
        self.name = redact(url)  # for messages
        self.timeout = timeout
        self.retries = retries
        self.max_wait = max_wait
        self.session = _SameOriginSession()
        self.session.headers["Accept"] = "application/json"
        if api_key is not None:
            self.session.headers[_KEY_HEADER] = api_key

    def close(self) -> None:
        """Close the connections."""
        self.session.close()

    def get(self, path: str) -> requests.Response:
        """GET a path; the response may have any status."""
        return self._request("GET", path)

    def post_json(self, path: str, body: bytes) -> requests.Response:
        """POST a JSON body; the response may have any status."""
        return self._request("POST", path, data=body, headers={"Content-Type": "application/json"})

    def _request(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """The last response, or an error if the last attempt had none."""
        wait = self.max_wait
        for attempt in range(self.retries + 1):
            is_last = attempt == self.retries
            asked = 0.0
            try:
                response = self.session.request(
                    method, self.url + path, timeout=self.timeout, **arguments
                )
                asked = retry_after(response) or 0.0
                if is_last or response.status_code not in _BUSY or asked > wait:
                    return response
            except (requests.RequestException, ValueError) as error:
                if is_last or not _can_be_repeated(error):
                    raise self._error(path, error) from None
            pause = min(asked or backoff(attempt), wait)
            wait -= pause
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _error(self, path: str, error: Exception) -> ClientError:
        """The ClientError for a request without a complete response."""
        if isinstance(error, requests.Timeout) or _is_read_timeout(error):
            return TimedOut(f"{self.name} did not answer within the timeout")
        if isinstance(error, requests.ConnectionError):
            return Unavailable(f"{self.name} cannot be reached; is the server running?")
        if isinstance(error, _INCOMPLETE):
            return Unavailable(
                f"{self.name} closed the connection before its response was complete"
            )
        # anything else, such as an invalid redirect
        return RequestRejected(
            f"{self.name}{path}: the request cannot be sent ({redact(str(error))})"
        )


def _can_be_repeated(error: Exception) -> bool:
    if isinstance(error, requests.ReadTimeout) or _is_read_timeout(error):
        return False
    return isinstance(error, (requests.ConnectionError, *_INCOMPLETE))


def _is_read_timeout(error: Exception) -> bool:
    """Whether the response stopped in its body, which requests raises as a ConnectionError."""
    return bool(error.args) and isinstance(error.args[0], ReadTimeoutError)


def backoff(attempt: int) -> float:
    """Seconds to pause after an attempt, counted from 0: none, then from half a second."""
    return 0.0 if attempt == 0 else 2.0 ** (attempt - 2) + random.uniform(0, 0.1)


def retry_after(response: requests.Response) -> float | None:
    """Seconds after which the server asks to try again; None if it does not say."""
    text = response.headers.get("Retry-After", "").strip()
    if re.fullmatch("[0-9]{1,9}", text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


class _SameOriginSession(requests.Session):
    """Follows redirects only within the server, because each request contains the API key."""

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Called for each redirect before it is followed. Raises RequestRejected."""
        target = _origin(str(prepared_request.url))
        if target != _origin(response.url):
            raise RequestRejected(
                f"{redact(response.url)} redirects to {target}; pass the URL of that server if "
                "you trust it",
                response.status_code,
            )
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]


def _origin(url: str) -> str:
    """Scheme, host and port of a URL, without its credentials. Raises ValueError."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{port}"


def response_error(
    response: requests.Response, positions: Sequence[int] = ()
) -> ClientError | InvalidRecords:
    """The error for a response without scores.

    ``positions``: for each row of the request its position in the caller's input.
    """
    body = _json_object(response)
    entries = body.get("errors") or ()
    errors = [error for entry in entries if (error := _field_error(entry, positions))]
    if errors:
        return InvalidRecords(errors, body.get("error_count"))
    status = response.status_code
    is_server_error = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    kind = STATUS_ERRORS.get(status, ServerFailed if is_server_error else RequestRejected)
    message = str(body.get("message") or response.reason).rsplit("\nError: ", 1)[-1]
    if key := response.request.headers.get(_KEY_HEADER):
        message = message.replace(key, HIDDEN)
    pause = retry_after(response)
    if pause and status in _BUSY:
        message += f"; try again in {math.ceil(pause)} s"
    return kind(f"{status}: {message}", status, response.headers.get("X-Request-ID"), pause)


def _json_object(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _field_error(entry: Any, positions: Sequence[int]) -> FieldError | None:
    """An entry of a response's ``errors``, with its row counted in the caller's input."""
    try:
        _, row, field = entry["loc"]
        return FieldError(positions[row], str(field), str(entry["type"]), str(entry["msg"]))
    except (KeyError, TypeError, ValueError, IndexError):
        return None
