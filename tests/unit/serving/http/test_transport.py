import asyncio

from serving.http.transport import BufferedTransport, Outbox


class Recorder:
    """A transport that records what is sent."""

    def __init__(self, sent, name):
        self.sent = sent
        self.name = name
        self.is_closed = False

    def write(self, data):
        self.sent.append((self.name, data))

    def close(self):
        self.sent.append((self.name, "closed"))
        self.is_closed = True

    abort = close

    def is_closing(self):
        return self.is_closed


def sent(connections, use):
    """What two connections send in one iteration of the event loop, and what after it."""

    async def run():
        log = []
        outbox = Outbox()
        loop = asyncio.get_running_loop()
        pair = [BufferedTransport(Recorder(log, i), loop, outbox, connections) for i in (1, 2)]
        use(*pair)
        first = list(log)
        await asyncio.sleep(0)
        return first, log[len(first) :]

    return asyncio.run(run())


def test_the_reply_to_a_single_request_is_sent_immediately():
    assert sent({1}, lambda one, two: one.write(b"a")) == ([(1, b"a")], [])


def test_under_load_replies_are_sent_in_order_in_the_next_iteration():
    def use(one, two):
        one.write(b"a")
        two.write(b"b")
        one.write(b"c")

    assert sent({1, 2}, use) == ([], [(1, b"a"), (2, b"b"), (1, b"c")])


def test_closing_and_large_replies_send_what_waits_first():
    def use(one, two):
        one.write(b"a")
        one.close()
        two.write(b"b")
        two.write(b"c" * 65_536)

    first, later = sent({1, 2}, use)
    assert first == [(1, b"a"), (1, "closed"), (2, b"b"), (2, b"c" * 65_536)]
    assert later == []


def test_a_connection_that_is_lost_does_not_stop_the_replies_of_others():
    def use(one, two):
        one.write(b"a")
        two.write(b"b")
        one.abort()

    assert sent({1, 2}, use) == ([(1, "closed")], [(2, b"b")])
