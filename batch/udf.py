"""The model as a function of Spark's columns, which reports invalid rows instead of failing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timezone
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the usual name
from pyspark.sql.utils import is_remote

from batch.row_scorer import RowScorer
from churn_model.dates import scoring_day
from churn_model.errors import BatchError
from churn_model.tables.reading.row_checker import RowChecker
from pyfunc.environment import quiet_mlflow
from pyfunc.loaded_version import read_version
from pyfunc.spark_session import send_code
from pyfunc.spark_types import result_type

_SOURCE = "the argument of the function"
"""What errors call the input."""

_CASE = "spark.sql.caseSensitive"


def scoring_udf(
    model_uri: str = "models:/churn@champion",
    *,
    threshold: float | None = None,
    explain: bool = False,
    as_of: date | None = None,
) -> Any:
    """A function of one struct with the model's fields, such as ``F.struct("*")``.

    It returns a struct: churn_prediction, churn_probability, [expected_profit], [reasons] and
    error. For an invalid row all but ``error`` are null. Other fields of the struct are ignored,
    optional ones may be absent, and upper and lower case matter if they do in the Spark session.
    ``threshold`` (0..1): the probability from which ``churn_prediction`` is 1, by default as the
    model decides. ``explain``: adds the reasons. ``as_of``: the day on which the ages of dates are
    computed, by default today in UTC.

    The version of an alias and the present day are those of this call. Raises BatchError without a
    Spark session, with Spark Connect or with PySpark before 4.1, RegistryError, ScorecardError,
    SchemaError, and InvalidParameter for ``threshold`` and ``as_of``.
    """
    spark = _session()
    if not hasattr(F, "arrow_udf"):
        raise BatchError(
            "a function of Arrow columns needs PySpark 4.1 or later; mlflow.pyfunc.spark_udf works "
            "with earlier ones"
        )
    quiet_mlflow()
    version = read_version(model_uri)
    scorer = version.scorer
    scorer.score([], threshold=threshold)  # raises InvalidParameter now, and not in a task
    scoring_day(as_of)
    rows = RowScorer(
        RowChecker(scorer.schema, version.table(), "typed", _SOURCE, is_mapped=False),
        scorer,
        as_of or datetime.now(timezone.utc).date(),
        explain=explain,
        threshold=threshold,
    )
    send_code(spark)
    report = partial(rows.reported, any_case=str(spark.conf.get(_CASE)).lower() != "true")

    # must not refer to functions of this module, which executors without MLflow cannot import
    def score(structs: Iterator[pa.Array]) -> Iterator[pa.Array]:
        yield from map(report, structs)

    types = result_type(
        scorer.schema,
        explain=explain,
        identifiers=False,
        campaign=scorer.scorecard.campaign is not None,
    )
    return F.arrow_udf(score, f"{types}, error string")


def _session() -> SparkSession:
    """The active session. Raises BatchError."""
    if is_remote():
        raise BatchError("the function does not work with Spark Connect")
    try:
        return SparkSession.active()
    except PySparkException:
        raise BatchError(
            "there is no Spark session: start one before you make the function"
        ) from None
