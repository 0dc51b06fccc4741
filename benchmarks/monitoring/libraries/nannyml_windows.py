"""NannyML's default column tests on windows; runs in an environment of its own."""

from __future__ import annotations

import sys
import warnings

import nannyml
import pandas as pd

METHODS = ("kolmogorov_smirnov", "jensen_shannon")


def main() -> None:
    """Print, for each rule, a flag for each window."""
    warnings.simplefilter("ignore")
    folder, windows = sys.argv[1], int(sys.argv[2])
    tables = [pd.read_parquet(f"{folder}/{i}.parquet") for i in range(windows + 1)]
    size = len(tables[1])
    numbers = [name for name in tables[0] if tables[0][name].dtype != object]
    for method in METHODS:
        calculator = nannyml.UnivariateDriftCalculator(
            column_names=numbers,
            continuous_methods=[method],
            chunk_size=size,
        )
        calculator.fit(tables[0])
        result = calculator.calculate(pd.concat(tables[1:], ignore_index=True))
        frame = result.filter(period="analysis").to_df()
        alerts = frame.loc[:, [column for column in frame if column[-1] == "alert"]]
        flags = alerts.astype(bool).any(axis=1)
        print(f"nannyml, {method} of any number\t" + "".join(str(int(f)) for f in flags))


if __name__ == "__main__":
    main()
