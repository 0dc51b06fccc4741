"""``python -m serving.keys NAME``: make an API key. Only its hash is stored."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from churn_model.errors import InvalidParameter
from serving.http import api_keys


def main(arguments: list[str] | None = None, prog: str = "churn keys") -> int:
    """Print a new key, once; only its hash is kept."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument("name", help="of the client, as in the log and the metrics")
    parser.add_argument("--file", type=Path, help="keys file to add it to")
    options = parser.parse_args(arguments)
    try:
        if options.file is None:
            key, stored = api_keys.make()
            api_keys.ApiKeys({options.name: stored})
            print(f"{options.name}={stored}", file=sys.stderr)
        else:
            key = api_keys.add(options.file, options.name)
    except InvalidParameter as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(key)
    return 0


if __name__ == "__main__":
    sys.exit(main(prog="python -m serving.keys"))
