"""Simulated customers with as many features as wanted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from training.data.simulator import simulate


def wide_table(rows: int, features: int) -> pd.DataFrame:
    """Simulated customers with additional features, some of which predict churn."""
    s = simulate(rows)
    rng = np.random.default_rng(1)
    table = s.customers.set_axis(["Customer ID", "Age", "Months", "Price", "Paid"], axis=1)
    for i in range(features - 4):
        noise = rng.normal(0.2 * s.churned * (i % 3 == 0), 1, rows)
        if i % 2:
            table[f"Number {i}"] = np.round(noise, 3)
        else:
            table[f"Group {i}"] = np.array(["north", "east", "south", "west"])[
                np.digitize(noise, [-0.7, 0, 0.7])
            ]
    return table.assign(Exited=s.churned)
