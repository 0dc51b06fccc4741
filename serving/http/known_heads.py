"""Heads of requests that need not be parsed again, because clients repeat them to the byte."""

from __future__ import annotations

from typing import NamedTuple

from serving.http.asgi import Scope

CHECKED = frozenset((b"expect", b"transfer-encoding"))
"""Headers that the parser has to report in each request."""

_MOST_HEADS = 256
"""Each has at most 2 KiB, because larger packets are always parsed."""
_END = b"\r\n\r\n"


class KnownHead(NamedTuple):
    """A parsed head: the request's scope, and the bytes of its body."""

    scope: Scope
    body_bytes: int


class KnownHeads:
    """The heads that the clients of one worker have repeated, by their bytes.

    The same bytes are always parsed to the same scope, so a head that one connection has sent is
    known on all of them. Only complete requests of HTTP/1.1 whose connection stays open are
    remembered.
    """

    def __init__(self) -> None:
        self._heads: dict[bytes, KnownHead] = {}

    def find(self, data: bytes) -> tuple[KnownHead, bytes] | None:
        """The head and the body of a whole request whose head is known; None for other bytes."""
        end = data.find(_END) + len(_END)
        known = self._heads.get(data[:end])
        if known is None or known.body_bytes != len(data) - end:
            return None
        return known, data[end:]

    def learn(self, data: bytes, scope: Scope, body_bytes: int, last: bytes) -> bytes:
        """Remember the head of a request that was parsed, if it equals ``last``; returns it.

        ``data``: the bytes of the whole request and of nothing else. ``scope``: of the request; no
        application has changed it yet. ``last``: the head of the connection's request before, so
        that clients with a new head in each request, such as one with a request id, do not
        displace the heads of others.
        """
        end = data.find(_END) + len(_END)
        head = data[:end]
        if head != last or body_bytes != len(data) - end:
            return head
        if any(name in CHECKED for name, _ in scope["headers"]):
            return head
        if len(self._heads) >= _MOST_HEADS:
            self._heads.clear()
        self._heads[head] = KnownHead({**scope, "headers": list(scope["headers"])}, body_bytes)
        return head
