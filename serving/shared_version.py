"""The model version that all workers of a server have agreed to serve."""

from __future__ import annotations

from pathlib import Path

from churn_model.file_lock import locked


class SharedVersion:
    """A version number in a file of the folder that the workers of one server share.

    ``name``: of the file, one for each thing that they agree on.
    Whether a new version may be served depends on the version before it. Without an agreement, a
    worker that has just started would serve a version that the others have rejected.
    """

    def __init__(self, folder: Path, name: str = "version") -> None:
        self._file = folder / name

    def read(self) -> str | None:
        """The agreed version; None before the first."""
        try:
            return self._file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def settle(self, version: str) -> str:
        """Agree on a version unless there is an agreement already; returns the agreed version."""
        self.replace(None, version)
        return self.read() or version

    def replace(self, current: str | None, new: str) -> bool:
        """Agree on a new version, unless another worker has replaced ``current`` already."""
        with locked(self._file.with_suffix(".lock"), mode=0o600):
            if self.read() != current:
                return False
            partial = self._file.with_suffix(".partial")
            partial.write_text(new, encoding="utf-8")
            partial.replace(self._file)
            return True
