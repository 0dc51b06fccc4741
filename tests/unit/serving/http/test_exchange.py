import asyncio
from types import SimpleNamespace

import pytest

from serving.http.exchange import Exchange, reply_head


class Connection:
    """Records what an exchange does to its connection."""

    def __init__(self):
        self.written = b""
        self.completed = 0
        self.transport = SimpleNamespace(
            write=self.write, close=lambda: self.write(b"<closed>"), is_closing=lambda: False
        )
        self.flow = SimpleNamespace(write_paused=False)
        self.tasks = set()
        self.message_event = asyncio.Event()

    def write(self, data):
        self.written += data

    def default_headers(self):
        return [(b"date", b"today")]

    def resume_reading(self):
        self.write(b"<reading>")

    def on_response_complete(self):
        self.completed += 1


def exchange(method="POST", **arguments):
    connection = Connection()
    options = {"keep_alive": True, "expects_continue": False} | arguments
    return connection, Exchange(connection, {"method": method}, **options)


def replied(*messages, **arguments):
    async def run():
        connection, made = exchange(**arguments)
        for message in messages:
            await made.send(message)
        return connection

    return asyncio.run(run())


def start(*headers, status=200):
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


BODY = {"type": "http.response.body", "body": b"hello"}


def test_a_reply_is_written_in_one_piece():
    connection = replied(start((b"content-length", b"5")), BODY)
    assert connection.written == (
        b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 5\r\n\r\nhello"
    )
    assert connection.completed == 1


def test_the_reply_to_head_has_no_body():
    written = replied(start((b"content-length", b"5")), BODY, method="HEAD").written
    assert written.endswith(b"content-length: 5\r\n\r\n")


def test_the_last_reply_of_a_connection_says_so_once():
    close = (b"connection", b"close")
    for connection in (
        replied(start(), BODY, keep_alive=False),
        replied(start(close, status=413), BODY),
        replied(start(close, status=413), BODY, keep_alive=False),
    ):
        assert connection.written.count(b"connection: close\r\n") == 1
        assert connection.written.endswith(b"hello<closed>")


@pytest.mark.parametrize(
    "messages",
    [
        [BODY],
        [start(), {**BODY, "more_body": True}],
        [start(), start()],
        [start(), BODY, BODY],
        [start(), BODY, start()],
    ],
)
def test_anything_but_one_start_and_one_body_is_an_error(messages):
    with pytest.raises(RuntimeError):
        replied(*messages)


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb"])
def test_a_header_cannot_contain_a_line_break(value):
    with pytest.raises(RuntimeError):
        reply_head(200, [], [(b"x", value)])
    with pytest.raises(RuntimeError):
        reply_head(200, [], [(value, b"x")])


def test_the_parts_of_a_body_are_received_as_they_arrive():
    async def run():
        connection, made = exchange(expects_continue=True)
        asyncio.get_running_loop().call_later(0.01, made.add, b"a")
        asyncio.get_running_loop().call_later(0.01, connection.message_event.set)
        first = await made.receive()
        made.add(b"b")
        made.add(b"c")
        made.more_body = False
        second = await made.receive()
        return connection.written, first, second

    written, first, second = asyncio.run(run())
    assert written == b"HTTP/1.1 100 Continue\r\n\r\n<reading>"
    assert first == {"type": "http.request", "body": b"a", "more_body": True}
    assert second == {"type": "http.request", "body": b"bc", "more_body": False}


def test_after_the_body_only_the_end_of_the_connection_is_received():
    async def run():
        connection, made = exchange()
        made.more_body = False
        first = await made.receive()
        waiting = asyncio.create_task(made.receive())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        made.disconnected = True
        connection.message_event.set()
        return first, await waiting

    first, second = asyncio.run(run())
    assert first == {"type": "http.request", "body": b"", "more_body": False}
    assert second == {"type": "http.disconnect"}


def test_a_reply_to_a_lost_connection_is_dropped():
    async def run():
        connection, made = exchange()
        made.disconnected = True
        await made.send(start())
        await made.send(BODY)
        return connection.written

    assert asyncio.run(run()) == b""


def test_an_application_that_fails_or_does_not_reply_ends_the_connection():
    async def fails(scope, receive, send):
        raise ValueError("secret")

    async def is_silent(scope, receive, send):
        await send(start())

    async def run(app):
        connection, made = exchange()
        made.task = asyncio.current_task()
        connection.tasks.add(made.task)
        await made.run(app)
        return connection

    for app in (fails, is_silent):
        connection = asyncio.run(run(app))
        assert connection.written == b"<closed>"
        assert connection.tasks == set()
