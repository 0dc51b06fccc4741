"""HTTP transport: connections, timeouts, retries, and errors for responses without scores."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from typing_extensions import Self
from urllib3.exceptions import ReadTimeoutError
from urllib3.util.retry import Retry

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
_MAX_RETRY_AFTER = 60  # seconds; a longer Retry-After is cut to this

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
    """Sends requests to one server. Every exception it raises is a ClientError."""

    def __init__(
        self, url: str, api_key: str | None, timeout: float | tuple[float, float], retries: int
    ) -> None:
        self.url = url
        self.name = redact(url)  # for messages
        self.timeout = timeout
        self.session = _session(api_key, retries)

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
        try:
            return self.session.request(method, self.url + path, timeout=self.timeout, **arguments)
        except requests.Timeout:
            raise TimedOut(f"{self.name} did not answer within the timeout") from None
        except requests.ConnectionError:
            raise Unavailable(f"{self.name} cannot be reached; is the server running?") from None
        except (requests.RequestException, ValueError) as error:  # such as an invalid redirect
            raise RequestRejected(
                f"{self.name}{path}: the request cannot be sent ({redact(str(error))})"
            ) from None


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


class _Retry(Retry):
    """Retries failed connections, 429 and 503, but not a response that timed out."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: Any = None,
        error: Exception | None = None,
        *rest: Any,
        **named: Any,
    ) -> Self:
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(method, url, response, error, *rest, **named)


def _session(api_key: str | None, retries: int) -> requests.Session:
    retry = _Retry(
        total=retries,
        status_forcelist=(429, 503),
        allowed_methods=None,  # scoring changes nothing, so a POST may be repeated
        backoff_factor=0.25,
        backoff_jitter=0.1,
        raise_on_status=False,
        retry_after_max=_MAX_RETRY_AFTER,
    )
    session = _SameOriginSession()
    session.mount("http://", HTTPAdapter(max_retries=retry))
    session.mount("https://", HTTPAdapter(max_retries=retry))
    session.headers["Accept"] = "application/json"
    if api_key is not None:
        session.headers[_KEY_HEADER] = api_key
    return session


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
    return kind(f"{status}: {message}", status, response.headers.get("X-Request-ID"))


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
