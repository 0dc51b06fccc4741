"""Identifiers of customers in an inference log: plain, or as a keyed hash.

Whoever has the key can compute the hash of a known identifier, and so join the log with other
tables. Without the key neither the identifiers nor the link to other tables can be recovered.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from churn_model.errors import InferenceLogError

PLAIN: Final = "plain"
_HASHED: Final = "blake2b:"
_KEY = re.compile(r"\s*([0-9a-fA-F]{64})\s*")


def hash_identifier(text: str, key: bytes) -> str:
    """The keyed hash of an identifier, 32 hexadecimal digits."""
    return hashlib.blake2b(text.encode(), key=key, digest_size=16).hexdigest()


def hash_identifiers(texts: Iterable[str | None], key: bytes) -> list[str | None]:
    """The keyed hash of each identifier; None where it is missing."""
    keyed = hashlib.blake2b(key=key, digest_size=16).copy  # faster than to read the key each time
    hashes: list[str | None] = []
    for text in texts:
        if text is None:
            hashes.append(None)
            continue
        own = keyed()
        own.update(text.encode())
        hashes.append(own.hexdigest())
    return hashes


def describe_identifiers(key: bytes | None) -> str:
    """How a file stores identifiers, as its metadata says: ``plain``, or with the fingerprint."""
    return PLAIN if key is None else _HASHED + fingerprint(key)


def fingerprint(key: bytes) -> str:
    """16 hexadecimal digits that identify a key without revealing it."""
    return hashlib.blake2b(b"churn inference log key", key=key, digest_size=8).hexdigest()


def read_key(file: str | Path) -> bytes:
    """The key (32 bytes) in a file of 64 hexadecimal digits. Raises InferenceLogError."""
    try:
        text = Path(file).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not text"
        raise InferenceLogError(
            f"{file}: the key of the inference log cannot be read ({reason})"
        ) from None
    match = _KEY.fullmatch(text)
    if match is None:
        raise InferenceLogError(
            f"{file}: is not a key of an inference log, which has 64 hexadecimal digits; remove "
            "the file to have a new key made"
        )
    return bytes.fromhex(match[1])


def read_or_make_key(file: str | Path) -> bytes:
    """The key in a file, which is made, readable by its owner only, if there is none.

    Of several processes that start at once, all get the same key. Raises InferenceLogError.
    """
    file = Path(file)
    if not os.path.lexists(file):
        _make_key(file)
    return read_key(file)


def _make_key(file: Path) -> None:
    """Write a key aside, and give it its name unless another process was faster."""
    aside = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(32) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileExistsError):
            os.link(aside, file)
    except OSError as error:
        raise InferenceLogError(
            f"{file}: the key of the inference log cannot be made ({error.strerror}); choose a "
            "file in a folder that can be written"
        ) from None
    finally:
        with suppress(OSError):
            aside.unlink()
