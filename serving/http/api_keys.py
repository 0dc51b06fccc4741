"""API keys: named clients, stored as hashes in a TOML file."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from churn_model.errors import InvalidParameter

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_SCHEME = "sha256:"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ApiKeys:
    """The clients that may call.

    A key has 256 random bits, so a plain SHA-256 of it cannot be guessed back. All hashes are
    compared, each in constant time, so that the time taken says nothing about any of them.
    """

    def __init__(self, clients: Mapping[str, str]) -> None:
        for name, stored in clients.items():
            if not _NAME.fullmatch(name):
                raise InvalidParameter(f"client {name!r}: a name has letters, digits, - and _")
            if not re.fullmatch(_SCHEME + "[0-9a-f]{64}", stored):
                raise InvalidParameter(f"client {name}: its key is not stored as {_SCHEME}<64 hex>")
        self._clients = [(n, bytes.fromhex(s.removeprefix(_SCHEME))) for n, s in clients.items()]

    def __bool__(self) -> bool:
        return bool(self._clients)

    def client(self, key: bytes) -> str | None:
        """The client that a key belongs to, None for nobody's."""
        digest = hashlib.sha256(key).digest()
        found = None
        for name, stored in self._clients:
            if hmac.compare_digest(digest, stored):
                found = name
        return found


def load_keys(file: Path | None, pairs: Iterable[str] = ()) -> ApiKeys:
    """ApiKeys of a file and of ``name=sha256:...`` pairs. Raises InvalidParameter with one line."""
    clients = _read(file) if file is not None else {}
    for pair in pairs:
        name, _, stored = pair.partition("=")
        clients[name] = stored
    if file is not None and not clients:
        raise InvalidParameter(f"{file}: holds no keys; make one with python -m serving.keys")
    return ApiKeys(clients)


def _read(file: Path) -> dict[str, str]:
    try:
        clients = tomllib.loads(file.read_text(encoding="utf-8")).get("keys", {})
    except OSError as error:
        raise InvalidParameter(f"{file}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise InvalidParameter(f"{file}: is no TOML ({error})") from None
    if not isinstance(clients, dict) or not all(isinstance(s, str) for s in clients.values()):
        raise InvalidParameter(f'{file}: [keys] holds lines of name = "{_SCHEME}..."')
    return dict(clients)


def make() -> tuple[str, str]:
    """A new key, and how it is stored."""
    key = f"churn_{secrets.token_urlsafe(32)}"
    return key, _SCHEME + hashlib.sha256(key.encode()).hexdigest()


def add(file: Path, name: str) -> str:
    """Make a key for a client, store its hash in the file, return the key.

    Raises InvalidParameter for a name that is none, or that has a key already.
    """
    clients = _read(file) if file.exists() else {}
    if name in clients:
        raise InvalidParameter(f"{file}: {name} has a key; take the line out to make another")
    key, stored = make()
    ApiKeys({name: stored})
    lines = "".join(f'{n} = "{s}"\n' for n, s in {**clients, name: stored}.items())
    partial = file.with_name(file.name + ".partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "w", encoding="utf-8") as out:
        out.write(f"# client = hash of its key\n[keys]\n{lines}")
    partial.replace(file)
    return key
