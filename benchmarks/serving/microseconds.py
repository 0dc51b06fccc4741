"""Shows where the time of a request with 1,000 customers goes, step by step, in CPU microseconds.

The steps are those of ``/predict`` without HTTP: with dictionaries, which the server uses for
bodies with an invalid customer or an ignored field, and with typed rows. They take turns in each
round; the medians are printed. ``freed`` is the time to free what a step has created.

Usage: python benchmarks/serving/microseconds.py [--fields 5 20 50] [--rounds N]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from msgspec.json import Decoder
from wide_model import records, register_wide_model

from churn_model.validation import check_records
from serving.api import replies, requests
from serving.served_model import ServedModel, load_model
from serving.typed_rows import TypedRowChecker, row_type

_MAX_ROWS = 100_000


def steps(served: ServedModel, body: bytes) -> dict[str, Callable[[], Any]]:
    """The steps, each on the result of the one before, and each way as a whole."""
    schema = served.scorer.schema
    decode = Decoder(dict[str, list[row_type(schema)]]).decode
    checker = TypedRowChecker(schema)
    dictionaries, rows = orjson.loads(body)["customers"], decode(body)["customers"]
    checked = checker.check(rows)
    params = requests.Params()
    request = requests.Request(checked, checked.n, params)

    def answer(decoder: Any) -> bytes:
        read = requests.read_customers(body, params, _MAX_ROWS, decoder)
        return replies.predictions(served, read, b"")[0]

    return {
        "dictionaries: parse": lambda: orjson.loads(body),
        "dictionaries: columns and checks": lambda: check_records(dictionaries, schema),
        "typed rows: parse and check types": lambda: decode(body),
        "typed rows: columns and bounds": lambda: checker.check(rows),
        "both: score": lambda: served.scorer.score_columns(checked),
        "both: score and write the reply": lambda: replies.predictions(served, request, b""),
        "dictionaries: all": lambda: answer(None),
        "typed rows: all": lambda: answer(served.decoder),
    }


def measure(compared: dict[str, Callable[[], Any]], rounds: int) -> dict[str, tuple[float, float]]:
    """The medians of the CPU times of each step and of freeing its result, in microseconds."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in compared}
    for _ in range(rounds):
        for name, step in compared.items():
            begun = time.process_time_ns()
            result = step()
            done = time.process_time_ns()
            del result
            freed = time.process_time_ns() - done
            times[name].append(((done - begun) / 1e3, freed / 1e3))
    return {
        name: tuple(map(statistics.median, zip(*each, strict=True))) for name, each in times.items()
    }


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fields", type=int, nargs="+", default=(5, 20, 50))
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    print("| fields | step | us | freed, us |\n| --- | --- | --- | --- |")
    for fields in options.fields:
        with tempfile.TemporaryDirectory() as name:
            _, customers, _ = register_wide_model(Path(name) / "model", fields)
            body = orjson.dumps({"customers": records(customers)})
            served = load_model("models:/churn@champion")
            for step, (spent, freed) in measure(steps(served, body), options.rounds).items():
                print(f"| {fields} | {step} | {spent:,.0f} | {freed:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
