import asyncio

from serving.http.protocol import BufferedTransport


class Recorder:
    """Stands where the operating system's side of a transport is."""

    def __init__(self):
        self.sent = []

    def write(self, data):
        self.sent.append(data)

    def close(self):
        self.sent.append("closed")

    def is_closing(self):
        return False


def sent(at_work, *, close=False, turns=1):
    async def run():
        recorder = Recorder()
        gathering = BufferedTransport(recorder, asyncio.get_running_loop(), at_work)
        for turn in range(turns):
            gathering.write(b"head%d " % turn)
            gathering.write(b"body%d " % turn)
            if not close:
                await asyncio.sleep(0)
                await asyncio.sleep(0)
        if close:
            gathering.close()
            await asyncio.sleep(0)
        assert gathering.is_closing() is False
        return recorder.sent

    return asyncio.run(run())


def test_a_request_on_its_own_is_answered_at_once():
    assert sent({1}) == [b"head0 ", b"body0 "]


def test_under_load_a_reply_leaves_whole_and_in_order():
    assert sent({1, 2}, turns=2) == [b"head0 body0 ", b"head1 body1 "]


def test_closing_sends_what_is_left_first_and_nothing_twice():
    assert sent({1, 2}, close=True) == [b"head0 body0 ", "closed"]
