"""Scores tables with the batch engine of one machine, at any time in the past."""

from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import Model

from batch import local
from batch.job import Job
from batch.options import Format
from churn_model.scoring import Scorer
from churn_model.tables.descriptor import TableDescriptor
from churn_model.tables.reading.row_checker import RowChecker
from pyfunc.loaded_version import LoadedVersion

_RUNS = count()


def score_batch(
    folder: Path,
    scorer: Scorer,
    customers: pd.DataFrame,
    when: datetime,
    *,
    name: str = "churn",
    version: str = "1",
    target: Format = "parquet",
) -> dict[str, Any]:
    """Add a run to the results in ``folder``; returns its summary."""
    source = folder.with_name(f"{folder.name}-input-{next(_RUNS)}.parquet")
    customers.to_parquet(source)
    loaded = LoadedVersion(name, version, None, folder, Model(), scorer)
    descriptor = TableDescriptor.plain(scorer.schema)
    checker = RowChecker(scorer.schema, descriptor, "typed", str(source))
    run = f"{when:%Y%m%dT%H%M%S}-{next(_RUNS)}"
    job = Job(loaded, checker, str(source), "parquet", target, run, when, when.date())
    return local.run(job, str(folder), "append")
