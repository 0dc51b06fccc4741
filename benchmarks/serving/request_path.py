"""Shows where the time of a request with one customer goes, in CPU microseconds without a network.

The server's HTTP protocol gets the bytes of a request, and its replies are discarded. Each line
leaves out one more part of the server, by its settings. The difference between two lines is the
cost of the part. Rounds take turns, and the fastest of each counts.

Usage: python benchmarks/serving/request_path.py [--rounds N] [--requests N]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import uvloop
from noop_asgi import app as noop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.scoring import Scorer
from serving.app import create_app
from serving.http.api_keys import make
from serving.http.log_writer import REQUESTS
from serving.http.tls import ServerConfig
from serving.served_model import ServedModel
from serving.server import uvicorn_options
from serving.settings import Settings
from training.data.simulator import simulate
from training.fitting.fit import fit

CONNECTIONS = 16
KEY, STORED = make()
LIMITS = {"rate_limit": "100000000/minute", "rate_limit_rows": "100000000000/minute"}
KEYS = {"keys": [f"bench={STORED.hash}"]}


class DiscardingTransport(asyncio.Transport):
    """A transport that counts replies and discards them."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 8201)})
        self.replies = 0

    def write(self, data: Any) -> None:
        """Count a reply."""
        self.replies += data.startswith(b"HTTP/1.1 200")

    def is_closing(self) -> bool:
        """Never."""
        return False

    def _ignore(self, *_: Any) -> None:
        """There is no socket."""

    pause_reading = resume_reading = close = set_write_buffer_limits = _ignore


def request(path: str, customer: dict[str, Any]) -> bytes:
    """A request as wrk sends it."""
    body = json.dumps(customer).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1:8201",
        f"X-API-Key: {KEY}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def microseconds(app: Any, http: Any, sent: bytes, count: int) -> float:
    """CPU time per request of ``count`` requests, over 16 connections that take turns."""
    loop = asyncio.get_running_loop()
    config = ServerConfig(app, **uvicorn_options(Settings()))
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"Sat, 28 Nov 2026 12:00:00 GMT")]
    made: list[tuple[Any, Any]] = []
    for _ in range(CONNECTIONS):
        made.append((http(config, state, loop), DiscardingTransport()))
        made[-1][0].connection_made(made[-1][1])
    begun = time.process_time()
    for _ in range(count // CONNECTIONS):
        for protocol, _transport in made:
            protocol.data_received(sent)
        await asyncio.sleep(0)  # the tasks run,
        await asyncio.sleep(0)  # and their replies are sent
    while (replies := sum(transport.replies for _, transport in made)) < count:
        await asyncio.sleep(0)
    taken = time.process_time() - begun
    assert replies == count, f"{replies} of {count} replies"
    for protocol, _transport in made:
        protocol.connection_lost(None)
    return taken / count * 1e6


def ours(config: Any, state: Any, loop: Any) -> Any:
    """The server's protocol."""
    return uvicorn_options(Settings())["http"](
        config=config, server_state=state, app_state={}, _loop=loop
    )


def uvicorns(config: Any, state: Any, loop: Any) -> Any:
    """The protocol of uvicorn."""
    return HttpToolsProtocol(config=config, server_state=state, app_state={}, _loop=loop)


def cases(served: ServedModel, customer: dict[str, Any], folder: str) -> dict[str, Callable]:
    """The measurements by name, from everything to nothing."""
    post = request("/predict/single", customer)
    ping = request("/ping", customer).replace(b"POST", b"GET", 1)
    log = {"inference_log": f"{folder}/log", "inference_log_key": f"{folder}/key"}

    def complete(**settings: Any) -> Any:
        return create_app(Settings(**settings), served)

    apps: dict[str, tuple[Any, Any, bytes]] = {
        "everything": (complete(**KEYS, **LIMITS, **log), ours, post),
        "without the inference log": (complete(**KEYS, **LIMITS), ours, post),
        "and without the limit of customers": (
            complete(**KEYS, rate_limit=LIMITS["rate_limit"]),
            ours,
            post,
        ),
        "and without the limit of requests": (complete(**KEYS), ours, post),
        "and without API keys": (complete(), ours, post),
        "and without reading and scoring (/ping)": (complete(), ours, ping),
        "an application that does nothing": (noop, ours, post),
        "the same in uvicorn's protocol": (noop, uvicorns, post),
    }
    return apps


async def measure(apps: dict[str, Any], rounds: int, count: int) -> dict[str, float]:
    """The least microseconds of each case."""
    least = dict.fromkeys(apps, float("inf"))
    for _ in range(rounds):
        for name, (app, http, sent) in apps.items():
            least[name] = min(least[name], await microseconds(app, http, sent, count))
            REQUESTS.flush()
    return least


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=8000)
    options = parser.parse_args()
    simulation = simulate(3000, seed=0)
    scorecard = fit(simulation.customers, simulation.churned, CUSTOMER_SCHEMA).scorecard
    customer = simulate(1, seed=1).customers.to_dict("records")[0]
    served = ServedModel("churn", "1", "champion", "", Scorer(scorecard, CUSTOMER_SCHEMA))
    with tempfile.TemporaryDirectory() as folder, open("/dev/null", "w") as nowhere:
        out, sys.stdout = sys.stdout, nowhere
        apps = cases(served, customer, folder)
        least = uvloop.run(measure(apps, options.rounds, options.requests))
        sys.stdout = out
    print("| microseconds | saved | server |\n| --- | --- | --- |")
    previous = None
    for name, value in least.items():
        print(f"| {value:.1f} | {'' if previous is None else f'{previous - value:.1f}'} | {name} |")
        previous = value


if __name__ == "__main__":
    main()
