"""Heads of requests that need not be parsed again, because clients repeat them to the byte."""

from __future__ import annotations

from typing import NamedTuple

from serving.http.asgi import Scope

_MOST_HEADS = 256
"""Heads of at most a packet of 2 KiB each."""
_END = b"\r\n\r\n"
_NOT_REPEATED = frozenset((b"expect", b"transfer-encoding"))


class KnownHead(NamedTuple):
    """A parsed head: the request's scope, and the bytes of its body."""

    scope: Scope
    body_bytes: int


class KnownHeads:
    """The heads that the clients of one worker have repeated, by their bytes.

    Parsing is a function of the bytes of a head, so what was parsed is right for the same bytes on
    any connection. Only complete requests of HTTP/1.1 whose connection stays open are remembered.
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
        """Remember the head of a request that was parsed, if it is that of the ``last`` as well.

        ``data``: the bytes of the whole request and of nothing else. ``scope``: of the request; no
        application has changed it yet. Returns the head, which is ``last`` for the next request on
        the connection; clients that change their heads each time, by a request id say, do not
        displace those of others.
        """
        end = data.find(_END) + len(_END)
        head = data[:end]
        if head != last or body_bytes != len(data) - end:
            return head
        if any(name in _NOT_REPEATED for name, _ in scope["headers"]):
            return head
        if len(self._heads) >= _MOST_HEADS:
            self._heads.clear()
        self._heads[head] = KnownHead(dict(scope), body_bytes)
        return head
