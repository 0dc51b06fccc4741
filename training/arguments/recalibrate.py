"""The flags of ``churn recalibrate``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from training.arguments.table_flags import add_name, add_table
from training.options import RecalibrateOptions


def recalibrate_options(
    arguments: Sequence[str] | None, prog: str = "churn recalibrate"
) -> RecalibrateOptions:
    """Parse the flags. Raises TrainingError for flags that do not go together.

    Exits, as argparse does, after ``--help`` and for an invalid flag.
    """
    return RecalibrateOptions(**vars(_parser(prog).parse_args(arguments)))


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Correct the champion's probabilities by fresh labelled customers: fit a new "
        "intercept and slope of its log-odds, and register the result as challenger. The order of "
        "the customers stays the same. `churn promote` on other customers makes it champion.",
    )
    add_table(parser, seed=0)
    add_name(parser)
    return parser
