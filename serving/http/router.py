"""Calls the handler of a route."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from serving.http.asgi import App, Receive, Scope, Send
from serving.http.errors import ApiError

Table: TypeAlias = Mapping[str, Mapping[str, App]]
"""The handlers by route and method, each an ASGI application; HEAD is answered by that of GET."""


class RouteGroup(Protocol):
    """Routes that belong together."""

    @property
    def table(self) -> Table:
        """The handlers."""

    @property
    def open_paths(self) -> Sequence[str]:
        """The paths that never need an API key."""


class Router:
    """The innermost ASGI app: calls the handler of a route, or raises ApiError 404 or 405.

    ``route_of``: the route of a path that has parameters; None for any other path.
    """

    def __init__(self, groups: Iterable[RouteGroup], route_of: Callable[[str], str | None]) -> None:
        self._table = {route: methods for group in groups for route, methods in group.table.items()}
        self._route_of = route_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        route: str = scope["path"]
        methods = self._table.get(route)
        if methods is None:
            route = self._route_of(route) or ""
            methods = self._table.get(route)
        if methods is None:
            raise ApiError(404, "this route does not exist; GET /docs lists all routes")
        scope["context"].route = route
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        handler = methods.get(method)
        if handler is None:
            allowed = ", ".join(methods)
            raise ApiError(
                405, f"{route} supports {allowed}", headers=[(b"allow", allowed.encode())]
            )
        await handler(scope, receive, send)
