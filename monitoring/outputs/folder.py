"""The output folder: all files of a run are written aside, and then renamed together."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EISDIR
from pathlib import Path

from churn_model.errors import MonitoringError
from churn_model.file_lock import SUPPORTED, open_locked

_LOCK = ".churn-monitor-lock"
_ASIDE = ".churn-monitor-"


@contextmanager
def output_folder(folder: Path) -> Iterator[Path]:
    """Lock an output folder, which is created, and yield a folder in it for the new files.

    When the block ends, the files replace those of an earlier run, in the order of their names; if
    it raises, they are removed. Raises MonitoringError if another run is writing to the folder, or
    if it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    with _locked(folder):
        try:
            _remove_leftovers(folder)
            aside = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=folder))
        except OSError as error:
            raise _unwritable(folder, error) from None
        try:
            yield aside
            _publish(aside, folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _publish(aside: Path, folder: Path) -> None:
    try:
        files = sorted(aside.iterdir())
        for file in files:  # before any is replaced, so that two runs are never mixed
            if (folder / file.name).is_dir():
                raise IsADirectoryError(EISDIR, f"{file.name} is a folder")
        for file in files:
            os.replace(file, folder / file.name)
    except OSError as error:
        raise _unwritable(folder, error) from None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    if not SUPPORTED:
        yield
        return
    try:
        descriptor = open_locked(folder / _LOCK, wait=False)
    except BlockingIOError:
        raise MonitoringError(
            f"{folder}: another run is writing to it; wait until that run has ended"
        ) from None
    except OSError as error:
        raise _unwritable(folder, error) from None
    try:
        yield
    finally:
        os.close(descriptor)


def _remove_leftovers(folder: Path) -> None:
    """Remove what runs that were killed left behind."""
    for path in folder.glob(f"{_ASIDE}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> MonitoringError:
    reason = error.strerror or str(error)
    return MonitoringError(f"{folder}: cannot be written ({reason}); name another --output")
