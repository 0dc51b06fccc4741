"""Media type and encoding of a request body, and how many objects and lists it may have."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from email.message import Message

import numpy as np
import numpy.typing as npt

from serving.http.errors import ApiError, too_large
from serving.http.request_context import RequestContext


def media_type(context: RequestContext) -> str:
    """The media type of the body, in lower case and without parameters.

    Raises ApiError 415 if the parameter ``charset`` is not UTF-8; other parameters are ignored.
    """
    content_type = context.headers.get(b"content-type", b"")
    if content_type == b"application/json":
        return "application/json"  # nearly all requests
    header = Message()
    header["content-type"] = content_type.decode("latin-1")
    charset = header.get_content_charset("utf-8")
    if charset not in ("utf-8", "utf8"):
        raise ApiError(415, "the body must be encoded in UTF-8")
    return header.get_content_type()


def is_gzip(context: RequestContext) -> bool:
    """Whether the body is compressed with gzip. Raises ApiError 415 for any other encoding."""
    encoding = context.headers.get(b"content-encoding")
    if encoding is None:
        return False  # nearly all requests
    encoding = encoding.strip().lower()
    if encoding in (b"gzip", b"x-gzip"):
        return True
    if encoding in (b"", b"identity"):
        return False
    raise ApiError(
        415,
        "the only Content-Encoding accepted is gzip",
        headers=[(b"accept-encoding", b"gzip")],
    )


_SMALL = 4096
"""Bytes up to which ``bytes.count`` is faster than numpy."""

_PART = 2**17
"""Bytes that numpy counts at once; larger parts take up to five times longer per byte."""


def count_brackets(body: bytes) -> int:
    """How many ``{`` and ``[`` a body has, also in texts: at least its JSON objects and lists."""
    if len(body) <= _SMALL:
        return body.count(b"{") + body.count(b"[")
    as_brace = np.uint8(ord("{") - ord("["))
    return sum(int(np.count_nonzero((part | as_brace) == ord("{"))) for part in _parts(body))


def count_commas(body: bytes) -> int:
    """How many commas a body has, also in texts: about as many as its values in JSON."""
    if len(body) <= _SMALL:
        return body.count(b",")
    return sum(int(np.count_nonzero(part == ord(","))) for part in _parts(body))


def _parts(body: bytes) -> Iterator[npt.NDArray[np.uint8]]:
    """The bytes of a body in parts, whose copies stay in the processor's cache."""
    whole = np.frombuffer(body, np.uint8)
    return (whole[i : i + _PART] for i in range(0, len(whole), _PART))


_MAGIC = b"\x1f\x8b\x08"
_MOST_PARTS = 100
_BYTES_PER_CHANCE = 2**20  # compressed data contains the magic number by chance, every 16 MiB


def decompress(body: bytes, max_bytes: int) -> bytes:
    """The content of a gzip body; at most ``max_bytes`` (and a buffer) are decompressed.

    Raises ApiError 413 for more, and 400 for a body that is not gzip, is cut off, or may have more
    than a hundred parts: each part of a gzip file, even an empty one, takes time.
    """
    if body.count(_MAGIC) > _MOST_PARTS + len(body) // _BYTES_PER_CHANCE:
        raise ApiError(400, "the gzip body has too many parts; compress it as one")
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            content = file.read(max_bytes + 1)
    except (OSError, EOFError, zlib.error):
        raise ApiError(400, "the body is not valid gzip, as its Content-Encoding says") from None
    if len(content) > max_bytes:
        raise too_large(max_bytes)
    return content
