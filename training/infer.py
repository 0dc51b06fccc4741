"""``churn infer-schema``: propose a record schema for a table, to review before training."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from churn_model.errors import ChurnError
from churn_model.extras import require_extra
from churn_model.progress import in_progress
from churn_model.schema import RecordSchema
from churn_model.schema.column import INT64_MAX, INT64_MIN
from training.arguments.infer import infer_options
from training.options import InferOptions

if TYPE_CHECKING:
    from training.schema_inference.proposal import Proposal


def main(arguments: list[str] | None = None, prog: str = "churn infer-schema") -> int:
    """Run the command; returns the exit code (0 proposed, 1 failed, 130 interrupted)."""
    try:
        options = infer_options(arguments, prog)
        require_extra(prog, "train", "sklearn", "interpret")
        proposal = _propose(options)
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    print(f"{proposal.target}\n{proposal.summary()}", file=sys.stderr)
    print(json.dumps(_without_int64_bounds(proposal.schema), indent=1, ensure_ascii=False))
    return 0


def _propose(options: InferOptions) -> Proposal:
    with in_progress(f"reading {options.table}"):
        from training.training_data import propose_for

    return propose_for(options.table, options)[1]


def _without_int64_bounds(schema: RecordSchema) -> dict[str, Any]:
    """The JSON Schema without the bounds of 64-bit integers, which would only distract."""
    document = schema.to_json_schema()
    for spec in document["properties"].values():
        for bound, value in (("minimum", INT64_MIN), ("maximum", INT64_MAX)):
            if spec.get(bound) == value:
                del spec[bound]
    return document


if __name__ == "__main__":
    sys.exit(main(prog="python -m training.infer"))
