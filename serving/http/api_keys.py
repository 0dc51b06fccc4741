"""API keys: named clients, stored as hashes in a TOML file."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel

from churn_model.errors import InvalidParameter, TableError
from churn_model.toml_file import read_toml

_SCHEME = "sha256:"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ApiKeys:
    """The clients that may call.

    A key has 256 random bits, so a plain SHA-256 of it cannot be reversed. A lookup compares all
    hashes, each in constant time, so that its duration reveals nothing about them.
    """

    def __init__(self, clients: Mapping[str, str]) -> None:
        for name, stored in clients.items():
            if not _NAME.fullmatch(name):
                raise InvalidParameter(
                    f"client {name!r}: a name consists of 1 to 64 letters, digits, - and _"
                )
            if not re.fullmatch(_SCHEME + "[0-9a-f]{64}", stored):
                raise InvalidParameter(
                    f"client {name}: the key must be stored as {_SCHEME}<64 hex digits>; make one "
                    "with `churn keys`"
                )
        self._clients = [(n, bytes.fromhex(s.removeprefix(_SCHEME))) for n, s in clients.items()]

    def __bool__(self) -> bool:
        return bool(self._clients)

    def client(self, key: bytes) -> str | None:
        """The name of the client that a key belongs to, None for an unknown key."""
        digest = hashlib.sha256(key).digest()
        client = None
        for name, stored in self._clients:
            if hmac.compare_digest(digest, stored):
                client = name
        return client


class _KeysFile(BaseModel):
    keys: dict[str, str] = {}


def load_keys(file: Path | None, pairs: Iterable[str] = ()) -> ApiKeys:
    """The keys of a file and of ``name=sha256:...`` pairs. Raises InvalidParameter."""
    clients = _read(file) if file is not None else {}
    for pair in pairs:
        name, _, stored = pair.partition("=")
        clients[name] = stored
    if file is not None and not clients:
        raise InvalidParameter(
            f"{file}: contains no keys; make one with `churn keys NAME --file {file}`"
        )
    return ApiKeys(clients)


def _read(file: Path) -> dict[str, str]:
    try:
        return read_toml(file, _KeysFile).keys
    except TableError as error:
        raise InvalidParameter(str(error)) from None


def make() -> tuple[str, str]:
    """A new key, and the hash as which it is stored."""
    key = f"churn_{secrets.token_urlsafe(32)}"
    return key, _SCHEME + hashlib.sha256(key.encode()).hexdigest()


def add(file: Path, name: str) -> str:
    """Make a key for a client, store its hash in the file, and return the key.

    Raises InvalidParameter if the name is invalid or already has a key, or if the file cannot be
    written.
    """
    try:
        clients = _read(file) if file.exists() else {}
        if name in clients:
            raise InvalidParameter(
                f"{file}: {name} already has a key; remove its line to make a new one"
            )
        key, stored = make()
        ApiKeys({name: stored})  # checks the name
        _write(file, {**clients, name: stored})
    except FileNotFoundError:
        raise InvalidParameter(f"{file}: the folder {file.parent} does not exist") from None
    except OSError as error:
        raise InvalidParameter(f"{file}: cannot be written ({error.strerror})") from None
    return key


def _write(file: Path, clients: Mapping[str, str]) -> None:
    """Replace the file in one step; only its owner can read it."""
    partial = file.with_name(file.name + ".partial")
    lines = "".join(f'{name} = "{stored}"\n' for name, stored in clients.items())
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with open(handle, "w", encoding="utf-8") as out:
            out.write(f"# client = hash of its key\n[keys]\n{lines}")
        partial.replace(file)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
