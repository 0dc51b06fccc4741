"""W3C trace context: the header ``traceparent`` of requests and replies.

https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import random
import re
from typing import NamedTuple

_random = random.Random()
_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1


class TraceContext(NamedTuple):
    """A request as a part of a trace; the ids are in hexadecimal digits.

    ``parent_id``: the caller's span; None if the trace begins here. ``span_id``: this request.
    """

    trace_id: bytes
    parent_id: bytes | None
    span_id: bytes
    is_sampled: bool

    @property
    def header(self) -> bytes:
        """``traceparent`` of the reply, with this request as the parent."""
        return b"00-%b-%b-%02x" % (self.trace_id, self.span_id, self.is_sampled)


def continue_trace(sent: bytes) -> TraceContext | None:
    """The caller's trace, with an id for this request; None if the header is not valid.

    The parser of requests leaves blanks at the end of a header.
    """
    match = _TRACEPARENT.fullmatch(sent.strip(b" \t"))
    if match is None:
        return None
    version, trace_id, parent_id, flags, more = match.groups()
    if version == b"ff" or (version == b"00" and more) or not int(trace_id, 16):
        return None
    if not int(parent_id, 16):
        return None
    return TraceContext(trace_id, parent_id, _new_id(8), bool(int(flags, 16) & _SAMPLED))


def new_trace() -> TraceContext:
    """A trace that begins with this request."""
    return TraceContext(_new_id(16), None, _new_id(8), True)


def _new_id(size: int) -> bytes:
    """A random id of ``size`` bytes that is not 0."""
    return b"%0*x" % (2 * size, _random.getrandbits(8 * size) or 1)
