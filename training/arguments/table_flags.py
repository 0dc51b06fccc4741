"""Flags that several training commands share: the table, and what its columns mean."""

from __future__ import annotations

import argparse

from churn_model.flag_types import (
    AppendToTuple,
    Once,
    at_least,
    day,
    day_or_column,
    days,
    number,
    one_of,
    path,
    share,
    table,
)
from pyfunc import MODEL_NAME
from training.data import SIMULATED_ROWS
from training.options import SAMPLE

TABLE = (
    "a .csv or .parquet file, a folder of such files, a quoted pattern such as 'data/*.parquet', "
    "or a URL such as s3://bucket/customers/"
)
"""What names a table, for help texts."""


def add_table(parser: argparse.ArgumentParser, *, seed: int) -> None:
    """The flags of commands that read labelled customers."""
    add = parser.add_argument
    add("--data", type=table, metavar="TABLE", help=f"labelled customers: {TABLE}")
    add_reading(parser)
    add("--dataset", type=path, metavar="FILE.toml", help="descriptor: which column is which field")
    add_named_columns(parser)
    add("--weight", default="", metavar="COLUMN", help="the column with sample weights")
    add("--prior", type=number, metavar="RATE", help="the true churn rate of a resampled table")
    add(
        "--audit",
        action=AppendToTuple,
        default=(),
        metavar="COLUMN",
        help="a column that is not a feature, but whose groups are evaluated; may be repeated",
    )
    add(
        "--rows",
        type=at_least(1),
        default=SIMULATED_ROWS,
        help="number of simulated customers (%(default)s)",
    )
    add("--seed", type=int, default=seed, help="random seed (%(default)s)")
    add(
        "--max-rejected",
        type=share,
        default=0.05,
        metavar="SHARE",
        help="stop if more than this share (0 to 1) of the rows break the schema (%(default)s)",
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """The flags that say how a table is read."""
    add = parser.add_argument
    add(
        "--sample",
        type=at_least(1000),
        default=SAMPLE,
        metavar="ROWS",
        help="the most rows to use; of a larger table, all rows are checked and a sample of "
        "customers of about this size is used (%(default)s)",
    )
    add(
        "--engine",
        type=one_of("local", "spark"),
        default="local",
        metavar="local|spark",
        help="where tables are read; with Spark, a table may be one of its catalog, such as "
        "catalog.schema.table (%(default)s)",
    )
    add("--master", type=lambda text: text or None, metavar="URL", help="Spark master (local[*])")


def add_named_columns(parser: argparse.ArgumentParser) -> None:
    """The flags that describe the columns of a table without a descriptor."""
    add = parser.add_argument
    add(
        "--id",
        action=Once,
        type=str.strip,
        default="",
        metavar="COLUMN",
        help="the column that identifies a customer",
    )
    add(
        "--target",
        action=AppendToTuple,
        default=(),
        metavar="COLUMN=VALUE",
        help="the value that means churned; may be repeated; all other values mean that the "
        "customer stayed",
    )
    add(
        "--exclude",
        action=AppendToTuple,
        default=(),
        metavar="COLUMN",
        help="a column to leave out; may be repeated",
    )
    add(
        "--missing",
        action=AppendToTuple,
        default=(),
        metavar="COLUMN=VALUE",
        help="a value that means missing in this column, for example Age=-999; may be repeated",
    )
    add(
        "--format",
        action=AppendToTuple,
        default=(),
        metavar="COLUMN=FORMAT",
        help="how a column writes the number 1234.50, for example 'Price=1.234,50', or a date, "
        "for example Signed=DD/MM/YYYY; may be repeated; by default found out from the cells",
    )
    add(
        "--as-of",
        type=day_or_column,
        metavar="DAY|COLUMN",
        help="the day on which the rows were observed, for example 2026-01-31, or the column with "
        "each row's day; dates are scored by their age on that day, and a column also splits the "
        "rows by date",
    )
    add(
        "--window",
        type=days,
        default=0,
        metavar="DAYS",
        help="the label says whether the customer churned within this time after the observation, "
        "for example 60D; rows whose window has not ended are left out",
    )
    add(
        "--known-until",
        type=day,
        metavar="DAY",
        help="the day up to which churn is recorded in the table (the last observation date)",
    )


def add_name(parser: argparse.ArgumentParser) -> None:
    """The flag of commands that write to the registry."""
    parser.add_argument(
        "--name", default=MODEL_NAME, help="name of the registered model (%(default)s)"
    )


def add_model(parser: argparse.ArgumentParser, *, gates: str) -> None:
    """The flags of commands that decide about a champion. ``gates``: help text of ``--gates``."""
    add_name(parser)
    add = parser.add_argument
    add("--gates", type=path, metavar="FILE.toml", help=gates)
    add(
        "--accept-alarm",
        action=AppendToTuple,
        default=(),
        metavar="FEATURE",
        help="accept the leakage alarms of a feature, so that they do not fail a gate; may be "
        "repeated",
    )
    add(
        "--because",
        action=AppendToTuple,
        default=(),
        metavar="REASON",
        help="why the alarms are accepted; stored with the version",
    )
