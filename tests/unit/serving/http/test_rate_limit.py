import asyncio
import time

import pytest

from churn_model.errors import InvalidParameter
from serving.http.errors import ApiError
from serving.http.rate_limit import RateLimiter
from serving.http.request_context import RequestContext


def scope(client="-", address="10.0.0.1"):
    made = {"type": "http", "path": "/predict", "headers": [], "method": "POST"}
    made["client"] = (address, 1)
    made["context"] = RequestContext(made)
    made["context"].client = client
    return made


def answered(throttle, callers):
    """Whether each of these requests got through, and the last refusal."""

    async def app(scope, receive, send):
        pass

    async def run():
        around = throttle.around(app)
        through, refusal = [], None
        for caller in callers:
            try:
                await around(caller, None, None)
                through.append(True)
            except ApiError as error:
                through.append(False)
                refusal = error
        return through, refusal

    return asyncio.run(run())


def limits(requests=None, rows=None, free=()):
    return RateLimiter(requests, rows, "memory://", free)


def test_clients_are_counted_by_name_and_strangers_by_address():
    throttle = limits("2/minute")
    billing = [scope("billing", f"10.0.0.{i}") for i in range(3)]
    assert answered(throttle, billing)[0] == [True, True, False]
    assert answered(throttle, [scope(), scope(), scope()])[0] == [True, True, False]
    assert answered(throttle, [scope(address="10.0.0.9")])[0] == [True]


def test_a_refusal_says_when_to_come_back_and_then_it_is_answered():
    throttle = limits("1/second")
    through, refusal = answered(throttle, [scope(), scope()])
    assert through == [True, False]
    pause = int(dict(refusal.headers)[b"retry-after"])
    assert 1 <= pause <= 2
    time.sleep(pause)
    assert answered(throttle, [scope()])[0] == [True]


def test_rows_have_a_limit_of_their_own():
    throttle = limits("100/minute", "50/minute")

    async def run():
        await throttle.count_rows(scope(), 40)
        await throttle.count_rows(scope(), 10)
        with pytest.raises(ApiError) as caught:
            await throttle.count_rows(scope(), 1)
        await throttle.count_rows(scope(), 0)
        return caught.value.status

    assert asyncio.run(run()) == 429


def test_free_routes_are_not_counted():
    throttle = limits("1/minute", free=["/predict"])
    assert answered(throttle, [scope()] * 3)[0] == [True] * 3


@pytest.mark.parametrize(
    "arguments",
    [("often", None, "memory://"), (None, "x", "memory://"), (None, None, "nothing://")],
)
def test_a_limit_or_storage_that_is_none_is_refused_at_once(arguments):
    with pytest.raises(InvalidParameter, match="--rate-limit"):
        RateLimiter(*arguments, ())
