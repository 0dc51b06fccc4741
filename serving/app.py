"""The ASGI application: routes within middleware. Nothing happens at import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from starlette.middleware.cors import CORSMiddleware

from serving.api import v2
from serving.api.routes.docs import DocsRoutes
from serving.api.routes.page import PageRoutes
from serving.api.routes.predict import PredictRoutes
from serving.api.routes.status import PROBES, StatusRoutes
from serving.api.routes.v2 import V2Routes
from serving.api.scoring_requests import ScoringRequests
from serving.http.asgi import App
from serving.http.middleware import (
    ApiKeyMiddleware,
    RequestContextMiddleware,
    RootPathMiddleware,
)
from serving.http.rate_limit import RateLimitMiddleware
from serving.http.router import RouteGroup, Router
from serving.lifespan import Lifespan
from serving.parts import Parts
from serving.served_model import ServedModel
from serving.settings import Settings
from serving.tracing import TracingMiddleware

_PUBLIC = {
    "docs": ("/openapi.json",),
    "version": ("/version",),
    "metrics": ("/metrics",),
}
"""The paths of the values of ``Settings.public``."""


def create_app(
    settings: Settings, served: ServedModel | None = None, shared_folder: Path | None = None
) -> Lifespan:
    """The complete ASGI application.

    ``served`` is the model to start with; without one, the scoring routes reply 503 until one can
    be loaded. ``shared_folder``: where several workers agree on versions. Raises InvalidParameter
    for settings that cannot work, and InferenceLogError if the scores cannot be recorded.
    """
    parts = Parts(settings, shared_folder)
    groups = _route_groups(parts)
    app = _within_middleware(Router(groups, v2.route_of), parts, groups)
    if served is not None:
        parts.models.champion.start(served)
    return Lifespan(app, parts)


def _route_groups(parts: Parts) -> Sequence[RouteGroup]:
    settings, champion = parts.settings, parts.models.champion
    scoring = ScoringRequests(
        settings, champion, parts.executor, parts.rate_limiter, parts.body_reader
    )
    status = StatusRoutes(settings, champion, parts.draining, parts.request_log)
    has_keys = bool(parts.keys.current)
    groups: list[RouteGroup] = [
        PredictRoutes(settings, scoring),
        V2Routes(settings, scoring, status.is_ready),
        status,
        DocsRoutes(champion, keys=has_keys, root_path=settings.root_path),
    ]
    if settings.page:
        groups.append(PageRoutes(settings, scoring))
    return groups


def _within_middleware(app: App, parts: Parts, groups: Sequence[RouteGroup]) -> App:
    """The routes within all middleware that the settings ask for, the outermost last."""
    settings = parts.settings
    if settings.rate_limit:
        app = RateLimitMiddleware(app, parts.rate_limiter, exempt_paths=PROBES)
    if parts.keys.current:
        open_paths = [path for group in groups for path in group.open_paths]
        open_paths += [path for name in settings.public for path in _PUBLIC[name]]
        app = ApiKeyMiddleware(app, parts.keys, parts.rate_limiter, open_paths)
    if parts.tracing is not None:
        app = TracingMiddleware(app, parts.tracing)
    app = RequestContextMiddleware(app, parts.request_log, parts.budget)
    if settings.cors_origins:
        app = CORSMiddleware(
            app,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key", "X-Request-ID"],
            expose_headers=["Retry-After", "X-Model-Version", "X-Request-ID"],
        )
    if settings.root_path:
        app = RootPathMiddleware(app, settings.root_path)
    return app
