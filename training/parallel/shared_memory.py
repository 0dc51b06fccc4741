"""One object for all worker processes, whose arrays they share instead of copying them."""

from __future__ import annotations

import mmap
import pickle
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.reduction import DupFd
from typing import Any

from churn_model.errors import TrainingError

_ALIGNMENT = 64  # bytes


class SharedObject:
    """An object in a memory-mapped temporary file.

    The file has no name from the start, so nothing remains of it, however the processes end. A copy
    of this class in a worker process refers to the same file. Numpy arrays are not copied (pickle
    protocol 5); what a process writes to them stays its own.
    """

    def __init__(self, value: object) -> None:
        buffers: list[pickle.PickleBuffer] = []
        pickled = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        parts = [memoryview(pickled), *(buffer.raw() for buffer in buffers)]
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._descriptor = self._file.fileno()
        self._parts: list[tuple[int, int]] = []
        try:
            self._write(parts)
        except OSError as error:
            with suppress(OSError):  # closing tries to write the rest
                self.close()
            raise TrainingError(
                f"the table cannot be written to {tempfile.gettempdir()} for the worker processes "
                f"({error.strerror}); name another folder with the environment variable TMPDIR, "
                "or use --jobs 1"
            ) from None

    def _write(self, parts: Sequence[memoryview]) -> None:
        for part in parts:
            start = -(-self._file.tell() // _ALIGNMENT) * _ALIGNMENT
            self._file.seek(start)
            self._file.write(part)
            self._parts.append((start, self._file.tell()))
        self._file.flush()

    def load(self) -> Any:
        """The object."""
        mapped = memoryview(mmap.mmap(self._descriptor, 0, access=mmap.ACCESS_COPY))
        pickled, *buffers = (mapped[start:end] for start, end in self._parts)
        return pickle.loads(pickled, buffers=buffers)

    def close(self) -> None:
        """Close the file; objects that were loaded stay valid."""
        self._file.close()

    def __getstate__(self) -> dict[str, Any]:
        """For a process that is being started."""
        return {"descriptor": DupFd(self._descriptor), "parts": self._parts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._descriptor, self._parts = state["descriptor"].detach(), state["parts"]
