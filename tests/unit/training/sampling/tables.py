"""Tables of simulated customers in several files."""

import numpy as np

from training.arguments.train import train_options
from training.data.simulator import simulate
from training.training_data import read_training_data

FLAGS = ["--target", "churned=1", "--id", "customer_id"]


def customers(rows=6000, seed=3):
    simulation = simulate(rows, seed)
    return simulation.customers.assign(churned=simulation.churned)


def write(frame, folder, files=3, kind="csv", order=1):
    """Write rows into several files, in this order of the rows (1) or the opposite one (-1)."""
    folder.mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(frame))[::order], files)):
        path = folder / f"part-{number}.{kind}"
        part = frame.iloc[rows]
        part.to_csv(path, index=False) if kind == "csv" else part.to_parquet(path, index=False)
    return folder


def read(table, *flags):
    return read_training_data(train_options(["--data", str(table), *FLAGS, *flags]))
