"""The page's files. All of them are packaged, so the page needs no internet access.

They load without an API key. Where keys are required, the page asks for one, and sends it with
the requests that answer with anything about the model.
"""

from __future__ import annotations

from importlib import resources
from pathlib import PurePosixPath

from serving.http.asgi import Header

_TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}
_START = "page.html"

HEADERS: tuple[Header, ...] = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        b"connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
        b"require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
)
"""The browser runs and loads nothing but these files, and never reads a text as markup."""


def read_files() -> dict[str, tuple[bytes, bytes]]:
    """Content and content type by path: ``/`` and ``/page/...``."""
    folder = resources.files(__package__).joinpath("static")
    return {
        "/" if file.name == _START else f"/page/{file.name}": (
            file.read_bytes(),
            _TYPES[PurePosixPath(file.name).suffix],
        )
        for file in folder.iterdir()
    }
