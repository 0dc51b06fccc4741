"""The facts of one request, which the log, the metrics and the middleware read."""

from __future__ import annotations

import random
import re
from time import perf_counter, time
from typing import Any

from churn_model.errors import FieldError
from serving.http.asgi import Scope

ANONYMOUS = "-"
"""The client of a request without a key."""

_random = random.Random()
_VALID_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class RequestContext:
    """The facts of one request, filled in on its way; the log and the metrics read them."""

    __slots__ = (
        "client",
        "ended",
        "field_errors",
        "headers",
        "method",
        "probability",
        "request_id",
        "route",
        "rows",
        "seconds",
        "started",
        "status",
        "version",
    )

    def __init__(self, scope: Scope) -> None:
        self.started = perf_counter()
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.request_id = _request_id(self.headers.get(b"x-request-id"))
        self.method: str = scope["method"]
        self.client = ANONYMOUS
        self.route = "other"
        self.rows = 0
        self.status = 0
        self.version: str | None = None
        self.probability: Any = None
        self.field_errors: tuple[FieldError, ...] = ()
        self.ended = self.seconds = 0.0

    def end(self) -> None:
        """Take the time; what only the request itself needs is let go."""
        self.seconds = perf_counter() - self.started
        self.ended = time()
        self.headers = {}


def _request_id(sent: bytes | None) -> bytes:
    """The caller's own id where it is well-formed, else a new one of 128 random bits.

    Nothing is guarded by an id, so the bits come without a system context.
    """
    if sent is not None and _VALID_REQUEST_ID.fullmatch(sent):
        return sent
    return b"%032x" % _random.getrandbits(128)
