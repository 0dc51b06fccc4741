"""Names of files that pyarrow and Java cannot open because they are not valid UTF-8."""

from __future__ import annotations

import os

from churn_model.errors import TableError


def check_names(source: str) -> None:
    """Raise TableError for such a name in an input on this machine, or above it.

    Java reads a folder with such a name as an empty one.
    """
    root = os.path.abspath(source.removeprefix("file://"))
    _check(root)
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            _check(os.path.join(folder, name))


def _check(path: str) -> None:
    if not is_utf8_name(path):
        raise TableError(f"{path!a}: the name is not valid UTF-8; rename it")


def is_utf8_name(path: str) -> bool:
    """Whether the bytes of a name are valid UTF-8; Python has surrogates for those that are not."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
