"""The interactive documentation: Swagger UI, served from packaged files instead of a CDN.

The page loads without an API key. Where keys are required, it asks for one and then loads the
OpenAPI document, which describes the model and so is behind the key.
"""

from __future__ import annotations

from importlib import resources

import orjson

from serving.api.openapi import document
from serving.http.asgi import Receive, Scope, Send, reply
from serving.http.router import Table
from serving.served_model import ModelHolder

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


class DocsRoutes:
    """The documentation page with its script, styles and icon, and the OpenAPI document.

    ``keys``: whether the server has API keys.
    """

    open_paths = tuple(_FILES)

    def __init__(self, champion: ModelHolder, *, keys: bool, root_path: str = "") -> None:
        self._champion = champion
        self._keys = keys
        self._root_path = root_path
        self._files = {
            path: (resources.files(package).joinpath(name).read_bytes(), content_type)
            for path, (package, name, content_type) in _FILES.items()
        }
        self.table: Table = {
            "/openapi.json": {"GET": self.openapi},
            **{path: {"GET": self.file} for path in _FILES},
        }

    async def openapi(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The OpenAPI document for the model that is served now."""
        served = self._champion.served()
        made = document(served, keys=self._keys, root_path=self._root_path)
        await reply(send, 200, orjson.dumps(made))

    async def file(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The documentation page, or a file that it loads."""
        content, content_type = self._files[scope["path"]]
        await reply(send, 200, content, content_type)
