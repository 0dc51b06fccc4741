"""What is known about one request; the log, the metrics and the middleware read it."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from time import perf_counter, time
from typing import Any

from serving.http.asgi import Scope
from serving.http.trace_context import TraceContext, continue_trace

ANONYMOUS = "-"
"""The client name of a request without an API key."""

_random = random.Random()
_VALID_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class RequestContext:
    """What is known about one request; middleware and routes fill it in."""

    __slots__ = (
        "address",
        "body_bytes",
        "client",
        "ended",
        "field_errors",
        "headers",
        "method",
        "phases",
        "probability",
        "request_id",
        "route",
        "rows",
        "seconds",
        "started",
        "status",
        "trace",
        "version",
    )

    def __init__(self, scope: Scope) -> None:
        self.started = perf_counter()
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.request_id = _request_id(self.headers.get(b"x-request-id"))
        self.method: str = scope["method"]
        self.client = ANONYMOUS
        peer = scope.get("client")
        self.address: str | None = None if peer is None else peer[0]
        self.route = "other"
        self.rows = 0
        self.body_bytes = 0
        self.status = 0
        self.version: str | None = None
        self.probability: Any = None
        self.field_errors: Mapping[tuple[str, str], int] = {}  # by field and rule
        self.ended = self.seconds = 0.0
        sent = self.headers.get(b"traceparent")
        self.trace: TraceContext | None = None if sent is None else continue_trace(sent)
        self.phases: list[tuple[str, float]] | None = None
        """What began when (``perf_counter``); None unless spans are exported."""

    def begin(self, phase: str) -> None:
        """Note that a phase begins, which ends the one before, if ``phases`` are noted."""
        if self.phases is not None and not (self.phases and self.phases[-1][0] == phase):
            self.phases.append((phase, perf_counter()))

    def end(self) -> None:
        """Record the duration, and free what only the request itself needs."""
        self.seconds = perf_counter() - self.started
        self.ended = time()
        self.headers = {}


def _request_id(sent: bytes | None) -> bytes:
    """The client's own id if it is well-formed, else a new one."""
    if sent is not None and _VALID_REQUEST_ID.fullmatch(sent):
        return sent
    return new_request_id()


def new_request_id() -> bytes:
    """A request id of 128 random bits, which need not be cryptographically secure."""
    return b"%032x" % _random.getrandbits(128)
