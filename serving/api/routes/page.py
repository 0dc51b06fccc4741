"""The routes of the page for retention teams."""

from __future__ import annotations

import logging
from asyncio import get_running_loop
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import orjson

from churn_model.errors import ChurnError
from serving.api import replies, requests, tabular
from serving.api.page.card import Card, read_card, read_report
from serving.api.page.files import HEADERS, read_files
from serving.api.page.model_document import model_document
from serving.api.scoring import score_body
from serving.api.scoring_requests import ScoringRequests, require_json
from serving.daemon_thread import run_in_daemon_thread
from serving.http.asgi import Receive, Scope, Send, reply
from serving.http.content import media_type
from serving.http.errors import ApiError, unavailable
from serving.http.router import Table
from serving.served_model import ServedModel
from serving.settings import Settings

T = TypeVar("T")

_logger = logging.getLogger("serving.page")

_CARD_SECONDS = 60.0
"""How long what the registry replied is shown before it is asked again."""


class PageRoutes:
    """The page's files, what it shows of the served version, and what it scores.

    What is scored for the page is not recorded: nobody was scored to be contacted.
    """

    def __init__(self, settings: Settings, scoring: ScoringRequests) -> None:
        self._settings = settings
        self._scoring = scoring
        self._files = read_files()
        self._document: tuple[ServedModel, bytes] | None = None
        self._card: tuple[ServedModel, float, Card] | None = None
        self.open_paths = tuple(self._files)
        self.table: Table = {
            **{path: {"GET": self.file} for path in self._files},
            "/page/model": {"GET": self.model},
            "/page/card": {"GET": self.card},
            "/page/report": {"GET": self.report},
            "/page/customer": {"POST": self.customer},
            "/page/table": {"POST": self.customers},
        }

    async def file(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The page, or a file that it loads."""
        content, content_type = self._files[scope["path"]]
        await reply(send, 200, content, content_type, HEADERS)

    async def model(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The served version as the page needs it; computed once per version."""
        served = self._scoring.champion.served()
        if self._document is None or self._document[0] is not served:
            settings = self._settings
            make = partial(model_document, served, settings.max_rows, settings.max_body)
            self._document = served, await run_in_daemon_thread(make)
        await reply(send, 200, self._document[1], headers=[(b"cache-control", b"no-store")])

    async def card(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What the registry knows of the served version; 503 if it does not answer."""
        card = await self._current_card()
        content = orjson.dumps(card.as_dict())
        await reply(send, 200, content, headers=[(b"cache-control", b"no-store")])

    async def report(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The report of the served version's training, to be saved as a file."""
        card = await self._current_card()
        content = await _from_registry(partial(read_report, card))
        headers = [*HEADERS, (b"content-disposition", b'attachment; filename="report.html"')]
        await reply(send, 200, content, b"text/html; charset=utf-8", headers)

    async def customer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ``/predict/single``."""
        require_json(scope["context"])
        params = requests.read_query(scope["query_string"])
        scoring = self._scoring
        served, body = await scoring.begin(scope, receive, self._settings.max_body_single)
        with scoring.capacity:
            await scoring.rate_limiter.count_rows(scope, 1)
            score = score_body(served, body, params)
        await scoring.reply(scope, send, served, orjson.dumps(replies.single(score)), 1)

    async def customers(self, scope: Scope, receive: Receive, send: Send) -> None:
        """CSV as for ``/invocations``, with reasons and the errors of invalid customers."""
        if media_type(scope["context"]) != tabular.CSV:
            raise ApiError(415, f"send Content-Type: {tabular.CSV}")
        served, body = await self._scoring.begin(scope, receive, self._settings.max_body)
        content, n = await self._scoring.score_table(
            scope, served, body, tabular.CSV, replies.explained_table
        )
        await self._scoring.reply(scope, send, served, content, n)

    async def _current_card(self) -> Card:
        served = self._scoring.champion.served()
        now = get_running_loop().time()
        if self._card is not None and self._card[0] is served and now < self._card[1]:
            return self._card[2]
        if served.name is None or served.version is None:
            raise unavailable("the model is not registered, so nothing more is known of it")
        card = await _from_registry(partial(read_card, served.name, served.version))
        self._card = served, now + _CARD_SECONDS, card
        return card


async def _from_registry(ask: Callable[[], T]) -> T:
    """What the registry replies. Raises ApiError 503, which says nothing about servers."""
    try:
        return await run_in_daemon_thread(ask)
    except ChurnError as error:
        _logger.warning("the page shows nothing from the registry: %s", error)
        raise unavailable("the model registry does not answer; try again later") from None
