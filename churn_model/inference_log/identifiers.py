"""Identifiers of customers in an inference log: plain, or as a keyed hash.

The hash is ``pandas.util.hash_array``: SipHash-2-4, a keyed pseudorandom function for short texts,
followed by an invertible mixing of its 64 bits. It takes a fifth of the time of BLAKE2. Of 100
million customers, two have the same hash with a probability of 0.0003. Logs whose files say BLAKE2s
or BLAKE2b are still read.

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
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats
from churn_model.errors import InferenceLogError

if TYPE_CHECKING:
    import pyarrow as pa

PLAIN: Final = "plain"
_SIPHASH: Final = "siphash"
_OLDER: Final[tuple[Callable[..., Any], ...]] = (hashlib.blake2s, hashlib.blake2b)
_OLDER_DIGEST = 16
"""Bytes of an older hash."""

_FINGERPRINTED: Final = "churn inference log key"
"""Its hash, 16 digits, identifies a key without revealing it."""

_UINT64_RANGE = 2.0**64
_KEY = re.compile(r"\s*([0-9a-fA-F]{64})\s*")


def hash_identifier(text: str, key: bytes) -> str:
    """The keyed hash of an identifier, 16 hexadecimal digits."""
    return str(_siphash(np.array([text], np.object_), key)[0].tobytes().hex())


@dataclass(frozen=True)
class Hashes:
    """Keyed hashes of n texts: ``digests`` (n, bytes). ``known`` (n,): False if missing."""

    digests: npt.NDArray[np.uint8]
    known: npt.NDArray[np.bool_]

    def texts(self) -> pa.Array:
        """The hashes (n,) in hexadecimal digits; null where the text is missing."""
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


def as_texts(cells: npt.NDArray[np.object_]) -> pa.Array:
    """Identifiers (n,), None for a missing one, as an Arrow array of strings."""
    import pyarrow as pa

    try:
        return pa.array(cells, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):  # identifiers that are not strings
        return pa.array([None if cell is None else str(cell) for cell in cells], pa.string())


def hash_cells(cells: npt.NDArray[np.object_], key: bytes) -> Hashes:
    """The keyed hash of each identifier.

    ``cells`` (n,): strings, None for a missing one. If any is not a string, ``str`` of each is
    hashed.
    """
    from pandas import notna

    return Hashes(_siphash(cells, key), notna(cells))


def hash_texts(texts: pa.Array, key: bytes) -> Hashes:
    """The keyed hash of each text (n,) of an array of strings."""
    return hash_cells(texts.to_numpy(zero_copy_only=False), key)


def _siphash(cells: npt.NDArray[np.object_], key: bytes) -> npt.NDArray[np.uint8]:
    """The hashes (n, 8) of cells (n,) in bytes; those of their ``str`` if not all are strings."""
    from pandas.util import hash_array

    hashes = hash_array(cells, hash_key=_siphash_key(key), categorize=False)
    digests: npt.NDArray[np.uint8] = hashes.astype(">u8").view(np.uint8).reshape(-1, 8)
    return digests


@lru_cache(maxsize=16)
def _siphash_key(key: bytes) -> str:
    """16 characters of ASCII, which pandas wants: 112 bits of a key of up to 32 bytes."""
    derived = hashlib.blake2s(b"churn inference log identifiers", key=key, digest_size=16).digest()
    return bytes(byte & 127 for byte in derived).decode("ascii")


def _older_hashes(texts: pa.Array, key: bytes, algorithm: Callable[..., Any]) -> Hashes:
    """The keyed hash of each text (n,) as earlier versions wrote it."""
    keyed = algorithm(key=key, digest_size=_OLDER_DIGEST).copy
    digests = []
    for text in texts.to_pylist():
        own = keyed()
        own.update((text or "").encode())
        digests.append(own.digest())
    rows = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, _OLDER_DIGEST)
    return Hashes(rows, texts.is_valid().to_numpy(zero_copy_only=False))


def describe_identifiers(key: bytes | None) -> str:
    """How a file stores identifiers, as its metadata says: ``plain``, or with the fingerprint."""
    return PLAIN if key is None else f"{_SIPHASH}:{hash_identifier(_FINGERPRINTED, key)}"


def hashed_forms(key: bytes | None) -> dict[str, Callable[[pa.Array], Hashes]]:
    """How files describe identifiers hashed with this key, and the hashes of texts (n,) there."""
    if key is None:
        return {}
    forms: dict[str, Callable[[pa.Array], Hashes]] = {
        describe_identifiers(key): partial(hash_texts, key=key)
    }
    for algorithm in _OLDER:
        hashed = algorithm(_FINGERPRINTED.encode(), key=key, digest_size=8)
        older = partial(_older_hashes, key=key, algorithm=algorithm)
        forms[f"{hashed.name}:{hashed.hexdigest()}"] = older
    return forms


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
