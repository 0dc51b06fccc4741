"""The flags of ``churn infer-schema``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from churn_model.flag_types import table
from training.arguments.table_flags import TABLE, add_named_columns, add_reading
from training.options import InferOptions


def infer_options(
    arguments: Sequence[str] | None, prog: str = "churn infer-schema"
) -> InferOptions:
    """Parse the flags. Raises TrainingError without ``--target``.

    Exits, as argparse does, after ``--help`` and for an invalid flag.
    """
    return InferOptions(**vars(_parser(prog).parse_args(arguments)))


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Propose a JSON Schema for the customers of a table. Prints the schema to "
        "standard output and a summary to standard error, so redirect the schema to a file: "
        f"{prog} customers.csv --target Exited=1 > customer.schema.json",
    )
    parser.add_argument("table", type=table, help=f"customers: {TABLE}")
    add_reading(parser)
    add_named_columns(parser)
    return parser
