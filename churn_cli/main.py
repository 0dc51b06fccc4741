"""``churn COMMAND ...``: imports the command's module and runs it.

Each module parses its flags before it imports anything heavy, so that ``--help`` and invalid flags
are answered at once.
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
        "training.promote", "compare the challenger with the champion, and promote it or roll back"
    ),
    "recalibrate": Command(
        "training.recalibrate", "correct the champion's probabilities by fresh labels"
    ),
    "serve": Command("serving.serve", "serve a registered model over HTTP"),
    "keys": Command("serving.keys", "create an API key for the server"),
    "score": Command("batch.score", "score a whole table, with Spark or on one machine"),
    "monitor": Command(
        "monitoring.monitor", "compare what is scored with training, and measure performance"
    ),
}

WRONG_USAGE = 2


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand; returns its exit code, or WRONG_USAGE for an unknown command.

    Without a command it prints the help, as gh, kubectl and pip do.
    """
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
        return WRONG_USAGE
    command = import_module(COMMANDS[name].module)
    return int(command.main(given[1:], prog=f"churn {name}"))


def _help() -> str:
    width = max(map(len, COMMANDS))
    commands = [f"  {name:{width}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: churn COMMAND [options]",
            "",
            "An explainable customer-churn model for MLflow: train, serve, score and monitor.",
            "",
            "commands:",
            *commands,
            "",
            "options:",
            "  -h, --help  print this help and exit",
            "  --version   print the version and exit",
            "",
            "Run `churn COMMAND --help` for the options of a command.",
        ]
    )


def _unknown(name: str) -> str:
    from churn_model.suggestions import did_you_mean

    if name.startswith("-"):
        return f"error: unknown option {name!r}; run `churn --help` for the options"
    hint = did_you_mean(name, COMMANDS)
    return f"error: unknown command {name!r}.{hint} The commands are {', '.join(COMMANDS)}"


if __name__ == "__main__":
    sys.exit(main())
