"""The flags of ``churn promote``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from churn_model.flag_types import true_or_false
from training.arguments.table_flags import add_model, add_table
from training.options import PromoteOptions

_SEED = 20_000  # differs from training's default, so that the simulated customers are fresh


def promote_options(arguments: Sequence[str] | None, prog: str = "churn promote") -> PromoteOptions:
    """Parse the flags. Raises TrainingError for flags that do not go together.

    Exits, as argparse does, after ``--help`` and for an invalid flag.
    """
    return PromoteOptions(**vars(_parser(prog).parse_args(arguments)))


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Compare the challenger with the champion on fresh labelled customers, which "
        "neither was trained on, and make it champion if it is better. Without --data, two models "
        "of simulated customers are compared on simulated customers. "
        "Exit code: 0 promoted or rolled back, 2 not promoted, 1 failed or invalid flags.",
    )
    add_table(parser, seed=_SEED)
    add_model(parser, gates="the limits that a challenger must meet")
    add = parser.add_argument
    add(
        "--force",
        type=lambda reason: reason or None,  # MLproject passes an empty string
        metavar="REASON",
        help="promote regardless, and store the reason",
    )
    add(
        "--rollback",
        type=true_or_false,
        nargs="?",
        const=True,
        default=False,
        metavar="true|false",
        help="restore the previous champion, which the current one replaced",
    )
    return parser
