"""The values that folders ``column=value`` give to the rows of the files in them, as in Hive."""

from __future__ import annotations

from urllib.parse import unquote

NULL = "__HIVE_DEFAULT_PARTITION__"
"""The folder's value for null and, as in Hive, for the empty string."""


def folder_values(path: str) -> dict[str, str | None]:
    """The partition that a file belongs to, from its path (with /) below the table's folder."""
    pairs = [part.split("=", 1) for part in path.split("/")[:-1] if "=" in part]
    return {unquote(name): None if text == NULL else unquote(text) for name, text in pairs}
