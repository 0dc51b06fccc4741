"""Checks the parameters of ``ChurnClient``. No message contains a URL or a key."""

from __future__ import annotations

from urllib.parse import urlsplit

from churn_model.errors import InvalidParameter


def checked_url(url: str) -> str:
    """The server's URL without a slash at its end. Raises InvalidParameter."""
    url = url.strip()
    if not _is_server_url(url):
        raise InvalidParameter(
            "the URL of the server is invalid; it must look like https://host:8000, without a "
            "query, and special characters in a user name or password must be percent-encoded"
        )
    return url.rstrip("/")


def _is_server_url(url: str) -> bool:
    if not url.isprintable() or " " in url or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError
    except ValueError:
        return False
    has_server = parts.scheme in ("http", "https") and bool(parts.hostname)
    return has_server and "?" not in url and "#" not in url


def checked_key(key: str | None) -> str | None:
    """The API key without surrounding whitespace, such as a newline. Raises InvalidParameter."""
    if key is None:
        return None
    key = key.strip()
    if not key:
        raise InvalidParameter("the API key is empty; pass None to a server without keys")
    if not key.isprintable() or not _is_latin_1(key):
        raise InvalidParameter(
            "the API key contains characters that cannot be sent in an HTTP header; copy it again"
        )
    return key


def _is_latin_1(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def check_numbers(
    timeout: float | tuple[float, float], retries: int, max_wait: float, chunk_rows: int
) -> None:
    """Raise InvalidParameter for a number outside its range."""
    timeouts = timeout if isinstance(timeout, tuple) else (timeout,)
    if not all(seconds > 0 for seconds in timeouts):
        raise InvalidParameter("timeout must be more than 0 seconds")
    if retries < 0:
        raise InvalidParameter("retries must be at least 0")
    if not max_wait >= 0:
        raise InvalidParameter("max_wait must be at least 0 seconds")
    if chunk_rows < 1:
        raise InvalidParameter("chunk_rows must be at least 1")
