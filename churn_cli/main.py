"""``churn COMMAND ...``: finds the command's module, imports it, and runs it.

Only the command that is asked for is imported, and each one reads its flags before it imports
anything heavy, so that ``--help`` and a mistyped flag are answered at once.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from typing import NamedTuple


class Command(NamedTuple):
    """A subcommand. ``module`` has a ``main(arguments, prog)`` that returns the exit code."""

    module: str
    summary: str


COMMANDS = {
    "train": Command("training.train", "train a model on a table of customers and register it"),
    "infer-schema": Command("training.infer", "propose a record schema for a table"),
    "promote": Command(
        "training.promote", "examine the challenger and make it champion, or roll back"
    ),
    "serve": Command("serving.serve", "serve a registered model over HTTP"),
    "keys": Command("serving.keys", "make an API key for the server"),
    "score": Command("batch.score", "score a whole table, with Spark or on one machine"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand; returns its exit code, or 2 for a command that does not exist."""
    given = sys.argv[1:] if arguments is None else arguments
    name = given[0] if given else "--help"
    if name in ("-h", "--help"):
        print(_help())
        return 0
    if name == "--version":
        print(f"churn {version('churn-model')}")
        return 0
    if name not in COMMANDS:
        print(_unknown(name), file=sys.stderr)
        return 2
    command = import_module(COMMANDS[name].module)
    return int(command.main(given[1:], prog=f"churn {name}"))


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: churn COMMAND [options]",
            "",
            "A customer-churn model for MLflow: train, register, serve, score.",
            "",
            "commands:",
            *lines,
            "",
            "options:",
            "  --version  print the version and exit",
            "",
            "Run `churn COMMAND --help` for a command's options.",
        ]
    )


def _unknown(name: str) -> str:
    from churn_model.suggestions import did_you_mean

    hint = did_you_mean(name, COMMANDS)
    return f"error: {name!r} is not a command.{hint} The commands are {', '.join(COMMANDS)}"


if __name__ == "__main__":
    sys.exit(main())
