"""Measures what the setting ``inline_bytes`` weighs: handing work to a thread against scoring it.

If a request takes about as long to score as to hand to a thread, scoring on the event loop is
faster for all requests. A larger one would make the others wait.

Usage: python benchmarks/serving/inline.py
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import uvloop

from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.scoring import Scorer
from churn_model.validation import Checked
from serving.api.requests import read_invocation
from serving.typed_json import CustomersDecoder
from training.data.simulator import simulate
from training.fitting.fit import fit


async def _thread_round_trip(pool: ThreadPoolExecutor) -> float:
    begun = time.perf_counter()
    await asyncio.get_running_loop().run_in_executor(pool, int)
    return time.perf_counter() - begun


async def main() -> None:
    """Print both durations."""
    with ThreadPoolExecutor(2) as pool:
        round_trips = [await _thread_round_trip(pool) for _ in range(2000)]
    print(f"round trip to a thread: {statistics.median(round_trips) * 1e6:.0f} us\n")
    simulation = simulate(seed=0)
    scorecard = fit(simulation.customers, simulation.churned, CUSTOMER_SCHEMA).scorecard
    scorer = Scorer(scorecard, CUSTOMER_SCHEMA)
    decoder = CustomersDecoder(CUSTOMER_SCHEMA)

    def score(customers: object) -> None:
        if isinstance(customers, Checked):
            scorer.score_columns(customers)
        else:
            scorer.score(customers)

    frame = simulate(2000, seed=1).customers
    customers = frame.astype(object).where(frame.notna(), None).to_dict("records")
    print("| customers | body, bytes | read and score, us |\n| --- | --- | --- |")
    for n in (1, 10, 50, 100, 200, 500, 1000, 2000):
        body = json.dumps({"dataframe_records": customers[:n]}).encode()
        times = []
        for _ in range(200):
            begun = time.perf_counter()
            request = read_invocation(body, 100_000, decoder)
            score(request.customers)
            times.append(time.perf_counter() - begun)
        print(f"| {n} | {len(body):,} | {statistics.median(times) * 1e6:,.0f} |")


if __name__ == "__main__":
    uvloop.run(main())
