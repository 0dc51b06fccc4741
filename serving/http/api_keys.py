"""API keys: named clients, stored as hashes in a TOML file."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from churn_model.errors import InvalidParameter, TableError
from churn_model.toml_file import read_toml

_logger = logging.getLogger("serving.keys")

_SCHEME = "sha256:"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RELOAD_SECONDS = 2.0


class StoredKey(BaseModel):
    """The hash of a key, and the last day (UTC) on which the key is valid; None for no end."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hash: str
    expires: date | None = None


Clients = Mapping[str, Sequence[StoredKey]]
"""The keys of each client by name. A client has two while its key is being replaced."""


class ApiKeys:
    """The clients that may call.

    A key has 256 random bits, so a plain SHA-256 of it cannot be reversed. A lookup compares all
    hashes, each in constant time, so that its duration reveals nothing about them.
    """

    def __init__(self, clients: Clients) -> None:
        self._keys: list[tuple[str, bytes, float]] = []
        for name, stored in clients.items():
            if not _NAME.fullmatch(name):
                raise InvalidParameter(
                    f"client {name!r}: a name consists of 1 to 64 letters, digits, - and _"
                )
            self._keys += [(name, _digest(name, each), _end(each.expires)) for each in stored]

    def __bool__(self) -> bool:
        return bool(self._keys)

    def client(self, key: bytes) -> str | None:
        """The name of the client that a key belongs to, None for an unknown or expired key."""
        name, end = self._find(key)
        return name if end > time.time() else None

    def has_expired(self, key: bytes) -> bool:
        """Whether the key was valid once."""
        name, end = self._find(key)
        return name is not None and end <= time.time()

    def _find(self, key: bytes) -> tuple[str | None, float]:
        digest = hashlib.sha256(key).digest()
        found: tuple[str | None, float] = None, 0.0
        for name, stored, end in self._keys:
            if hmac.compare_digest(digest, stored) and end >= found[1]:
                found = name, end
        return found


def _digest(name: str, stored: StoredKey) -> bytes:
    if not re.fullmatch(_SCHEME + "[0-9a-f]{64}", stored.hash):
        raise InvalidParameter(
            f"client {name}: the key must be stored as {_SCHEME}<64 hex digits>; make one with "
            "`churn keys`"
        )
    return bytes.fromhex(stored.hash.removeprefix(_SCHEME))


def _end(expires: date | None) -> float:
    """The first second at which the key is invalid."""
    if expires is None or expires == date.max:
        return float("inf")
    midnight = datetime(expires.year, expires.month, expires.day, tzinfo=timezone.utc)
    return (midnight + timedelta(days=1)).timestamp()


def _as_list(value: Any) -> Any:
    """A hash, a table with a hash, or a list of these -> a list of tables."""
    entries = value if isinstance(value, list) else [value]
    return [{"hash": each} if isinstance(each, str) else each for each in entries]


class _KeysFile(BaseModel):
    keys: dict[str, Annotated[list[StoredKey], BeforeValidator(_as_list)]] = {}


def load_keys(file: Path | None, pairs: Iterable[str] = ()) -> ApiKeys:
    """The keys of a file and of ``name=sha256:...`` pairs. Raises InvalidParameter."""
    clients = _read(file) if file is not None else {}
    if file is not None and not any(clients.values()):
        raise InvalidParameter(
            f"{file}: contains no keys; make one with `churn keys NAME --file {file}`"
        )
    for pair in pairs:
        name, _, stored = pair.partition("=")
        clients.setdefault(name, []).append(StoredKey(hash=stored))
    return ApiKeys(clients)


class ReloadedKeys:
    """The API keys of a file, which is read again when it changes, and of pairs.

    Raises InvalidParameter. A file that has become invalid leaves the keys as they were.
    """

    def __init__(self, file: Path | None, pairs: Iterable[str] = ()) -> None:
        self._file = file
        self._pairs = tuple(pairs)
        self._state = self._file_state()
        self.current = load_keys(file, self._pairs)

    async def watch(self, on_failure: Callable[[], None]) -> None:
        """Look for changes of the file every two seconds, until cancelled."""
        while self._file is not None:
            await asyncio.sleep(_RELOAD_SECONDS)
            state = self._file_state()
            if state == self._state:
                continue
            self._state = state
            try:
                self.current = load_keys(self._file, self._pairs)
                _logger.info("the API keys were read again from %s", self._file)
            except Exception as error:  # whatever is in the file, the next version is read again
                reason = error if isinstance(error, InvalidParameter) else type(error).__name__
                _logger.warning("the API keys were not read again: %s", reason)
                on_failure()

    def _file_state(self) -> tuple[int, int, int] | None:
        """What changes when the file is edited or replaced; None if it cannot be read."""
        try:
            status = os.stat(self._file) if self._file is not None else None
        except OSError:
            return None
        return status and (status.st_mtime_ns, status.st_size, status.st_ino)


def _read(file: Path) -> dict[str, list[StoredKey]]:
    try:
        return read_toml(file, _KeysFile).keys
    except TableError as error:
        raise InvalidParameter(str(error)) from None


def make(expires: date | None = None) -> tuple[str, StoredKey]:
    """A new key, and what is stored of it."""
    key = f"churn_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    return key, StoredKey(hash=_SCHEME + digest, expires=expires)


def add(file: Path, name: str, expires: date | None = None) -> str:
    """Make a key for a client, store its hash in the file, and return the key.

    The client's other keys stay valid. Raises InvalidParameter if the name is invalid, or if the
    file cannot be written.
    """
    try:
        clients = _read(file) if file.exists() else {}
        key, stored = make(expires)
        clients[name] = [*clients.get(name, []), stored]
        ApiKeys(clients)  # checks the names
        _write(file, clients)
    except FileNotFoundError:
        raise InvalidParameter(f"{file}: the folder {file.parent} does not exist") from None
    except OSError as error:
        raise InvalidParameter(f"{file}: cannot be written ({error.strerror})") from None
    return key


def _write(file: Path, clients: Clients) -> None:
    """Replace the file in one step; only its owner can read it."""
    partial = file.with_name(file.name + ".partial")
    lines = "".join(f"{name} = {_written(stored)}\n" for name, stored in clients.items())
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with open(handle, "w", encoding="utf-8") as out:
            out.write(f"# client = hashes of its keys\n[keys]\n{lines}")
        partial.replace(file)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _written(stored: Sequence[StoredKey]) -> str:
    """A client's keys in TOML."""
    tables = [
        f'"{each.hash}"'
        if each.expires is None
        else f'{{ hash = "{each.hash}", expires = {each.expires} }}'
        for each in stored
    ]
    return tables[0] if len(tables) == 1 else "[\n    " + ",\n    ".join(tables) + ",\n]"
