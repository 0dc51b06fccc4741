"""Hides passwords and tokens in texts that users and logs see."""

from __future__ import annotations

import re
from collections.abc import Iterable

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
