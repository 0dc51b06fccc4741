"""``python -m training.infer``: propose a schema for a table, to be reviewed and trained with."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from churn_model.errors import ChurnError
from churn_model.schema import RecordSchema
from churn_model.schema.column import INT64_MAX, INT64_MIN
from training import command
from training.data.files import layout_of, read_file
from training.schema_inference.proposal import propose
from training.training_data import question_of


def main(arguments: list[str] | None = None, prog: str = "churn infer-schema") -> int:
    """Run the command; returns the exit code."""
    options = _parser(prog).parse_args(arguments)
    try:
        csv = layout_of(options.table)
        raw = read_file(options.table, csv)
        proposal = propose(raw, csv, options.table.stem, question_of(options))
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(proposal.summary(), file=sys.stderr)
    print(json.dumps(_for_people(proposal.schema), indent=1, ensure_ascii=False))
    return 0


def _for_people(schema: RecordSchema) -> dict[str, Any]:
    """The JSON Schema without the bounds that every whole number has."""
    document = schema.to_json_schema()
    for spec in document["properties"].values():
        for bound, value in (("minimum", INT64_MIN), ("maximum", INT64_MAX)):
            if spec.get(bound) == value:
                del spec[bound]
    return document


def _parser(prog: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog=prog,
        description="Propose the JSON Schema of a table's customers: the schema goes to standard "
        "output, what was assumed and left out to standard error.",
    )
    made.add_argument("table", type=command.path, help="customers, .csv or .parquet")
    command.add_meaning(made)
    return made


if __name__ == "__main__":
    sys.exit(main(prog="python -m training.infer"))
