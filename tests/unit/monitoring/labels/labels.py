"""Tables of labels, and their join with a log."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from monitoring.inputs.log_files import find_log
from monitoring.labels.matched import Matched, match_populations
from monitoring.labels.options import LabelOptions
from monitoring.labels.read import PredictionFiles, join_labels
from monitoring.windows import Population

MONTHLY = timedelta(days=30)


def options(file: Path, **changes: Any) -> LabelOptions:
    given = {
        "table": file,
        "id": "customer_id",
        "target": ("churned=1",),
        "as_of": "observed",
        "window": 30,
        **changes,
    }
    return LabelOptions(**given)


def write_labels(folder: Path, rows: list[dict[str, Any]], name: str = "labels.csv") -> Path:
    """Rows of labels; two more say which values there are, and until when churn is known."""
    always = [
        {"customer_id": "last", "observed": "2026-06-01", "churned": 0},
        {"customer_id": "last", "observed": "2026-06-02", "churned": 1},
    ]
    file = folder / name
    pd.DataFrame([*rows, *always]).to_csv(file, index=False)
    return file


def matched(
    log: Path, given: LabelOptions, key: bytes | None = None, every: timedelta = MONTHLY
) -> dict[Population, Matched]:
    scored = PredictionFiles("churn", ("customer_id",), find_log(str(log)), key=key)
    labels, joined, _ = join_labels(given, scored)
    return match_populations(labels, joined, "churn", every, given.treated)
