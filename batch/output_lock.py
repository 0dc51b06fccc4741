"""A lock on an output, which ends with its process, however that ends."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass

from churn_model.errors import BatchError
from churn_model.file_lock import open_locked


@dataclass(frozen=True)
class OutputLock:
    """A locked file next to an output (``file``, open as ``descriptor``).

    The kernel releases the lock when the process ends. Other processes are not blocked from the
    output itself: every run has to take the lock first.
    """

    file: str
    descriptor: int

    @classmethod
    def acquire(cls, output: str) -> OutputLock:
        """Lock an output on this machine's file system, whose parent folder exists.

        Raises BatchError if another run has locked it, and OSError if there can be no such file.
        """
        folder, name = os.path.split(output)
        file = os.path.join(folder, f".{name}.churn-score-lock")
        while True:
            try:
                descriptor = open_locked(file, wait=False)
            except BlockingIOError:
                raise BatchError(
                    f"{output}: another run is writing to it; wait until that run has ended"
                ) from None
            if _is_open_file(file, descriptor):
                return cls(file, descriptor)
            os.close(descriptor)  # the run that held the lock has just removed the file

    def release(self) -> None:
        """Remove the file and end the lock."""
        with suppress(OSError):  # an unlocked file does no harm
            if _is_open_file(self.file, self.descriptor):
                os.unlink(self.file)
        os.close(self.descriptor)


def _is_open_file(file: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(file), os.fstat(descriptor))
    except FileNotFoundError:
        return False
