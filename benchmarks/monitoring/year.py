"""A simulated year in production: scoring, monitoring, retraining and promotion, month by month.

Each month ``churn serve`` scores all customers over HTTP and logs them. A campaign contacts those
who are predicted to churn, except for a control group. At the end of the month, ``churn monitor``
reads the log and the labels, which are final after 60 days, and its verdict decides whether
``churn train`` or ``churn recalibrate`` makes a challenger from the customers who were observed
since predictions became worse. Two months later ``churn promote`` examines it on the first
customers who were observed after the labels that it was made from, because their labels are final
then. In month five prices rise, except for new customers, and the others begin to leave. The true
probabilities are known, and with them the lost profit.

A server logs the present time. Its log is moved to the simulated time: the same number of minutes
is added to each time of a month, and the files get the names of their new days.

Usage: python benchmarks/monitoring/year.py [--customers N] [--months N] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from business import HISTORY, OFFER, STEP, WINDOW, Business, day_of, profit
from mlflow import MlflowClient
from served_log import move, server

from churn_model.client import ChurnClient
from monitoring.arguments import monitor_options
from monitoring.findings import Findings
from monitoring.monitor import run as run_monitor
from pyfunc.environment import quiet_mlflow
from pyfunc.loaded_version import read_version
from pyfunc.registry import version_of_alias
from training.promote import main as promote
from training.recalibrate import main as recalibrate
from training.train import main as train

_COLUMNS = ("--id", "customer_id", "--target", "left=yes", "--as-of", "seen", "--window", "60D")
_FIT = ("--folds", "3", "--bags", "2", "--interactions", "1")
_CAMPAIGN = (
    *("--offer-cost", f"{OFFER.cost:g}", "--offer-success", f"{OFFER.success:g}"),
    *("--horizon", f"{OFFER.horizon:g}", "--margin", f"{OFFER.margin:g}"),
    *("--contact-cost", f"{OFFER.contact_cost:g}", "--revenue", "monthly_charges"),
)
_LOG = Path("log")
_KEY = Path("log.key")


@dataclass
class Month:
    """What happened in a month; a line of the printed table."""

    month: int
    champion: str
    findings: Findings
    action: str
    lost: float
    lost_by_first: float

    def line(self) -> str:
        """The month as a line of Markdown."""
        alarms = [
            f"{alarm.kind.replace('_', ' ')} {alarm.subject}".strip()
            for _, alarm in self.findings.alarms
        ]
        return (
            f"| {self.month + 1} | {self.champion} | {', '.join(alarms) or 'none'} | "
            f"{self.findings.verdict} | {self.action} | {self.lost:,.0f} | "
            f"{self.lost_by_first:,.0f} |"
        )


def main() -> None:
    """Run the year and print it as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=4000)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--keep", type=Path, help="keep registry, log and pages in this folder")
    options = parser.parse_args()
    quiet_mlflow()
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(exist_ok=True)
        os.chdir(folder)
        mlflow.set_tracking_uri("sqlite:///mlflow.db")
        simulate_year(Business(options.customers), options.months)
    print(f"\n{time.monotonic() - began:.0f} seconds")


