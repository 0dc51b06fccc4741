"""Hides passwords and tokens in texts that users and logs see."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

HIDDEN = "***"

_PARAMETER = re.compile(
    r"(?<![\w.-])"
    r"((?:[\w.-]*(?:passw(?:or)?d|pwd|token|secret|signature|credential|(?:api|access)[_-]?key)[\w.-]*"
    r"|auth|key|sig)=)"
    r"[^&\s\"']+",
    re.IGNORECASE,
)
"""A query parameter, or a part of a connection string, whose value is secret."""

_USER_INFO = re.compile(
    r"(?<![\w+.-])(?!(?:file|sqlite):///)([a-z][a-z0-9+.-]*://)[^\s\"<>]*@", re.IGNORECASE
)
"""A URI up to its last ``@``, because a password that is not percent-encoded may contain any of
``@``, ``/``, ``:``, ``?`` and ``#``. Files and SQLite databases have a path in this place."""


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text with ``***`` in place of the secrets and of all credentials in URIs.

    Hides the user name and password of each URI, and query parameters such as ``password`` and
    ``token``. If a URI without credentials contains an ``@``, everything before it is hidden too.
    """
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    text = _PARAMETER.sub(rf"\1{HIDDEN}", text)
    return _USER_INFO.sub(rf"\1{HIDDEN}@", text)


def redact_uri(uri: str) -> str:
    """A URI without its credentials, also if they contain whitespace or quotes."""
    return redact(re.sub(r"[\s\"'<>]", "\0", uri)).replace("\0", " ")


def passwords_in(uri: str) -> list[str]:
    """The password in a URI, as it is written there and decoded; empty if it has none.

    A password of fewer than four characters is left out: hidden wherever it occurs, it would make
    a text unreadable.
    """
    found = re.match(r"[^:/]*://[^:@/]*:(.*)@", uri)
    written = found[1] if found else ""
    return [text for text in dict.fromkeys((written, unquote(written))) if len(text) >= 4]


def is_ambiguous(uri: str) -> bool:
    """Whether credentials in a URI may contain a character that must be percent-encoded.

    Libraries then take a part of the password for the host, and show it in their messages.
    """
    scheme, _, rest = uri.partition("://")
    if scheme in ("sqlite", "file") or "@" not in rest:
        return False
    authority = re.split(r"[/?#]", rest)[0]
    return rest.count("@") > 1 or "@" not in authority
