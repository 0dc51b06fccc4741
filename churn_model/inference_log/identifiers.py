"""Identifiers of customers in an inference log: plain, or as a keyed hash.

The hash is BLAKE2s, which takes half the time of BLAKE2b for texts of up to 64 bytes. Logs whose
files say BLAKE2b are still read.

Whoever has the key can compute the hash of a known identifier, and so join the log with other
tables. Without the key neither the identifiers nor the link to other tables can be recovered.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats
from churn_model.errors import InferenceLogError

if TYPE_CHECKING:
    import pyarrow as pa

PLAIN: Final = "plain"
_DIGEST = 16
"""Bytes of a hash."""

_BLAKE2S: Callable[..., Any] = hashlib.blake2s
_BLAKE2B: Callable[..., Any] = hashlib.blake2b

_UINT64_RANGE = 2.0**64
_KEY = re.compile(r"\s*([0-9a-fA-F]{64})\s*")


def hash_identifier(text: str, key: bytes) -> str:
    """The keyed hash of an identifier, 32 hexadecimal digits."""
    return hashlib.blake2s(text.encode(), key=key, digest_size=_DIGEST).hexdigest()


@dataclass(frozen=True)
class Hashes:
    """Keyed hashes of n texts: ``digests`` (n, 16), bytes. ``known`` (n,): False if missing."""

    digests: npt.NDArray[np.uint8]
    known: npt.NDArray[np.bool_]

    def texts(self) -> pa.Array:
        """The hashes (n,) as ``hash_identifier`` gives them; null where the text is missing."""
        import pyarrow as pa

        n, width = self.digests.shape
        digits = self.digests.tobytes().hex().encode()
        ends = np.arange(n + 1, dtype=np.int32) * (2 * width)
        valid = np.packbits(self.known, bitorder="little")
        buffers = [pa.py_buffer(buffer) for buffer in (valid, ends, digits)]
        return pa.Array.from_buffers(pa.string(), n, buffers)

    def fractions(self) -> Floats:
        """A number (n,) from 0 to 1 for each hash, uniform over different texts."""
        first = self.digests[:, :8].copy().view(">u8")[:, 0]
        fractions: Floats = first.astype(np.float64) / _UINT64_RANGE
        return fractions


def hash_texts(texts: pa.Array, key: bytes, algorithm: Callable[..., Any] = _BLAKE2S) -> Hashes:
    """The keyed hash of each text (n,) of an array of strings."""
    keyed = algorithm(key=key, digest_size=_DIGEST).copy  # faster than to read the key each time
    _, offsets, data = texts.buffers()
    view = memoryview(data if data is not None else b"")
    ends = np.frombuffer(offsets, np.int32, len(texts) + 1, texts.offset * 4).tolist()
    digests = []
    start = ends[0]
    for end in ends[1:]:
        own = keyed()
        own.update(view[start:end])
        digests.append(own.digest())
        start = end
    known = np.asarray(texts.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)
    return Hashes(np.frombuffer(b"".join(digests), np.uint8).reshape(-1, _DIGEST), known)


def describe_identifiers(key: bytes | None) -> str:
    """How a file stores identifiers, as its metadata says: ``plain``, or with the fingerprint."""
    return PLAIN if key is None else _describe(key, _BLAKE2S)


def hashed_forms(key: bytes | None) -> dict[str, Callable[[pa.Array], Hashes]]:
    """How files describe identifiers hashed with this key, and the hashes of texts (n,) there."""
    if key is None:
        return {}
    return {
        _describe(key, algorithm): partial(hash_texts, key=key, algorithm=algorithm)
        for algorithm in (_BLAKE2S, _BLAKE2B)
    }


def _describe(key: bytes, algorithm: Callable[..., Any]) -> str:
    """The name of the algorithm, and 16 digits that identify the key without revealing it."""
    hashed = algorithm(b"churn inference log key", key=key, digest_size=8)
    return f"{hashed.name}:{hashed.hexdigest()}"


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
