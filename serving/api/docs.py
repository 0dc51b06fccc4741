"""The interactive documentation: Swagger UI, served from packaged files instead of a CDN.

The page loads without an API key. Where keys are required, it asks for one and then loads the
OpenAPI document, which describes the model and so is behind the key.
"""

from __future__ import annotations

from importlib import resources

import orjson

from serving.api.openapi import document
from serving.served_model import ServedModel

_SWAGGER_UI = "fastapi_swagger.resources"
_OWN = "serving.api"
_HTML, _CSS = b"text/html; charset=utf-8", b"text/css; charset=utf-8"
_JAVASCRIPT, _PNG = b"text/javascript; charset=utf-8", b"image/png"

_FILES = {
    "/docs": (_OWN, "static/docs.html", _HTML),
    "/docs/start.js": (_OWN, "static/start.js", _JAVASCRIPT),
    "/docs/docs.css": (_OWN, "static/docs.css", _CSS),
    "/docs/swagger-ui.css": (_SWAGGER_UI, "swagger-ui.css", _CSS),
    "/docs/swagger-ui-bundle.js": (_SWAGGER_UI, "swagger-ui-bundle.js", _JAVASCRIPT),
    "/docs/favicon.png": (_SWAGGER_UI, "favicon-32x32.png", _PNG),
}
"""Package, file and content type by path."""


class Docs:
    """The documentation page with its script, styles and icon, and the OpenAPI document."""

    paths = tuple(_FILES)

    def __init__(self, *, keys: bool, root_path: str = "") -> None:
        self._keys = keys
        self._root_path = root_path
        self._files = {
            path: (resources.files(package).joinpath(name).read_bytes(), content_type)
            for path, (package, name, content_type) in _FILES.items()
        }

    def file(self, path: str) -> tuple[bytes, bytes]:
        """Content and content type of one of ``paths``."""
        return self._files[path]

    def openapi(self, served: ServedModel) -> bytes:
        """The OpenAPI document for the model that is served now."""
        return orjson.dumps(document(served, keys=self._keys, root_path=self._root_path))
