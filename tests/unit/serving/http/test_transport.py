import asyncio

from serving.http.transport import BufferedTransport


class Recorder:
    """A transport that records what is sent."""

    def __init__(self):
        self.sent = []

    def write(self, data):
        self.sent.append(data)

    def close(self):
        self.sent.append("closed")

    def is_closing(self):
        return False


def sent(in_progress, *, close=False, turns=1):
    async def run():
        recorder = Recorder()
        transport = BufferedTransport(recorder, asyncio.get_running_loop(), in_progress)
        for turn in range(turns):
            transport.write(b"head%d " % turn)
            transport.write(b"body%d " % turn)
            if not close:
                await asyncio.sleep(0)
                await asyncio.sleep(0)
        if close:
            transport.close()
            await asyncio.sleep(0)
        assert transport.is_closing() is False
        return recorder.sent

    return asyncio.run(run())


def test_the_writes_of_a_single_request_are_sent_immediately():
    assert sent({1}) == [b"head0 ", b"body0 "]


def test_under_load_the_writes_of_a_reply_are_combined_in_order():
    assert sent({1, 2}, turns=2) == [b"head0 body0 ", b"head1 body1 "]


def test_closing_sends_delayed_writes_first_and_nothing_twice():
    assert sent({1, 2}, close=True) == [b"head0 body0 ", "closed"]
