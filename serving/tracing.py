"""Exports finished requests as spans, with the OpenTelemetry SDK and its OTLP exporter.

A request only notes when its phases began. The spans are made from that after the reply.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from serving.daemon_thread import run_in_daemon_thread
from serving.http.asgi import App, Receive, Scope, Send
from serving.http.request_context import RequestContext
from serving.http.trace_context import TraceContext, new_trace

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_logger = logging.getLogger("serving.tracing")

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_SERVICE = "churn"
_NANOSECONDS = 10**9
_SERVER_ERROR = 500
_SECONDS_TO_EXPORT = 5.0
"""How long a shutdown waits for the collector of the spans."""


def open_tracing() -> Tracing | None:
    """What exports spans; None unless the environment names an endpoint.

    All ``OTEL_*`` variables are the SDK's own. Without the extra ``otel``, one line says so.
    """
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return None
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter  # noqa: F401
    except ModuleNotFoundError:
        _logger.warning(
            'no spans are exported to the OTLP endpoint, which needs the "otel" extra; run '
            'pip install -e ".[otel]" in the folder of your clone'
        )
        return None
    return Tracing()


class Tracing:
    """Makes spans of finished requests; the SDK exports them in a thread of its own."""

    def __init__(self) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import Decision

        from serving.span_ids import SpanIds

        service = os.environ.get("OTEL_SERVICE_NAME") or _SERVICE
        self._sampled = Decision.RECORD_AND_SAMPLE
        self._ids = SpanIds()
        self._provider: TracerProvider = TracerProvider(
            resource=Resource.create({"service.name": service}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("serving")

    def begin(self, context: RequestContext) -> None:
        """Note the phases of a request, if its trace is sampled; give it a trace if it has none."""
        trace = context.trace or new_trace()
        decided = self._provider.sampler.should_sample(
            _parent(trace), int(trace.trace_id, 16), "request"
        )
        is_sampled = decided.decision is self._sampled
        context.trace = trace._replace(is_sampled=is_sampled)
        if is_sampled:
            context.phases = []

    def export(self, contexts: Sequence[RequestContext]) -> None:
        """Export the sampled ones of these finished requests."""
        for context in contexts:
            if context.phases is not None and context.trace is not None:
                self._export(context, context.trace, context.phases)

    def _export(
        self, context: RequestContext, trace: TraceContext, phases: Sequence[tuple[str, float]]
    ) -> None:
        from opentelemetry.trace import SpanKind, set_span_in_context
        from opentelemetry.trace.status import StatusCode

        first = int((context.ended - context.seconds) * _NANOSECONDS)
        last = first + int(context.seconds * _NANOSECONDS)
        self._ids.give(trace)
        span = self._tracer.start_span(
            f"{context.method} {context.route}",
            _parent(trace),
            SpanKind.SERVER,
            _attributes(context),
            start_time=first,
        )
        if context.status >= _SERVER_ERROR:
            span.set_status(StatusCode.ERROR)
        within = set_span_in_context(span)
        starts = [first + int((when - context.started) * _NANOSECONDS) for _, when in phases]
        for (phase, _), start, end in zip(phases, starts, [*starts, last][1:], strict=True):
            self._tracer.start_span(phase, within, start_time=start).end(end)
        span.end(last)

    async def close(self) -> None:
        """Export what waits, for a limited time."""
        closing = run_in_daemon_thread(self._provider.shutdown)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(closing, _SECONDS_TO_EXPORT)


def _parent(trace: TraceContext) -> Any:
    """The caller's span as the SDK's context; an empty one if the trace begins here."""
    from opentelemetry.context import Context
    from opentelemetry.trace import (
        NonRecordingSpan,
        SpanContext,
        TraceFlags,
        set_span_in_context,
    )

    if trace.parent_id is None:
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED if trace.is_sampled else TraceFlags.DEFAULT)
    trace_id, span_id = int(trace.trace_id, 16), int(trace.parent_id, 16)
    caller = SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(caller), Context())


def _attributes(context: RequestContext) -> dict[str, Any]:
    """OpenTelemetry's names where it has one."""
    known = {
        "http.request.method": context.method,
        "http.route": context.route,
        "http.response.status_code": context.status,
        "client.address": context.address,
        "churn.request_id": context.request_id.decode(),
        "churn.client": context.client,
        "churn.rows": context.rows,
        "churn.model_version": context.version,
    }
    return {name: value for name, value in known.items() if value is not None}


class TracingMiddleware:
    """Begins the tracing of each request."""

    def __init__(self, app: App, tracing: Tracing) -> None:
        self.app = app
        self.tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            self.tracing.begin(scope["context"])
        await self.app(scope, receive, send)
