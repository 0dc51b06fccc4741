import asyncio

import pytest

from serving.http.body_reader import BodyBudget, Disconnected, RequestBodyReader
from serving.http.errors import ApiError
from serving.http.request_context import RequestContext


def context(**headers):
    encoded = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    return RequestContext({"headers": encoded, "method": "POST"})


def read(messages, request=None, max_bytes=10, seconds=30.0):
    """Read a body that arrives as these messages; nothing follows the last one."""
    arriving = iter(messages)

    async def receive():
        for message in arriving:
            return message
        await asyncio.sleep(60)

    async def run():
        reader = RequestBodyReader(seconds, BodyBudget(1000))
        watch = asyncio.create_task(reader.watch())
        await asyncio.sleep(0)
        try:
            return await reader.read_body(request or context(), receive, max_bytes)
        finally:
            watch.cancel()

    return asyncio.run(run())


def part(body, more=False):
    return {"type": "http.request", "body": body, "more_body": more}


def test_the_parts_of_a_body_are_joined():
    assert read([part(b"ab", True), part(b"", True), part(b"cd")]) == b"abcd"


@pytest.mark.parametrize("length", [b"11", b"-1", b"many", b"9" * 30])
def test_a_declared_length_that_is_too_large_or_invalid_is_rejected_without_reading(length):
    with pytest.raises(ApiError) as caught:
        read([], context(content_length=length))
    assert caught.value.status == 413


def test_a_streamed_body_is_rejected_as_soon_as_it_is_too_large():
    with pytest.raises(ApiError) as caught:
        read([part(b"123456", True), part(b"12345", True)], context(content_length=b"5"))
    assert caught.value.status == 413


def test_a_body_that_does_not_arrive_in_time_is_given_up():
    with pytest.raises(ApiError) as caught:
        read([part(b"1", True)], seconds=0.05)
    assert caught.value.status == 408


def test_a_client_that_disconnects_is_not_a_server_error():
    with pytest.raises(Disconnected):
        read([part(b"1", True), {"type": "http.disconnect"}])


def test_a_cancellation_by_somebody_else_is_passed_on():
    async def run():
        reader = RequestBodyReader(30, BodyBudget(1000))
        task = asyncio.create_task(reader.read_body(context(), asyncio.Event().wait, 10))
        await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


@pytest.mark.parametrize("sent", [b"abc-123", b"A.b_c", b"x" * 128])
def test_a_well_formed_request_id_is_kept(sent):
    assert context(x_request_id=sent).request_id == sent


@pytest.mark.parametrize("sent", [b"", b"a b", b"a\nb", b"x" * 129, b"\xff", b'"}'])
def test_any_other_request_id_is_replaced(sent):
    made = {context(x_request_id=sent).request_id for _ in range(100)}
    assert len(made) == 100
    assert all(len(each) == 32 for each in made)
