"""The model's functions for Spark beside a pandas UDF of the same types that does nothing.

They read the same table and take turns in one session; their results are not written. Prints
the seconds of each turn as JSON. MLFLOW_TRACKING_URI names the registry of the model.

Usage: python benchmarks/batch/udf.py TABLE FIELDS [--rounds N] [--master URL]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec

import mlflow
import numpy as np
import pandas as pd
from customers import schema_of
from pyspark.sql import functions as F  # noqa: N812

from pyfunc.environment import quiet_mlflow
from pyfunc.spark_session import session
from pyfunc.spark_types import result_type

OWN, MODEL, NOTHING = "scoring_udf", "MLflow's UDF", "nothing"


def udfs(table: str, fields: int, master: str, rounds: int) -> dict[str, list[float]]:
    """Seconds of each side in each round; a first round, which is not returned, warms up."""
    spark = session(master)
    rows = spark.read.parquet(table)
    schema = schema_of(fields)
    # like the command, which takes the identifiers from the input
    types = result_type(schema, identifiers=False)
    model = mlflow.pyfunc.spark_udf(spark, "models:/churn@champion", result_type=types)

    @F.pandas_udf(types)
    def nothing(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            n = len(batch)
            scores = {"churn_prediction": np.zeros(n, np.int64), "churn_probability": np.zeros(n)}
            yield pd.DataFrame(scores)

    def consume(udf: Callable) -> float:
        began = time.perf_counter()
        customer = F.struct(*(column.name for column in schema))
        scores = rows.select("customer_id", udf(customer).alias("s")).select("customer_id", "s.*")
        scores.write.format("noop").mode("overwrite").save()
        return time.perf_counter() - began

    sides = {MODEL: model, NOTHING: nothing}
    if find_spec("batch.udf") is not None:  # not in earlier checkouts
        from batch.udf import scoring_udf

        sides = {OWN: scoring_udf(), **sides}
    turns = [{name: consume(udf) for name, udf in sides.items()} for _ in range(rounds + 1)]
    return {name: [turn[name] for turn in turns[1:]] for name in sides}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table")
    parser.add_argument("fields", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--master", default="local[2]")
    options = parser.parse_args()
    quiet_mlflow()
    print(json.dumps(udfs(options.table, options.fields, options.master, options.rounds)))


if __name__ == "__main__":
    main()
