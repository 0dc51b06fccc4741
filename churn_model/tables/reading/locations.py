"""Where a table's files are: a file, a folder or a pattern, on this machine or behind a URL."""

from __future__ import annotations

import os
import re
from functools import lru_cache

import pyarrow as pa
from pyarrow.fs import FileSelector, FileSystem, LocalFileSystem

from churn_model.errors import TableError, first_line
from churn_model.tables.reading.file_names import check_names
from churn_model.tables.reading.source import FileFormat, format_of

_IGNORED = re.compile("(^|/)[_.]")
"""The start of the name of a file or folder that readers ignore."""

_WILDCARD = re.compile(r"[*?\[]")
_WILDCARD_OF_URL = re.compile(r"[*\[]")  # a question mark starts the options of a URL
_TOKENS = re.compile(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])")
_TOKEN = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def is_url(source: str) -> bool:
    """Whether a source is in a file system that its scheme names."""
    return "://" in source


def is_pattern(source: str) -> bool:
    """Whether a source is a pattern such as ``customers/*.parquet``."""
    if is_url(source):
        return _WILDCARD_OF_URL.search(source.partition("?")[0]) is not None
    return _WILDCARD.search(source) is not None and not os.path.exists(source)


def file_system(source: str) -> tuple[FileSystem, str]:
    """The file system of a source, and its path there.

    pyarrow has S3, GCS, Azure and HDFS; other schemes need fsspec and its package for the scheme.
    Raises TableError if there is none for the scheme.
    """
    if not is_url(source):
        return LocalFileSystem(), source
    try:
        return _from_url(source)
    except ImportError as error:
        scheme = source.partition("://")[0]
        reason = first_line(error)
        raise TableError(
            f"{source}: no file system for {scheme}:// is installed ({reason}); install fsspec and "
            "the package that it needs for this scheme"
        ) from None


@lru_cache(maxsize=8)
def _from_url(source: str) -> tuple[FileSystem, str]:
    try:
        found: tuple[FileSystem, str] = FileSystem.from_uri(source)
    except pa.ArrowInvalid as error:
        if "Unrecognized filesystem type" not in str(error):
            raise
        try:
            found = FileSystem.from_uri(f"fsspec+{source}")
        except ValueError as unknown:  # fsspec's error for a scheme that it does not know
            raise ImportError(first_line(unknown)) from None
    return found


def root_of(source: str) -> str:
    """The source without its pattern: the folder below which the files are."""
    if not is_pattern(source):
        return source
    path, mark, options = source.partition("?") if is_url(source) else (source, "", "")
    wildcard = _WILDCARD_OF_URL if is_url(source) else _WILDCARD
    match = wildcard.search(path)
    fixed = path[: match.start()] if match else path
    folder = fixed.rpartition("/")[0] or ("/" if fixed.startswith("/") else ".")
    return folder + mark + options


def file_names(source: str) -> list[str]:
    """The files of a table that readers do not ignore, in the order of their names.

    Raises TableError if they cannot be listed, or if no file matches a pattern.
    """
    try:
        system, path = file_system(root_of(source))
        if system.get_file_info(path).is_file:
            return [path]
        found = system.get_file_info(FileSelector(path, recursive=True))
        files = sorted(info.path for info in found if info.is_file)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        check_names(root_of(source))  # names the file that pyarrow cannot
        raise TableError(f"{source}: cannot be read ({first_line(error)})") from None
    below = len(path.rstrip("/")) + 1
    files = [file for file in files if not _IGNORED.search(file[below:])]
    return _matching(source, path, files) if is_pattern(source) else files


def format_of_files(source: str) -> FileFormat:
    """The format that a table's name implies, or else, for a local folder, that of all its files.

    Raises TableError if the files of the folder cannot be listed.
    """
    by_name = format_of(source)
    if by_name != "parquet" or is_url(source) or not os.path.isdir(source):
        return by_name
    formats = {format_of(file) for file in file_names(source)}
    return formats.pop() if len(formats) == 1 else by_name


def _matching(source: str, root: str, files: list[str]) -> list[str]:
    """The files that match the rest of a pattern; ``*`` does not match a slash, ``**`` does."""
    plain = source.partition("?")[0] if is_url(source) else source
    folder = root_of(source).partition("?")[0] if is_url(source) else root_of(source)
    rest = plain.removeprefix(folder).lstrip("/")
    pattern = re.compile(_expression(rest))
    matches = [file for file in files if pattern.match(file.removeprefix(root).lstrip("/"))]
    if not matches:
        raise TableError(f"{source}: no file matches this pattern")
    return matches


def _expression(pattern: str) -> str:
    """A pattern as a regular expression."""
    parts = _TOKENS.split(pattern)
    return "".join(_TOKEN.get(part) or _class_or_text(part) for part in parts) + r"\Z"


def _class_or_text(part: str) -> str:
    is_class = _TOKENS.fullmatch(part) is not None
    return part.replace("[!", "[^") if is_class else re.escape(part)
