import asyncio
import socket
import sys
import threading
import time
from contextlib import suppress

import pytest

from churn_model.errors import InvalidParameter
from serving.http.errors import ApiError
from serving.http.rate_limit import RateLimiter, RateLimitMiddleware
from serving.http.request_context import RequestContext


def scope(client="-", address="10.0.0.1"):
    made = {"type": "http", "path": "/predict", "headers": [], "method": "POST"}
    made["client"] = (address, 1)
    made["context"] = RequestContext(made)
    made["context"].client = client
    return made


def handled_requests(limiter, callers, exempt_paths=()):
    """Whether each of these requests was handled, and the last ApiError."""

    async def app(scope, receive, send):
        pass

    async def run():
        middleware = RateLimitMiddleware(app, limiter, exempt_paths)
        handled, rejection = [], None
        for caller in callers:
            try:
                await middleware(caller, None, None)
                handled.append(True)
            except ApiError as error:
                handled.append(False)
                rejection = error
        return handled, rejection

    return asyncio.run(run())


def limits(requests=None, rows=None):
    return RateLimiter(requests, rows, "memory://")


def test_clients_are_counted_by_name_and_requests_without_a_key_by_address():
    limiter = limits("2/minute")
    billing = [scope("billing", f"10.0.0.{i}") for i in range(3)]
    assert handled_requests(limiter, billing)[0] == [True, True, False]
    assert handled_requests(limiter, [scope(), scope(), scope()])[0] == [True, True, False]
    assert handled_requests(limiter, [scope(address="10.0.0.9")])[0] == [True]


def test_a_429_says_when_to_retry_and_the_retry_succeeds():
    limiter = limits("1/second")
    handled, rejection = handled_requests(limiter, [scope(), scope()])
    assert handled == [True, False]
    pause = int(dict(rejection.headers)[b"retry-after"])
    assert 1 <= pause <= 2
    time.sleep(pause)
    assert handled_requests(limiter, [scope()])[0] == [True]


def test_customers_have_their_own_limit():
    limiter = limits("100/minute", "50/minute")

    async def run():
        await limiter.count_rows(scope(), 40)
        await limiter.count_rows(scope(), 10)
        with pytest.raises(ApiError) as caught:
            await limiter.count_rows(scope(), 1)
        await limiter.count_rows(scope(), 0)
        return caught.value.status

    assert asyncio.run(run()) == 429


def test_a_rejected_batch_is_not_counted():
    limiter = limits(rows="1000/hour")

    async def run():
        await limiter.count_rows(scope(), 900)
        for _ in range(3):
            with pytest.raises(ApiError) as caught:
                await limiter.count_rows(scope(), 101)
            assert caught.value.status == 429
        await limiter.count_rows(scope(), 100)
        with pytest.raises(ApiError):
            await limiter.count_rows(scope(), 1)

    asyncio.run(run())


def test_more_customers_than_the_limit_ever_admits_are_413_and_not_counted():
    limiter = limits(rows="1000/hour")

    async def run():
        with pytest.raises(ApiError, match="1001 customers exceed") as caught:
            await limiter.count_rows(scope(), 1001)
        assert caught.value.status == 413
        await limiter.count_rows(scope(), 1000)

    asyncio.run(run())


def test_exempt_routes_are_not_counted():
    limiter = limits("1/minute")
    assert handled_requests(limiter, [scope()] * 3, ["/predict"])[0] == [True] * 3


@pytest.mark.parametrize(
    "arguments",
    [("often", None, "memory://"), (None, "x", "memory://"), (None, None, "nothing://")],
)
def test_an_invalid_limit_or_storage_is_rejected_at_start_up(arguments):
    with pytest.raises(InvalidParameter, match="--rate-limit"):
        RateLimiter(*arguments)


def rejected_by_silent_storage(seconds):
    """The ApiError where the storage accepts connections and never answers."""

    async def run(port):
        limiter = RateLimiter("5/minute", None, f"redis://127.0.0.1:{port}", seconds=seconds)
        with pytest.raises(ApiError) as caught:
            await asyncio.wait_for(limiter.count_request(scope()), 20)
        return caught.value

    with socket.create_server(("127.0.0.1", 0)) as silent:
        return asyncio.run(run(silent.getsockname()[1]))


@pytest.mark.parametrize("seconds", [30.0, 0.05])
def test_a_storage_that_does_not_answer_is_unavailable(seconds):
    error = rejected_by_silent_storage(seconds)
    assert error.status == 503
    assert "storage is unavailable" in error.message


def test_threads_that_count_at_the_same_time_do_not_exceed_the_limit():
    limiter = RateLimiter(None, "10000/minute", "memory://")
    accepted = []

    def count(caller):
        for _ in range(2000):
            with suppress(ApiError):
                limiter.count_rows_here(caller, 1)
                accepted.append(1)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=count, args=(scope(),)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert len(accepted) == 10_000
