"""A sample of a table's labelled rows as values, and the leaks that it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from churn_model.tables.texts import check_texts
from training.data.dataset import Dataset
from training.evaluation.alarms import certain_leaks

_MOST_EXAMINED = 100_000  # rows that are examined for leaks


@dataclass(frozen=True)
class Sample:
    """The values of n rows, which rows are valid (n,), and which churned (n,)."""

    frame: pd.DataFrame
    valid: npt.NDArray[np.bool_]
    churned: npt.NDArray[np.bool_]


def parse_sample(
    columns: Sequence[Column], known: pd.DataFrame, dataset: Dataset, churned: npt.NDArray[np.bool_]
) -> Sample:
    """Parse some of the labelled rows ``known`` (m,), of which ``churned`` (m,) churned."""
    step = slice(None, None, max(1, len(known) // _MOST_EXAMINED))
    sample = known.iloc[step].reset_index(drop=True)
    features = tuple(column for column in columns if column.kind != "identifier")
    cells = {column.name: sample[column.name] for column in features}
    checked, frame = check_texts(cells, RecordSchema("Customer", features), dataset)
    return Sample(frame, checked.valid, churned[step])


def leaks(columns: Sequence[Column], sample: Sample) -> dict[str, str]:
    """The columns that certainly leak the target in the sample, and why."""
    features = tuple(column for column in columns if column.kind not in ("identifier", "date"))
    customers = sample.frame[sample.valid].reset_index(drop=True)
    churned = sample.churned[sample.valid].astype(np.int64)
    if not features or len(np.unique(churned)) < 2:
        return {}
    found = certain_leaks(customers, churned, RecordSchema("Customer", features))
    return {each.feature: each.text for each in found}
