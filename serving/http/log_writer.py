"""Writes log lines in a thread, so that nothing waits for whoever reads the log."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import TextIO

import orjson

MOST_BYTES = 4 * 2**20
"""Lines that may wait to be written, in bytes: about 16,000 requests."""

_SECONDS_AT_EXIT = 1.0


class LogWriter:
    """Writes lines to a stream, in order. Lines that do not fit into its queue are dropped.

    A pipe that nobody reads blocks whoever writes to it. Here it blocks one thread only. The number
    of dropped lines is written as soon as the stream takes lines again, and given to ``on_drop`` at
    once. ``stream``: returns the text stream.
    """

    def __init__(self, stream: Callable[[], TextIO], most_bytes: int = MOST_BYTES) -> None:
        self._stream = stream
        self._most_bytes = most_bytes
        self._queue: SimpleQueue[bytes | Event] = SimpleQueue()
        self._lock = Lock()
        self._waiting_bytes = 0
        self._dropped = 0
        self._thread: Thread | None = None
        self.on_drop: Callable[[int], None] | None = None

    def write(self, lines: bytes, count: int = 1) -> None:
        """Queue ``count`` lines, each of which ends in a line feed."""
        with self._lock:
            fits = self._waiting_bytes + len(lines) <= self._most_bytes
            if fits:
                self._waiting_bytes += len(lines)
                self._queue.put(lines)
                if self._thread is None:
                    self._start()
            else:
                self._dropped += count
        if not fits and self.on_drop is not None:
            self.on_drop(count)

    def flush(self, seconds: float = _SECONDS_AT_EXIT) -> None:
        """Wait until all queued lines are written, for a limited time."""
        if self._thread is not None:
            written = Event()
            self._queue.put(written)
            written.wait(seconds)

    def _start(self) -> None:
        self._thread = Thread(target=self._run, name="log writer", daemon=True)
        self._thread.start()
        atexit.register(self.flush)

    def _run(self) -> None:
        while True:
            lines = self._queue.get()
            if isinstance(lines, Event):
                lines.set()
                continue
            self._write(lines)
            with self._lock:
                self._waiting_bytes -= len(lines)
                dropped, self._dropped = self._dropped, 0
            if dropped:  # not by way of the queue, which may be full again
                self._write(_loss(dropped))

    def _write(self, lines: bytes) -> None:
        with suppress(OSError, ValueError):  # the stream is closed: nobody will read the lines
            _write(self._stream(), lines)


def _write(stream: TextIO, lines: bytes) -> None:
    """Write to the stream's file, past its buffer, which must not be locked when the process ends.

    Standard output may be replaced by a stream without a file.
    """
    try:
        file = stream.fileno()
    except OSError:
        stream.write(lines.decode())
        stream.flush()
        return
    rest = memoryview(lines)
    while rest:
        rest = rest[os.write(file, rest) :]


def _loss(dropped: int) -> bytes:
    line = {
        "time": datetime.now(timezone.utc),
        "level": "warning",
        "logger": "serving.log",
        "message": f"{dropped} log lines were dropped, because the log was not read fast enough",
    }
    return orjson.dumps(line) + b"\n"


REQUESTS = LogWriter(lambda: sys.stdout)
"""One line per request, on standard output."""

EVENTS = LogWriter(lambda: sys.stderr)
"""Everything else, on standard error."""
