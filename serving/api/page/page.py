"""The routes of the page that show something; those that score are with all the others."""

from __future__ import annotations

from functools import partial

from serving.api.page.files import HEADERS, read_files
from serving.api.page.model_document import model_document
from serving.daemon_thread import run_in_daemon_thread
from serving.http.asgi import Receive, Scope, Send, reply
from serving.http.errors import unavailable
from serving.served_model import ModelHolder, ServedModel
from serving.settings import Settings


class Page:
    """The page's files, and what it shows of the served version.

    ``files``: the paths that need no API key.
    """

    def __init__(self, settings: Settings, holder: ModelHolder) -> None:
        self._settings = settings
        self._holder = holder
        self._files = read_files()
        self._document: tuple[ServedModel, bytes] | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of the page and of the files that it loads."""
        return tuple(self._files)

    async def file(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The page, or a file that it loads."""
        content, content_type = self._files[scope["path"]]
        await reply(send, 200, content, content_type, HEADERS)

    async def model(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The served version as the page needs it; computed once per version."""
        served = self._served()
        if self._document is None or self._document[0] is not served:
            settings = self._settings
            make = partial(model_document, served, settings.max_rows, settings.max_body)
            self._document = served, await run_in_daemon_thread(make)
        await reply(send, 200, self._document[1], headers=[(b"cache-control", b"no-store")])

    def _served(self) -> ServedModel:
        served = self._holder.current
        if served is None:
            raise unavailable("no model is loaded yet; try again in a moment")
        return served
