r"""Compares the accuracy of two versions of the training command on customers that it has not seen.

Both versions train on the same CSV file without a schema, and each scores the test customers with
``churn score``. Every seed draws other training and test customers: simulated ones, or a stratified
split of a table. Simulated test customers are 100,000 fresh ones; their log loss is the expected
one, by their true churn probabilities.

    python benchmarks/training/accuracy.py --before FOLDER --seeds 0 1 2 3 4
    python benchmarks/training/accuracy.py --before FOLDER --data customers.csv --id CustomerId \
        --target Exited=1 --features Age Tenure

``--before`` is a checkout of an earlier version.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from speed import HERE, environment, measured

from churn_model.arrays import Floats
from training.data.simulator import simulate

_TEST_SHARE = 0.2
_TEST_ROWS = 100_000  # simulated
_TEST_SEED = 1_000_000
_EVALUATION = ("--folds", "2", "--repeats", "1")
"""The fastest evaluation in the run itself: it does not influence the scorecard."""
_SCORE = ("-m", "models:/churn/1", "--engine", "local", "--input", "test.csv", "--output", "scores")


@dataclass(frozen=True)
class Customers:
    """Training and test customers.

    ``identifier``, ``target``: columns of both tables; the target is 0 or 1. ``probability``: of
    each test customer, the true churn probability, or the label where the truth is unknown.
    """

    identifier: str
    target: str
    train: pd.DataFrame
    test: pd.DataFrame
    probability: Floats


def simulated(rows: int, seed: int) -> Customers:
    """Simulated customers to train on, and fresh ones to test."""
    train, test = simulate(rows, seed), simulate(_TEST_ROWS, _TEST_SEED + seed)
    return Customers(
        "customer_id",
        "churned",
        train.customers.assign(churned=train.churned),
        test.customers.assign(churned=test.churned),
        test.probability,
    )


def split(table: pd.DataFrame, identifier: str, target: str, seed: int) -> Customers:
    """A random stratified split of a table."""
    train, test = train_test_split(
        table, test_size=_TEST_SHARE, stratify=table[target], random_state=seed
    )
    return Customers(identifier, target, train, test, test[target].to_numpy(np.float64))


def read(path: Path, identifier: str, target: str, features: list[str] | None) -> pd.DataFrame:
    """A table whose cells are as they were written, but whose target is 0 or 1."""
    column, _, churned = target.partition("=")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table[column] = (table[column] == churned).astype(np.int64)
    return table if features is None else table[[identifier, *features, column]]


def compare(customers: Customers, checkouts: dict[str, Path]) -> dict[str, dict[str, float]]:
    """Each version's log loss and AUC on the test customers that all versions accept."""
    scores = {name: _scores(customers, checkout) for name, checkout in checkouts.items()}
    p = pd.DataFrame(scores).reindex(customers.test[customers.identifier].astype(str))
    accepted = p.notna().all(axis=1).to_numpy()
    truth = customers.probability[accepted]
    churned = customers.test[customers.target].to_numpy()[accepted]
    return {
        name: {
            "log_loss": _log_loss(truth, p.loc[accepted, name].to_numpy()),
            "auc": float(roc_auc_score(churned, p.loc[accepted, name])),
            "rejected": float(p[name].isna().sum()),
        }
        for name in checkouts
    }


def _log_loss(truth: Floats, p: Floats) -> float:
    return float(-np.mean(truth * np.log(p) + (1 - truth) * np.log1p(-p)))


def _scores(customers: Customers, checkout: Path) -> pd.Series:
    """The probabilities of the test customers, by identifier; rejected ones are absent."""
    with tempfile.TemporaryDirectory() as folder:
        customers.train.to_csv(Path(folder, "train.csv"), index=False)
        customers.test.to_csv(Path(folder, "test.csv"), index=False)
        columns = ("--id", customers.identifier, "--target", f"{customers.target}=1")
        measured(checkout, folder, "--data", "train.csv", *columns, *_EVALUATION)
        subprocess.run(
            [sys.executable, "-m", "churn_cli", "score", *_SCORE],
            cwd=folder,
            env=environment(checkout),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        parts = [
            pd.read_csv(path, dtype={customers.identifier: str})
            for path in Path(folder, "scores", "scored").rglob("*.csv")
        ]
    return pd.concat(parts).set_index(customers.identifier)["churn_probability"]


def summary(results: list[dict[str, dict[str, float]]]) -> str:
    """A Markdown table: means over the seeds, and paired differences with standard errors."""
    lines = ["| | before | after | difference |", "| --- | --- | --- | --- |"]
    for metric in ("log_loss", "auc"):
        before, after = (
            np.array([each[name][metric] for each in results]) for name in ("before", "after")
        )
        gap = after - before
        error = gap.std(ddof=1) / np.sqrt(len(gap))
        lines.append(
            f"| {metric} | {before.mean():.5f} | {after.mean():.5f} "
            f"| {gap.mean():+.5f} ± {error:.5f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Print each seed's results as they come, and the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, required=True, help="a checkout of an older version")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=range(5), help="two or more (default: 0 to 4)"
    )
    parser.add_argument("--rows", type=int, default=10_000, help="simulated training customers")
    parser.add_argument("--data", type=Path, help="a CSV file; by default customers are simulated")
    parser.add_argument("--id", help="the column that identifies a customer")
    parser.add_argument("--target", metavar="COLUMN=VALUE", help="the value that means churned")
    parser.add_argument("--features", nargs="+", help="by default all other columns")
    options = parser.parse_args()
    if options.data and not (options.id and options.target):
        parser.error("--data needs --id and --target")
    checkouts = {"before": options.before.resolve(), "after": HERE}
    table = options.data and read(options.data, options.id, options.target, options.features)
    results = []
    for seed in options.seeds:
        if options.data:
            customers = split(table, options.id, options.target.partition("=")[0], seed)
        else:
            customers = simulated(options.rows, seed)
        results.append(compare(customers, checkouts))
        print(seed, results[-1], flush=True)
    print(summary(results))


if __name__ == "__main__":
    main()
