"""JSON logs: one line per request on standard output, everything else on standard error."""

from __future__ import annotations

import logging
import os
from datetime import datetime, timezone
from typing import Any

import orjson

from serving.http.log_writer import EVENTS, REQUESTS
from serving.http.request_context import RequestContext


class JsonFormatter(logging.Formatter):
    """Formats a log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """``time``, ``level``, ``logger``, ``message``; of an exception, its type and location.

        Audit lines also have the fields that ``serving.audit`` gives them.

        The exception's message and stack trace are left out, because they may contain customer
        data.
        """
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= record.__dict__.get("audit", {})
        if "request_id" in record.__dict__:
            line["request_id"] = record.__dict__["request_id"]
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
            line["at"] = _locations(record.exc_info[2])
        return orjson.dumps(line).decode()


def _locations(trace: Any) -> list[str]:
    """``file:line function`` of the innermost frames."""
    locations = []
    while trace is not None:
        code = trace.tb_frame.f_code
        locations.append(f"{os.path.basename(code.co_filename)}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return locations[-8:]


class _EventHandler(logging.Handler):
    """Passes formatted records to the writer of events."""

    def emit(self, record: logging.LogRecord) -> None:
        EVENTS.write(self.format(record).encode() + b"\n")


def configure(level: str) -> None:
    """Send all logs and warnings to standard error as JSON."""
    handler = _EventHandler()
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("mlflow", "alembic", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True
    logging.getLogger("serving.audit").setLevel(logging.INFO)  # with any --log-level
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # its retries end in an error of MLflow's
    logging.captureWarnings(True)


def write_requests(contexts: list[RequestContext]) -> None:
    """Write one line per finished request."""
    lines = [
        orjson.dumps(
            {
                "time": datetime.fromtimestamp(context.ended, timezone.utc),
                "level": "info",
                "logger": "serving.request",
                "request_id": context.request_id.decode(),
                "method": context.method,
                "route": context.route,
                "status": context.status,
                "ms": round(context.seconds * 1e3, 3),
                "rows": context.rows,
                "client": context.client,
                "address": context.address,
                "model_version": context.version,
                **_trace(context),
            }
        )
        for context in contexts
    ]
    REQUESTS.write(b"\n".join(lines) + b"\n", len(lines))


def _trace(context: RequestContext) -> dict[str, str]:
    """The ids of the request's trace and span, if it has a trace."""
    trace = context.trace
    if trace is None:
        return {}
    return {"trace_id": trace.trace_id.decode(), "span_id": trace.span_id.decode()}
