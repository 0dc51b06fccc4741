"""The interactive documentation: Swagger UI from files of ours, not of a CDN's."""

from __future__ import annotations

from importlib import resources

import orjson

from serving.api.openapi import document
from serving.served_model import ServedModel

_ASSETS = {
    "/docs/swagger-ui.css": ("swagger-ui.css", b"text/css; charset=utf-8"),
    "/docs/swagger-ui-bundle.js": ("swagger-ui-bundle.js", b"text/javascript; charset=utf-8"),
    "/docs/favicon.png": ("favicon-32x32.png", b"image/png"),
}
_START = "/docs/start.js"

_PAGE = b"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Churn model API</title>
<link rel="icon" href="docs/favicon.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_SCRIPT = b"""SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false
});
"""


class Docs:
    """``/docs``, its files, and the OpenAPI document."""

    paths = ("/docs", _START, *_ASSETS)

    def __init__(self, *, keys: bool, root_path: str = "") -> None:
        self._keys = keys
        self._root_path = root_path
        folder = resources.files("fastapi_swagger.resources")
        self._files = {
            path: (folder.joinpath(name).read_bytes(), content_type)
            for path, (name, content_type) in _ASSETS.items()
        }
        self._files["/docs"] = (_PAGE, b"text/html; charset=utf-8")
        self._files[_START] = (_SCRIPT, b"text/javascript; charset=utf-8")

    def file(self, path: str) -> tuple[bytes, bytes]:
        """One of ``paths``: its content and content type."""
        return self._files[path]

    def openapi(self, served: ServedModel) -> bytes:
        """The OpenAPI document for the model that is served now."""
        return orjson.dumps(document(served, keys=self._keys, root_path=self._root_path))
