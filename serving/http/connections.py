"""Limits of connections. They apply before a request reaches the application and its API keys."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from serving.http.errors import ApiError, unavailable
from serving.http.known_heads import KnownHeads
from serving.http.transport import Outbox

_logger = logging.getLogger("serving.connections")

_SWEEP_SECONDS = 1.0
_PROGRESS_BYTES = 65_536
"""What a client must read of its replies within ``write_seconds``: at least 2 kB/s by default."""


@dataclass(frozen=True)
class ConnectionLimits:
    """What the connections of a worker may use.

    ``count``: connections. ``head_bytes``: request line and headers of a request. ``head_seconds``:
    time until they are complete. ``idle_seconds``: time between two requests. ``write_seconds``:
    time without progress in reading a reply. ``unread_bytes``: replies that the clients have not
    read yet.
    """

    count: int
    head_bytes: int
    head_seconds: float
    idle_seconds: float
    write_seconds: float
    unread_bytes: int


class Connection(Protocol):
    """What the watch needs to know of a connection; times are those of the event loop."""

    waiting_since: float | None
    """When the server began to wait for a request, or its first byte came; None in a request."""
    has_part: bool
    """Whether a part of the awaited request has arrived."""
    has_served: bool
    """Whether a request was answered on this connection."""

    def is_closing(self) -> bool:
        """Whether it was closed already."""

    def unread(self) -> int:
        """The bytes of replies that the client has not read yet."""

    def close_waiting(self, error: ApiError | None) -> None:
        """Close a connection that waits for a request, after replying with an error if given."""

    def abort(self) -> None:
        """Close at once; unread replies are lost."""


class ConnectionWatch:
    """Closes the connections of one worker that exceed the limits, once per second.

    One timer for all connections costs less than a timer per request.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.outbox = Outbox()
        self.heads = KnownHeads()
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: dict[Connection, tuple[float, int]] = {}
        self._closed: Counter[str] = Counter()

    def opened(
        self,
        new: Connection,
        loop: asyncio.AbstractEventLoop,
        connections: Collection[Connection],
    ) -> None:
        """Start watching if this is the first connection, and make room if there are too many.

        A connection that waits for a request is closed for it: one that never sent a request before
        one that did, and the one that has waited longest first. If none waits, the new one is.
        """
        if self._timer is None:
            self._timer = loop.call_later(_SWEEP_SECONDS, self._sweep, loop, connections)
        if len(connections) <= self.limits.count:
            return
        still_open = [each for each in connections if not each.is_closing()]
        if len(still_open) > self.limits.count:
            waiting = [e for e in still_open if e.waiting_since is not None and e is not new]
            oldest = min(waiting, key=lambda e: (e.has_served, e.waiting_since), default=new)
            self._count("too many connections")
            oldest.close_waiting(_too_many() if oldest is new or oldest.has_part else None)

    def _sweep(self, loop: asyncio.AbstractEventLoop, connections: Collection[Connection]) -> None:
        now = loop.time()
        for connection in list(connections):
            self._close_if_late(connection, now)
        self._stalled = {each: seen for each, seen in self._stalled.items() if each in connections}
        self._bound_unread()
        if self._closed:
            _logger.warning("connections closed: %s", _listed(self._closed))
            self._closed.clear()
        self._timer = None
        if connections:
            self._timer = loop.call_later(_SWEEP_SECONDS, self._sweep, loop, connections)

    def _close_if_late(self, connection: Connection, now: float) -> None:
        waits = connection.waiting_since is not None and not connection.is_closing()
        waited = now - (connection.waiting_since or now) if waits else 0.0
        if waited > self.limits.idle_seconds and not connection.has_part:
            connection.close_waiting(None)
        elif waited > self.limits.head_seconds and (
            connection.has_part or not connection.has_served
        ):
            self._count("no complete request in time")
            connection.close_waiting(self._too_slow() if connection.has_part else None)
        unread = connection.unread()
        if not unread:
            self._stalled.pop(connection, None)
            return
        seen, size = self._stalled.setdefault(connection, (now, unread))
        if unread > size or unread <= size - _PROGRESS_BYTES:
            self._stalled[connection] = now, unread
        elif seen < now - self.limits.write_seconds:
            self._count("replies not read in time")
            connection.abort()

    def _bound_unread(self) -> None:
        """Abort the connections that have stalled longest, until the unread replies fit."""
        total = sum(size for _, size in self._stalled.values())
        for connection, (_, size) in sorted(self._stalled.items(), key=lambda item: item[1][0]):
            if total <= self.limits.unread_bytes:
                return
            total -= size
            self._count("too many unread replies")
            connection.abort()

    def _too_slow(self) -> ApiError:
        return ApiError(408, f"the request did not arrive within {self.limits.head_seconds:g} s")

    def _count(self, reason: str) -> None:
        self._closed[reason] += 1


def _too_many() -> ApiError:
    return unavailable("the server has too many connections; try again in a moment")


def _listed(closed: Counter[str]) -> str:
    return ", ".join(f"{count} ({reason})" for reason, count in closed.items())
