"""Evidently's default column tests on windows; runs in an environment of its own."""

from __future__ import annotations

import sys

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset


def drifted_columns(reference: pd.DataFrame, window: pd.DataFrame) -> tuple[int, bool]:
    """The number of drifted columns, and whether the data set counts as drifted."""
    numbers = [name for name in window if window[name].dtype != object]
    definition = DataDefinition(
        numerical_columns=numbers, categorical_columns=[n for n in window if n not in numbers]
    )
    data = [Dataset.from_pandas(t, data_definition=definition) for t in (window, reference)]
    metrics = Report([DataDriftPreset()]).run(*data).dict()["metrics"]
    value = metrics[0]["value"]
    return int(value["count"]), value["share"] >= 0.5


def main() -> None:
    """Print, for each rule, a flag for each window."""
    folder, windows = sys.argv[1], int(sys.argv[2])
    tables = [pd.read_parquet(f"{folder}/{i}.parquet") for i in range(windows + 1)]
    results = [drifted_columns(tables[0], table) for table in tables[1:]]
    print("evidently, any column\t" + "".join(str(int(count > 0)) for count, _ in results))
    print("evidently, half of the columns\t" + "".join(str(int(all_)) for _, all_ in results))


if __name__ == "__main__":
    main()
