"""The command line of ``churn score``: its flags, and the options that they give.

Nothing heavy is imported here, so that ``--help`` and invalid flags are answered at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, get_args

from batch.options import Engine, Format, Mode, ScoreOptions
from churn_model.flag_types import day, path, share, true_or_false
from pyfunc import CHAMPION_URI

T = TypeVar("T")


def score_options(arguments: Sequence[str] | None, prog: str = "churn score") -> ScoreOptions:
    """Parse the flags of ``churn score``. Raises BatchError for flags that do not go together.

    Exits, as argparse does, after ``--help`` and for an invalid flag.
    """
    return ScoreOptions(**vars(_parser(prog).parse_args(arguments)))


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Score a table of customers with a registered churn model. Each row ends in "
        "OUT/scored or, with the reasons, in OUT/rejected. "
        "Exit code: 0 scored, 2 no row was scored or too many were rejected, 1 failed.",
    )
    add = parser.add_argument
    add(
        "-m",
        "--model-uri",
        type=_or_default(str, CHAMPION_URI),
        default=CHAMPION_URI,
        metavar="URI",
        help="the model (%(default)s)",
    )
    add("--input", required=True, metavar="IN", help="customers: a file, a folder or a table")
    add("--output", required=True, metavar="OUT", help="folder or table for the results")
    formats = "of input and output; by default that of the name of IN, or of the files in it"
    _add_choice(parser, "--format", Format, None, formats)
    _add_choice(parser, "--output-format", Format, None, "of the output, if it differs")
    _add_choice(parser, "--engine", Engine, "spark", "where to score (%(default)s)")
    add("--master", type=_or_default(str), metavar="URL", help="Spark master (local[*])")
    add(
        "--columns",
        type=path,
        metavar="FILE.toml",
        help="descriptor: which column is which field, as for training",
    )
    add(
        "--partition-by",
        type=_names,
        default=(),
        metavar="COL,COL",
        help="columns of IN by which the results are partitioned",
    )
    _add_choice(parser, "--mode", Mode, "error", "what to do if OUT exists (%(default)s)")
    add(
        "--explain",
        type=_or_default(true_or_false, False),
        nargs="?",
        const=True,
        default=False,
        metavar="true|false",
        help="add the reasons for each score",
    )
    add("--as-of", type=day, metavar="DAY", help="day on which dates' ages are computed (today)")
    add(
        "--threshold",
        type=_or_default(share),
        metavar="P",
        help="probability from which churn_prediction is 1 (the model's own)",
    )
    add(
        "--max-rejected",
        type=_or_default(share, 0.05),
        default=0.05,
        metavar="SHARE",
        help="share (0 to 1) of rejected rows above which the exit code is 2 (%(default)s)",
    )
    return parser


def _add_choice(
    parser: argparse.ArgumentParser, flag: str, allowed: Any, default: str | None, text: str
) -> None:
    values = get_args(allowed)
    parser.add_argument(
        flag,
        type=_or_default(_one_of(values), default),
        default=default,
        metavar="|".join(values),
        help=text,
    )


# --- types of flags -----------------------------------------------------------------------------


def _or_default(parse: Callable[[str], T], default: T | None = None) -> Callable[[str], T | None]:
    """Like ``parse``, but an empty string gives the default.

    MLproject passes a parameter that was not given as an empty string.
    """

    def parse_given(text: str) -> T | None:
        return parse(text) if text else default

    return parse_given


def _one_of(allowed: Sequence[str]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in allowed:
            raise argparse.ArgumentTypeError(f"must be one of {', '.join(allowed)}")
        return text

    return check


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
