"""Compares ``/predict/single`` with and without a shadow, and with and without a canary.

The servers take turns on core 0, and wrk runs on core 1; the medians over the rounds are printed.
All have API keys, rate limits, request ids, JSON logs, metrics and the inference log. The shadow
and the canary are another version of the same model. The last column is the share of the rows that
the shadow has scored: it drops customers rather than delay replies. Needs wrk (Debian: apt-get
install wrk) and the extras train and serve.

Usage: python benchmarks/serving/shadow.py [--seconds S] [--rounds N] [--connections N]
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import requests
from local_registry import CUSTOMER, create_registry, register_simulated
from wrk import Load, measure, serving

from serving.http.api_keys import make

HERE = Path(__file__).parent
CHALLENGER = "models:/churn@challenger"
SERVERS = {
    "without": [],
    "with a shadow": ["--shadow", CHALLENGER],
    "with a canary, 5 %": ["--canary", CHALLENGER, "--canary-share", "0.05"],
}
LIMITS = ["--rate-limit", "100000000/minute", "--rate-limit-rows", "100000000000/minute"]


def shadow_share(port: int, key: str) -> str:
    """The share of the shadow's rows that it has scored, from the metrics."""
    text = requests.get(f"http://127.0.0.1:{port}/metrics", headers={"X-API-Key": key}).text
    found = re.findall(r'^churn_shadow_rows_total{outcome="(\w+)"} ([\d.e+]+)$', text, re.MULTILINE)
    rows = {outcome: float(number) for outcome, number in found}
    scored = rows.get("agreed", 0.0) + rows.get("disagreed", 0.0)
    return f"{scored / sum(rows.values()):.1%}" if rows else ""


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3, help="duration of one run of wrk")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    key, stored = make()
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in SERVERS}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        uri = create_registry(folder)
        register_simulated(10_000)
        register_simulated(10_000, "challenger", seed=1)
        environment = {"MLFLOW_TRACKING_URI": uri, "CHURN_SERVING_KEYS": f"bench={stored.hash}"}
        ports, groups = dict(zip(SERVERS, range(8221, 8230), strict=False)), {}
        for server, flags in SERVERS.items():
            command = [sys.executable, "-m", "serving", "-p", str(ports[server]), *LIMITS, *flags]
            command += ["--inference-log", str(folder / f"log-{ports[server]}")]
            command += ["--inference-log-key", str(folder / "key")]
            group = serving(command, ports[server], HERE, environment)
            groups[server] = stack.enter_context(group)
        headers = {"Content-Type": "application/json", "X-API-Key": key}
        load = Load("/predict/single", json.dumps(CUSTOMER).encode(), headers)
        for _ in range(options.rounds):
            for server, group in groups.items():
                measured = measure(
                    load, ports[server], group, options.connections, options.seconds, folder
                )
                runs[server].append(measured)
        shares = {server: shadow_share(port, key) for server, port in ports.items()}
    print("| server | requests/s | of that without | p50 ms | p99 ms | CPU us/request | shadowed |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for server, measured_runs in runs.items():
        ratio = statistics.median(
            run["rate"] / without["rate"]
            for run, without in zip(measured_runs, runs["without"], strict=True)
        )
        median = {k: statistics.median(run[k] for run in measured_runs) for k in measured_runs[0]}
        print(
            f"| {server} | {median['rate']:,.0f} | {ratio:.2f} | {median['p50']:.2f} | "
            f"{median['p99']:.2f} | {median['cpu_us']:.1f} | {shares[server]} |"
        )


if __name__ == "__main__":
    main()
