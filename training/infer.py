"""``churn infer-schema``: propose a record schema for a table, to review before training."""

from __future__ import annotations

import json
import sys
from typing import Any

from churn_model.errors import ChurnError
from churn_model.extras import require_extra
from churn_model.schema import RecordSchema
from churn_model.schema.column import INT64_MAX, INT64_MIN
from training.arguments import infer_options


def main(arguments: list[str] | None = None, prog: str = "churn infer-schema") -> int:
    """Run the command; returns the exit code."""
    try:
        options = infer_options(arguments, prog)
        require_extra(prog, "train", "sklearn", "interpret")
        from training.data.files import detect_csv_format, read_file
        from training.schema_inference.proposal import propose
        from training.training_data import column_roles

        csv = detect_csv_format(options.table)
        raw = read_file(options.table, csv)
        proposal = propose(raw, csv, options.table.stem, column_roles(options))
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(proposal.summary(), file=sys.stderr)
    print(json.dumps(_for_people(proposal.schema), indent=1, ensure_ascii=False))
    return 0


def _for_people(schema: RecordSchema) -> dict[str, Any]:
    """The JSON Schema without the bounds of 64-bit integers."""
    document = schema.to_json_schema()
    for spec in document["properties"].values():
        for bound, value in (("minimum", INT64_MIN), ("maximum", INT64_MAX)):
            if spec.get(bound) == value:
                del spec[bound]
    return document


if __name__ == "__main__":
    sys.exit(main(prog="python -m training.infer"))
