"""The whole application, called in this process without a socket."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.scoring import Scorer
from serving.app import create_app
from serving.served_model import ServedModel
from serving.settings import Settings
from tests.customers import CUSTOMER

JSON = "application/json"


@dataclass
class Reply:
    """A reply of the application."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Application:
    """The application with these settings and this model."""

    served: ServedModel | None
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.app: Any = create_app(Settings(**self.settings), self.served)
        self.models = self.app.parts.models
        self.holder = self.models.champion

    def post(self, path: str, body: Any, content_type: str = JSON, **headers: str) -> Reply:
        """Send bytes, or anything else as JSON."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send("POST", path, sent, {"content-type": content_type, **headers})

    def get(self, path: str, **headers: str) -> Reply:
        return self.send("GET", path, b"", headers)

    def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        return asyncio.run(self.request(method, path, body, headers))

    async def request(
        self, method: str, path: str, body: bytes, headers: dict[str, str], pause: float = 0.0
    ) -> Reply:
        """Send a request whose body arrives after ``pause`` seconds."""
        route, _, query = path.partition("?")
        encoded = {name.replace("_", "-").encode(): v.encode() for name, v in headers.items()}
        scope = {
            "type": "http",
            "method": method,
            "path": route,
            "query_string": query.encode(),
            "client": ("127.0.0.1", 1),
            "headers": [*encoded.items(), (b"content-length", str(len(body)).encode())],
        }
        sent: list[Any] = []

        async def receive() -> Any:
            await asyncio.sleep(pause)
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        start, content = sent
        replied = {name.decode(): value.decode() for name, value in start["headers"]}
        return Reply(start["status"], replied, content["body"])


@pytest.fixture
def served(scorer) -> ServedModel:
    return ServedModel("churn", "1", "champion", "", scorer)


@pytest.fixture
def application(served):
    """Makes applications of this model."""
    return lambda **settings: Application(served, settings)


@pytest.fixture
def challenger(scorecard):
    """Makes versions whose scores are higher; ``schema``: of their customers."""

    def make(number="2", schema=CUSTOMER_SCHEMA):
        raised = scorecard.model_copy(update={"intercept": scorecard.intercept + 1})
        return ServedModel("churn", number, "challenger", "", Scorer(raised, schema))

    return make


class BrokenScorer(Scorer):
    """The scorer of a version that fails to score."""

    def fail(self, *_, **__):
        raise ZeroDivisionError("a customer's value")

    score = score_one = score_json = score_cells = score_columns = fail


def broken(model: ServedModel) -> ServedModel:
    """A version that fails to score, instead of this one."""
    return replace(model, scorer=BrokenScorer(model.scorer.scorecard, model.scorer.schema))


def customers(n: int, start: int = 0) -> list[dict[str, Any]]:
    return [
        CUSTOMER | {"customer_id": f"customer {start + i}", "age": 20 + i % 60} for i in range(n)
    ]
