"""What the headers of a request say about its body."""

from __future__ import annotations

from email.message import Message

from serving.http.errors import ApiError
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
