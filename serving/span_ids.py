"""Ids of spans for the OpenTelemetry SDK; imported only when spans are exported."""

from __future__ import annotations

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from serving.http.trace_context import TraceContext


class SpanIds(RandomIdGenerator):
    """Random ids, except for the next span after ``give``.

    The reply has named the id of a request before its span is made.
    """

    def __init__(self) -> None:
        self._given: TraceContext | None = None

    def give(self, trace: TraceContext) -> None:
        """Let the next span have the ids of a request."""
        self._given = trace

    def generate_trace_id(self) -> int:
        """The trace id of the request; only a request begins a trace."""
        return super().generate_trace_id() if self._given is None else int(self._given.trace_id, 16)

    def generate_span_id(self) -> int:
        """The id of the request, or a random one."""
        given, self._given = self._given, None
        return super().generate_span_id() if given is None else int(given.span_id, 16)
