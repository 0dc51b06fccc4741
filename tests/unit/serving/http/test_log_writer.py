from __future__ import annotations

import io
import json
import os

import pytest

from serving.http.log_writer import LogWriter


@pytest.fixture
def pipe():
    """The reading end of a pipe, and a text stream that writes to it."""
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as reader, open(writing, "w") as stream:
        yield reader, stream


def test_lines_are_written_in_order_to_a_file_and_to_a_stream_without_one(pipe):
    reader, stream = pipe
    replaced = io.StringIO()
    for target in (stream, replaced):
        writer = LogWriter(lambda target=target: target)
        for number in range(100):
            writer.write(b"%d\n" % number)
        writer.flush(10)
    expected = "".join(f"{number}\n" for number in range(100))
    assert reader.read(65_536).decode() == expected
    assert replaced.getvalue() == expected


def test_a_pipe_that_nobody_reads_blocks_no_one_and_the_loss_is_counted_and_written_later(pipe):
    reader, stream = pipe
    dropped = []
    writer = LogWriter(lambda: stream, most_bytes=100_000)
    writer.on_drop = dropped.append
    line = b"x" * 999 + b"\n"
    for _ in range(500):
        writer.write(line * 2, 2)
    assert sum(dropped) > 700
    writer.flush(0.01)  # does not wait for the pipe
    received, lines, reported = b"", [], 0
    while reported < sum(dropped) or len(lines) < 1000 - sum(dropped):
        received += reader.read(65_536)
        complete = received[: received.rfind(b"\n") + 1].splitlines()
        lines = [each for each in complete if not each.startswith(b"{")]
        # there are several reports if lines fit again between the losses
        losses = [json.loads(each)["message"] for each in complete if each.startswith(b"{")]
        reported = sum(int(message.split(" log lines were dropped")[0]) for message in losses)
    assert (reported, len(lines)) == (sum(dropped), 1000 - sum(dropped))
    assert {len(each) for each in lines} == {999}


def test_a_closed_stream_is_no_error(pipe):
    reader, stream = pipe
    reader.close()
    writer = LogWriter(lambda: stream)
    for _ in range(3):
        writer.write(b"x\n")
        writer.flush(10)
