"""A simulated year: monthly snapshots, trained and promoted or refused month by month.

Customers join, age and leave; in the middle of the year, a competitor makes price matter more. Each
month has a snapshot of all customers, 30 days after the one before, and labels say who left within
60 days. Every month the challenger of two months ago is examined on the snapshot of that day, whose
labels are final now, and a new challenger is trained on all snapshots so far. The true churn
probabilities are known, so each decision is compared with the true difference in log loss.

Usage: python benchmarks/training/year.py [--customers N] [--months N] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient

from pyfunc.environment import quiet_mlflow
from pyfunc.loaded_version import read_version
from pyfunc.registry import version_of_alias
from training.data.simulator import simulate, true_probability
from training.promote import main as promote
from training.train import main as train

_FIRST_DAY = np.datetime64("2025-01-31")
_STEP, _WINDOW = 30, 60
_FIRST_MONTH = 4
"""The first month in which a model is trained."""
_DRIFT_FROM = 6
"""The month from which price matters more."""
_FIT = ("--folds", "3", "--bags", "2", "--interactions", "1")
_COLUMNS = ("--id", "customer_id", "--target", "left=yes", "--as-of", "seen", "--window", "60D")


@dataclass
class Business:
    """The customers of a subscription business, month by month.

    ``snapshots``: one table per month, with the day of each customer's departure (NaT if none) and
    the true probability to leave within the window.
    """

    snapshots: list[pd.DataFrame]

    def known_on(self, month: int, snapshots: range) -> pd.DataFrame:
        """What a table of these snapshots shows in a month: later departures are unknown."""
        today = day_of(month)
        parts = [self.snapshots[each] for each in snapshots]
        table = pd.concat(parts, ignore_index=True)
        leaves = table["leaves"].to_numpy("datetime64[D]")
        seen = table["seen"].to_numpy("datetime64[D]")
        within = (leaves <= seen + _WINDOW) & (leaves <= today)
        return table.assign(left=np.where(within, "yes", "no")).drop(columns=["leaves", "truth"])


def day_of(month: int) -> np.datetime64:
    """The day of a month's snapshot."""
    return _FIRST_DAY + _STEP * month


def simulate_business(customers: int, months: int, seed: int = 0) -> Business:
    """Simulate; those who leave are replaced by new customers."""
    rng = np.random.default_rng(seed)
    present = simulate(customers, seed + 1).customers
    snapshots = []
    for month in range(months):
        hazard = monthly_risk(present, month)
        ahead = monthly_risk(present.assign(tenure=present["tenure"] + 1), month + 1)
        goes = rng.random(len(present)) < hazard
        days = np.where(goes, rng.integers(1, _STEP + 1, len(present)), 0)
        leaves = np.where(goes, day_of(month) + days, np.datetime64("NaT"))
        snapshots.append(
            present.assign(seen=day_of(month), leaves=leaves, truth=1 - (1 - hazard) * (1 - ahead))
        )
        stays = present[~goes].copy()
        stays["tenure"] += 1
        stays["total_charges"] += stays["monthly_charges"]
        new = simulate(int(goes.sum()), 1000 * (seed + 1) + month).customers.assign(tenure=0)
        new["total_charges"] = new["monthly_charges"]
        present = pd.concat([stays, new], ignore_index=True)
    return Business(with_departures(snapshots))


def with_departures(snapshots: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Each snapshot with the customers' days of departure, whichever month these are in."""
    everything = pd.concat(snapshots)
    day = everything.dropna(subset="leaves").groupby("customer_id")["leaves"].min()
    return [each.assign(leaves=each["customer_id"].map(day)) for each in snapshots]


def monthly_risk(customers: pd.DataFrame, month: int) -> np.ndarray:
    """The true probability (n,) to leave within 30 days."""
    price = customers["monthly_charges"].to_numpy()
    yearly = true_probability(customers["age"].to_numpy(), customers["tenure"].to_numpy(), price)
    log_odds = np.log(yearly / (1 - yearly)) - 1.6
    if month >= _DRIFT_FROM:
        log_odds += 1.8 / (1 + np.exp(-(price - 60) / 8)) - 0.5
    return 1 / (1 + np.exp(-log_odds))


def true_loss(version: str, snapshot: pd.DataFrame) -> float:
    """A version's true log loss on a snapshot."""
    scorer = read_version(f"models:/churn/{version}").scorer
    names = [column.name for column in scorer.schema]
    p = scorer.score(snapshot[names], on_invalid="report").probability
    truth = snapshot["truth"].to_numpy()
    valid = np.isfinite(p)
    losses = -(truth * np.log(p) + (1 - truth) * np.log1p(-p))
    return float(losses[valid].mean())


def run(command, *arguments: str) -> tuple[int, str]:
    """Run a command in this process; returns its exit code and what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()) as errors:
        code = command(list(arguments))
    return code, printed.getvalue() + errors.getvalue()


def main() -> None:
    """Run the year and print it as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=4000)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--keep", type=Path, help="keep the registry and the tables in this folder")
    options = parser.parse_args()
    quiet_mlflow()
    business = simulate_business(options.customers, options.months + 2)
    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(exist_ok=True)
        os.chdir(folder)
        mlflow.set_tracking_uri("sqlite:///mlflow.db")
        print("| month | champion | challenger | true difference in log loss | decision | why |")
        print("| --- | --- | --- | --- | --- | --- |")
        trained: dict[int, str] = {}
        for month in range(_FIRST_MONTH, options.months):
            if month - 2 in trained and month - 2 > _FIRST_MONTH:
                print(examine(business, month, trained[month - 2]), flush=True)
            trained[month] = challenge(business, month)


def challenge(business: Business, month: int) -> str:
    """Train a challenger on all snapshots up to a month; returns its version."""
    business.known_on(month, range(month + 1)).to_csv(f"month{month}.csv", index=False)
    flags = ("--data", f"month{month}.csv", *_COLUMNS, *_FIT)
    code, printed = run(train, *flags)
    if code:
        raise SystemExit(printed)
    versions = MlflowClient().search_model_versions("name = 'churn'")
    return str(max(int(version.version) for version in versions))


def examine(business: Business, month: int, challenger: str) -> str:
    """Examine a challenger on the last snapshot whose labels are final; a line of the table."""
    snapshot = month - 2
    fresh = business.known_on(month, range(snapshot, snapshot + 1))
    fresh.to_csv(f"fresh{month}.csv", index=False)
    champion = version_of_alias("churn")
    MlflowClient().set_registered_model_alias("churn", "challenger", challenger)
    known = str(day_of(month))
    code, printed = run(promote, "--data", f"fresh{month}.csv", *_COLUMNS, "--known-until", known)
    current = business.snapshots[month]
    gap = true_loss(challenger, current) - true_loss(champion, current)
    lines = [line for line in printed.splitlines() if line.startswith(("not promoted", "error"))]
    decision = {0: "promoted", 2: "refused"}.get(code, "failed")
    return (
        f"| {month + 1} | {champion} | {challenger} | {gap:+.4f} | {decision} | "
        f"{'; '.join(lines)} |"
    )


if __name__ == "__main__":
    main()
