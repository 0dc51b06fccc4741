"""The command line of ``churn monitor``: its flags, and the options that they give.

Nothing heavy is imported here, so that ``--help`` and invalid flags are answered at once.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from churn_model.flag_types import AppendToTuple, day, day_or_column, days, one_of, path
from monitoring.options import MonitorOptions
from pyfunc import CHAMPION_URI

_DEFAULTS = {"model_uri": CHAMPION_URI, "every": timedelta(days=1), "treated": "exclude"}
_UNITS = {"D": timedelta(days=1), "H": timedelta(hours=1)}


def monitor_options(arguments: Sequence[str] | None, prog: str = "churn monitor") -> MonitorOptions:
    """Parse the flags. Raises MonitoringError for flags that do not go together.

    Exits, as argparse does, after ``--help`` and for an invalid flag.
    """
    given: dict[str, Any] = vars(_parser(prog).parse_args(arguments))
    # MLproject passes a parameter that was not given as an empty string
    for name, default in _DEFAULTS.items():
        given[name] = given[name] or default
    return MonitorOptions(**given)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Compare the customers that a model scores with those that it was trained on, "
        "and estimate how well it performs; with labels, measure it. Writes monitoring.html and "
        "two tables. Exit code: 0 no alarm, 2 alarm, 1 failed.",
    )
    _add_model(parser)
    _add_inputs(parser)
    _add_comparison(parser)
    _add_labels(parser)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "-m",
        "--model-uri",
        default=CHAMPION_URI,
        metavar="URI",
        help="the registered model; its version decides the exit code (%(default)s)",
    )
    add(
        "--output",
        type=_folder,
        required=True,
        metavar="FOLDER",
        help="folder for the page and the tables; those of an earlier run are replaced",
    )


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("what was scored").add_argument
    add("--log", default="", metavar="FOLDER", help="inference log, of churn serve for example")
    add(
        "--log-key",
        type=path,
        metavar="FILE",
        help="the key with which the log's identifiers are hashed; only labels need it",
    )
    add("--batch", default="", metavar="FOLDER", help="output of churn score")
    add(
        "--data",
        default="",
        metavar="TABLE",
        help="any table of customers; they are scored to compare them",
    )


def _add_comparison(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("comparison").add_argument
    add(
        "--every",
        type=duration,
        metavar="1D",
        help="length of a window, in days (D) or hours (H); default: 1D",
    )
    add(
        "--reference",
        type=duration,
        metavar="365D",
        help="compare with the same customers this long ago; by default with the training rows",
    )
    add("--limits", type=path, metavar="FILE.toml", help="the limits of the alarms")


def _add_labels(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("labels").add_argument
    add("--labels", type=path, metavar="TABLE", help="who churned, .csv or .parquet")
    add("--id", default="", metavar="COLUMN", help="the column that identifies a customer")
    add(
        "--target",
        action=AppendToTuple,
        default=(),
        metavar="COLUMN=VALUE",
        help="the value that means churned; may be repeated",
    )
    add(
        "--as-of",
        type=day_or_column,
        metavar="DAY|COLUMN",
        help="the day on which the rows of the table were observed, or the column with each row's "
        "day; also of --data",
    )
    add(
        "--window",
        type=days,
        default=0,
        metavar="DAYS",
        help="the label says whether the customer churned within this time after the observation, "
        "for example 60D",
    )
    add(
        "--known-until",
        type=day,
        metavar="DAY",
        help="the day up to which churn is recorded (the last observation date)",
    )
    add(
        "--treatment",
        default="",
        metavar="COLUMN=VALUE",
        help="the value that means that the customer was in a campaign",
    )
    add(
        "--treated",
        type=one_of("exclude", "weight"),
        metavar="exclude|weight",
        help="leave treated customers out, or let untreated ones with similar scores represent "
        "them (exclude)",
    )
    add(
        "--labelled",
        type=path,
        metavar="FILE",
        help="write the labelled customers as a table for churn train, .csv or .parquet",
    )


# --- types of flags -----------------------------------------------------------------------------


def duration(text: str) -> timedelta | None:
    """A length of time such as ``7D`` or ``1H``; None if empty."""
    if not text:
        return None
    match = re.fullmatch(r"([0-9]{1,5})([dDhH]?)", text.strip())
    if match is None or not int(match[1]):
        raise argparse.ArgumentTypeError("must be a number of days or hours such as 1D or 6H")
    return int(match[1]) * _UNITS[match[2].upper() or "D"]


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("is empty; name a folder")
    return Path(text)
