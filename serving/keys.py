"""``churn keys NAME``: make an API key for a client of the server. Only its hash is stored.

A client that has a key already gets another one; both are valid until the old one is removed.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from churn_model.errors import ChurnError, InvalidParameter
from churn_model.flag_types import day
from serving.http import api_keys

_DESCRIPTION = "Make an API key for a client. The key is printed once; only its hash is stored."


def main(arguments: list[str] | None = None, prog: str = "churn keys") -> int:
    """Print a new key; returns 1 if it cannot be stored."""
    parser = argparse.ArgumentParser(prog=prog, description=_DESCRIPTION)
    parser.add_argument("name", help="name of the client, which logs and metrics show")
    parser.add_argument(
        "--file", type=Path, help="TOML file to add the key's hash to (default: print it to stderr)"
    )
    parser.add_argument(
        "--expires",
        type=day,
        metavar="YYYY-MM-DD",
        help="last day (UTC) on which the key is valid (default: it does not expire)",
    )
    options = parser.parse_args(arguments)
    try:
        print(_make(options.name, options.file, options.expires))
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _make(name: str, file: Path | None, expires: date | None) -> str:
    if file is not None:
        return api_keys.add(file, name, expires)
    if expires is not None:
        raise InvalidParameter("--expires needs --file; a key on the command line has no end")
    key, stored = api_keys.make()
    api_keys.ApiKeys({name: [stored]})  # checks the name
    print(f"{name}={stored.hash}", file=sys.stderr)
    return key


if __name__ == "__main__":
    sys.exit(main(prog="python -m serving.keys"))
