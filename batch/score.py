"""``churn score``: score a table; every row is either scored or rejected with its reasons."""

from __future__ import annotations

import json
import sys
from typing import Any

from batch.arguments import score_options
from batch.options import ScoreOptions
from churn_model.errors import ChurnError, MissingExtra
from churn_model.extras import require_extra

TOO_MANY_REJECTED = 2


def main(arguments: list[str] | None = None, prog: str = "churn score") -> int:
    """Run the command; returns the exit code.

    0: scored, 2: no row was scored or too many were rejected, 1: failed, 130: interrupted.
    """
    try:
        options = score_options(arguments, prog)
        summary = _score(options)
    except SystemExit as parsed:  # argparse exits with 2 for wrong usage, which has its own meaning
        return 1 if parsed.code else 0
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; no output was written", file=sys.stderr)
        return 130
    print(json.dumps(summary, indent=1))
    return _exit_code(summary, options.max_rejected)


def _score(options: ScoreOptions) -> dict[str, Any]:
    start = None
    if options.engine == "spark":
        _require_spark()
        from pyfunc.spark_session import session_in_background

        start = session_in_background(options.master)
    from batch.run import score_table  # takes seconds to import, while Spark starts

    return score_table(options, start)


def _require_spark() -> None:
    try:
        require_extra("--engine spark", "spark", "pyspark")
    except MissingExtra as error:
        raise MissingExtra(f"{error}, or use --engine local") from None


def _exit_code(summary: dict[str, Any], max_rejected: float) -> int:
    if not summary["scored"]:
        print("no row was scored", file=sys.stderr)
        return TOO_MANY_REJECTED
    share = summary["rejected"] / summary["rows"]
    if share > max_rejected:
        print(
            f"{share:.1%} of the rows were rejected, more than --max-rejected {max_rejected:.1%}",
            file=sys.stderr,
        )
        return TOO_MANY_REJECTED
    return 0


if __name__ == "__main__":
    sys.exit(main(prog="python -m batch.score"))