def simulate_year(business: Business, months: int) -> None:
    """Train the first champion, and run the months."""
    for month in range(-HISTORY, 0):
        business.snapshot(month)
        business.pass_month(month)
    business.labels(range(-HISTORY, -1)).drop(columns="contacted").to_csv("first.csv", index=False)
    call(train, "--data", "first.csv", *_COLUMNS, *_FIT, *_CAMPAIGN, *known_until(0))
    print(
        "| month | champion | alarms | verdict | action at the end of the month | profit lost | "
        "by version 1 |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    last, made, totals = "", 0, np.zeros(2)
    for month in range(months):
        champion = str(version_of_alias("churn"))
        lost, lost_by_first = score(business, month)
        business.pass_month(month)
        findings = monitor(business, month)
        if last.startswith(("trained", "recalibrated", "waiting")):
            is_due = month == made + WINDOW // STEP
            last = examine(business, month) if is_due else "waiting for fresh labels"
        elif findings.verdict in ("retrain", "recalibrate"):
            # if recalibration did not help, the model is trained again
            last, made = challenge(findings, month, again="refused" in last), month
        else:
            last = ""
        totals += lost, lost_by_first
        done = Month(month, champion, findings, last or "none", lost, lost_by_first)
        print(done.line(), flush=True)
    print(f"\nProfit lost in the year: {totals[0]:,.0f}; by version 1 alone: {totals[1]:,.0f}")


def score(business: Business, month: int) -> tuple[float, float]:
    """Score a month's customers through the server and contact them.

    Returns the expected profit that is lost by the champion's decisions, compared with contacting
    the right customers, and by those of version 1.
    """
    customers = business.snapshot(month)
    aside = Path(f"log-{month}")
    with server(aside, _KEY) as url, ChurnClient(url) as client:
        scores = client.predict(customers)
    move(aside, _LOG, day_of(month))
    predicted = scores["churn_prediction"].to_numpy() == 1
    business.contact(month, predicted)
    first = read_version("models:/churn/1").scorer.score(customers).prediction == 1
    snapshot = business.snapshots[month]
    revenue = snapshot["monthly_charges"].to_numpy()
    best = profit(snapshot, OFFER.expected_profit(snapshot["truth"].to_numpy(), revenue) > 0)
    return best - profit(snapshot, predicted), best - profit(snapshot, first)


def monitor(business: Business, month: int) -> Findings:
    """``churn monitor`` at the end of a month."""
    business.labels(range(month + 1)).drop(columns=FEATURES).to_csv("labels.csv", index=False)
    flags = ["--log", str(_LOG), "--log-key", str(_KEY), "--output", f"monitoring-{month + 1}"]
    flags += ["--every", f"{STEP}D"]
    if month >= WINDOW // STEP - 1:  # before that, no label is final
        Path("labelled.csv").unlink(missing_ok=True)
        flags += ["--labels", "labels.csv", *_COLUMNS, *known_until(month + 1)]
        flags += ["--treatment", "contacted=yes", "--treated", "weight"]
        flags += ["--labelled", "labelled.csv"]
    end = np.datetime64(day_of(month + 1), "s").astype(datetime).replace(tzinfo=timezone.utc)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        findings = run_monitor(monitor_options(flags), now=end)
    Path(f"monitoring-{month + 1}", "summary.txt").write_text(printed.getvalue())
    return findings


FEATURES = ["age", "tenure", "monthly_charges", "total_charges"]


def challenge(findings: Findings, month: int, again: bool) -> str:
    """Make a challenger from the customers who were observed since predictions became worse.

    Two months of them are needed.
    """
    table = pd.read_csv("labelled.csv", dtype={"customer_id": str})
    since = [alarm.since for _, alarm in findings.alarms if alarm.kind == "realised_loss"]
    first = f"{min(since):%Y-%m-%d}" if since else str(day_of(month - 3))
    recent = table[table["seen"] >= first]
    if recent["seen"].nunique() < 2:
        return "one more month of labels is needed"
    recent.to_csv("recent.csv", index=False)
    flags = ("--data", "recent.csv", *_COLUMNS, "--weight", "weight", *known_until(month + 1))
    if findings.verdict == "recalibrate" and not again:
        call(recalibrate, *flags)
        return f"recalibrated as version {newest()}"
    call(train, *flags, *_FIT)
    return f"trained version {newest()}"


def examine(business: Business, month: int) -> str:
    """Examine the challenger on the customers whose labels became final in this month."""
    table = pd.read_csv("labelled.csv", dtype={"customer_id": str})
    fresh = table[table["seen"] == str(day_of(month - 1))]
    fresh.to_csv("fresh.csv", index=False)
    flags = ("--data", "fresh.csv", *_COLUMNS, "--weight", "weight", *known_until(month + 1))
    code, printed = run(promote, *flags)
    if code == 0:
        return f"promoted version {version_of_alias('churn')}"
    lines = [each for each in printed.splitlines() if each.startswith(("not promoted", "error"))]
    return f"version {newest()} refused: {lines[0].partition(': ')[2]}"


def known_until(month: int) -> tuple[str, str]:
    """Churn is known up to the day before a month's snapshot."""
    return ("--known-until", str(day_of(month)))


def newest() -> str:
    """The version that was registered last."""
    versions = MlflowClient().search_model_versions("name = 'churn'")
    return str(max(int(version.version) for version in versions))


def run(command, *arguments: str) -> tuple[int, str]:
    """Run a command in this process; returns its exit code and what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = command(list(arguments))
    with open("commands.log", "a") as log:
        log.write(f"$ {' '.join(arguments)}\n{printed.getvalue()}\n")
    return code, printed.getvalue()


def call(command, *arguments: str) -> str:
    """Run a command, and stop if it fails."""
    code, printed = run(command, *arguments)
    if code:
        raise SystemExit(printed)
    return printed


if __name__ == "__main__":
    main()
