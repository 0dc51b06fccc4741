"""``churn score``: score a table into a folder, every row accounted for."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
import uuid
from collections.abc import Callable
from datetime import date, datetime, timezone
from typing import Any, get_args

from batch.job import Format, Job, RowCounts
from batch.output import Place
from batch.row_checker import Form, RowChecker
from churn_model.dates import parse_date
from churn_model.errors import BatchError, ChurnError
from churn_model.schema.column import OUTPUT_COLUMNS
from churn_model.tables.descriptor import TableDescriptor, load_descriptor
from pyfunc import CHAMPION_URI, loaded_version

_FORMS: dict[str, Form] = {"parquet": "typed", "table": "typed", "csv": "text", "json": "lines"}
_SUFFIXES: dict[str, Format] = {".csv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json"}


def main(arguments: list[str] | None = None, prog: str = "churn score") -> int:
    """Run the command: 0 scored, 2 nothing scored or too many rejected, 1 failed."""
    try:
        options = _parser(prog).parse_args(arguments)
    except SystemExit as ended:  # argparse's 2 for wrong usage means something else here
        return 1 if ended.code else 0
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    try:
        summary = _score(options)
    except ChurnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; there is no output", file=sys.stderr)
        return 130
    print(json.dumps(summary, indent=1))
    return _code(summary, options.max_rejected)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Score a table with a registered churn model. Writes OUT/scored and "
        "OUT/rejected; rows read = scored + rejected.",
    )
    add = parser.add_argument
    add("-m", "--model-uri", default=CHAMPION_URI, help="(%(default)s)")
    add("--input", required=True, metavar="IN", help="file, folder or table of customers")
    add("--output", required=True, metavar="OUT", help="folder or table for the results")
    formats = (*get_args(Format), "")
    add("--format", choices=formats, help="of input and output (by the input's name, or parquet)")
    add("--output-format", choices=formats, help="of the output, where it is another")
    add("--engine", choices=("spark", "local"), default="spark", help="(%(default)s)")
    add("--master", help="Spark's master, where spark-submit does not say it (local[*])")
    add("--columns", metavar="FILE.toml", help="which column is which field, as for training")
    add("--partition-by", default="", metavar="COL,COL", help="columns of IN to partition by")
    add("--mode", choices=("error", "overwrite", "append"), default="error", help="(%(default)s)")
    add("--explain", type=_flag, nargs="?", const=True, default=False, help="add reasons")
    add("--as-of", type=_day, metavar="DAY", help="that dates are aged to (today, UTC)")
    add("--threshold", type=_share, help="for a prediction of 1 (the model's own)")
    add("--max-rejected", type=_share, default=0.05, metavar="SHARE", help="else 2 (%(default)s)")
    return parser


def _flag(text: str) -> bool:
    """MLproject passes every parameter with a value."""
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError("is true or false")
    return text.lower() == "true"


def _day(text: str) -> date | None:
    try:
        return parse_date(text) if text else None
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("is a number from 0 to 1")
    return value


def _score(options: argparse.Namespace) -> dict[str, Any]:
    version = loaded_version.read_version(options.model_uri)
    kind: Format = options.format or _told_by(options.input)
    schema = version.scorer.schema
    descriptor = (
        load_descriptor(options.columns, TableDescriptor, schema)
        if options.columns
        else TableDescriptor.plain(schema)
    )
    started = datetime.now(timezone.utc)
    job = Job(
        version=version,
        checker=RowChecker(schema, descriptor, _FORMS[kind], options.input),
        source=options.input,
        source_format=kind,
        target_format=options.output_format or kind,
        run=f"{started:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}",
        started=started,
        as_of=options.as_of or started.date(),
        partition_by=tuple(name.strip() for name in options.partition_by.split(",") if name),
        explain=options.explain,
        threshold=options.threshold,
    )
    _check_partitions(job)
    run = _engine(job, options)
    began = time.perf_counter()
    place, counts = run()
    return _finish(job, place, counts, began)


def _told_by(name: str) -> Format:
    found = [kind for suffix, kind in _SUFFIXES.items() if suffix in name[-12:]]
    return found[0] if found else "parquet"


def _check_partitions(job: Job) -> None:
    if job.partition_by and job.checker.form == "lines":
        raise BatchError("--partition-by needs columns, and lines of JSON have none")
    made = {*(c.name for c in job.checker.schema.identifiers), *OUTPUT_COLUMNS, *job.stamp()}
    taken = sorted(made & set(job.partition_by))
    if taken:
        raise BatchError(f"--partition-by {','.join(taken)}: is a column of the results already")


def _engine(job: Job, options: argparse.Namespace) -> Callable[[], tuple[Place, RowCounts]]:
    """What scores the job: gives the results, waiting to be published, and their count."""
    if options.engine == "spark":
        try:
            from batch import spark
        except ImportError:
            raise BatchError(
                'Spark is not installed: pip install "churn-model[spark]" (it needs Java 17), or '
                "use --engine local on this machine alone"
            ) from None
        session = spark.session(options.master)
        return lambda: spark.run(session, job, options.output, options.mode)
    from batch import local

    if job.target_format == "table":
        raise BatchError("--format table is a catalog's table: it needs --engine spark")
    return lambda: local.run(job, options.output, options.mode)


def _finish(job: Job, place: Place, counts: RowCounts, began: float) -> dict[str, Any]:
    """Check that no row is missing, and publish. Raises BatchError if one is."""
    if counts.read != counts.scored + counts.rejected:
        place.discard()
        raise BatchError(
            f"{counts.read} rows were read, {counts.scored} scored and {counts.rejected} rejected: "
            "the input changed meanwhile; run it again"
        )
    summary = counts.summary(job, time.perf_counter() - began)
    place.publish(summary)
    return summary


def _code(summary: dict[str, Any], max_rejected: float) -> int:
    if not summary["scored"]:
        print("nothing was scored", file=sys.stderr)
        return 2
    share = summary["rejected"] / summary["rows"]
    if share > max_rejected:
        print(f"{share:.1%} rejected, over --max-rejected {max_rejected:.1%}", file=sys.stderr)
        return 2
    return 0
