"""Seconds and peak memory of ``churn monitor`` over a large inference log, with labels.

Writes a log of ``--rows`` rows in ``--folder`` (about 60 bytes a row, removed at the end): 90 days,
eight hours a day, hashed identifiers, counts per minute. Then it is read in processes of their own,
whose peak memory is measured: once only the reading of the windows and the join with labels, two
per customer, and once the whole command.

    python benchmarks/monitoring/memory.py --rows 1000000 10000000

Prints some lines for each size.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from churn_model.inference_log.identifiers import describe_identifiers, hash_texts
from churn_model.inference_log.log_format import (
    counts_schema,
    date_folder,
    part_name,
    row_schema,
)
from churn_model.profile import MonitoringProfile
from churn_model.profile.cell_counts import count_cells
from churn_model.profile.score_bins import count_scores, score_bins
from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.scoring import Scorer
from churn_model.scoring.scorecard import Feature, Scorecard, Term
from churn_model.validation import check_frame
from training.data.simulator import simulate

FIRST, DAYS, MINUTES = date(2026, 1, 1), 90, 480
CUSTOMERS = 200_000
LABEL_DAYS = ("2026-02-01", "2026-02-28")
KEY = bytes(range(32))
MODEL = "churn"


def made_up_scorer() -> Scorer:
    """A scorecard with as many cells as a fitted one."""
    rng = np.random.default_rng(7)
    cuts = {
        "age": np.arange(20.5, 80.5),
        "tenure": np.arange(1.5, 71.5),
        "monthly_charges": np.sort(rng.uniform(18, 119, 255)),
        "total_charges": np.sort(rng.exponential(2000, 255)),
    }
    terms = [
        Term(features=[name], cuts=[own.tolist()], scores=rng.normal(0, 0.4, len(own) + 3).tolist())
        for name, own in cuts.items()
    ]
    features = [Feature(name=name, kind="number") for name in cuts]
    return Scorer(Scorecard(intercept=-1.0, features=features, terms=terms), CUSTOMER_SCHEMA)


def write_log(folder: Path, rows: int) -> None:
    """Write rows and counts of DAYS days, and the labels."""
    scorer = made_up_scorer()
    frame = simulate(CUSTOMERS, seed=1).customers
    scores = scorer.score(frame)
    values = scorer.inputs(check_frame(frame, CUSTOMER_SCHEMA))
    cells = _cells(scorer, values, scores.probability)
    hashed = hash_texts(pa.array(frame["customer_id"], pa.string()), KEY).texts()
    rng = np.random.default_rng(2)
    for day in range(DAYS):
        n = rows * (day + 1) // DAYS - rows * day // DAYS
        chosen = rng.integers(0, CUSTOMERS, n)
        minute = np.sort(rng.integers(0, MINUTES, n))
        _write_rows(folder, day, chosen, minute, hashed, scores)
        _write_counts(folder, day, chosen, minute, cells)
    write_labels(folder / "labels.parquet", frame, scores.probability, rng)


def _cells(scorer: Scorer, values: Any, probability: Any) -> list[tuple[str, str, Any]]:
    """Kind, name and cell (CUSTOMERS,) of each histogram."""
    terms = zip(scorer.scorecard.terms, scorer.lookup.cells(values), strict=True)
    return [
        *(("term", term.name, np.asarray(own)) for term, own in terms),
        ("score", "", score_bins(probability)),
        *(("rows", name, np.zeros(CUSTOMERS, np.int64)) for name in ("scored", "logged")),
    ]


def _write_rows(folder: Path, day: int, chosen: Any, minute: Any, hashed: Any, scores: Any) -> None:
    n, schema = len(chosen), row_schema(CUSTOMER_SCHEMA, (), describe_identifiers(KEY))
    start = datetime.combine(FIRST + timedelta(days=day), datetime.min.time(), timezone.utc)
    second = int(start.timestamp()) + 8 * 3600 + minute * 60
    constant = {"model_name": MODEL, "model_version": "1", "source": "serve"}
    columns: dict[str, Any] = {
        "inference_id": pa.array([f"{day:x}-{i:x}" for i in range(n)]),
        "request_id": pa.nulls(n, pa.string()),
        "row": np.zeros(n, np.int64),
        "customer_id": hashed.take(pa.array(chosen)),
        "scored_at": pa.array(second * 1_000_000),
        "churn_prediction": scores.prediction[chosen],
        "churn_probability": scores.probability[chosen],
        "threshold": np.full(n, 0.5),
        "sampling_fraction": np.ones(n),
        **{name: pa.repeat(pa.scalar(text), n) for name, text in constant.items()},
    }
    arrays = [
        pa.array(columns[field.name]).cast(field.type)
        if not isinstance(columns[field.name], pa.Array)
        else columns[field.name].cast(field.type)
        for field in schema
    ]
    _write(folder, day, pa.Table.from_arrays(arrays, schema=schema))


def _write_counts(folder: Path, day: int, chosen: Any, minute: Any, cells: Any) -> None:
    start = datetime.combine(FIRST + timedelta(days=day), datetime.min.time(), timezone.utc)
    parts = []
    for kind, name, cell in cells:
        keys, counts = np.unique(minute * 4096 + cell[chosen], return_counts=True)
        n = len(keys)
        seconds = int(start.timestamp()) + 8 * 3600 + keys // 4096 * 60
        columns = {
            "minute": pa.array(seconds).cast(pa.timestamp("s", tz="UTC")),
            "cell": pa.array((keys % 4096).astype(np.int32)),
            "count": pa.array(counts.astype(np.float64)),
        }
        texts = {"model_name": MODEL, "model_version": "1", "source": "serve"}
        texts |= {"kind": kind, "name": name}
        columns |= {key: pa.repeat(pa.scalar(text), n) for key, text in texts.items()}
        schema = counts_schema()
        arrays = [columns[field.name] for field in schema]
        parts.append(pa.Table.from_arrays(arrays, schema=schema))
    _write(folder / "counts", day, pa.concat_tables(parts))


def _write(folder: Path, day: int, table: pa.Table) -> None:
    """Four files, as those of two workers."""
    target = folder / date_folder(FIRST + timedelta(days=day))
    target.mkdir(parents=True)
    size = -(-table.num_rows // 4)
    for number in range(4):
        pq.write_table(table.slice(number * size, size), target / part_name("ab", number))


def write_labels(file: Path, frame: pd.DataFrame, probability: Any, rng: Any) -> None:
    """Two labels per customer."""
    parts = [
        pd.DataFrame(
            {
                "customer_id": frame["customer_id"],
                "observed": day,
                "churned": (rng.random(len(frame)) < probability).astype(int),
            }
        )
        for day in LABEL_DAYS
    ]
    pd.concat(parts).to_parquet(file, index=False)


def measure(folder: Path) -> dict[str, Any]:
    """Read the log and join it; returns seconds, and memory in MiB."""
    from monitoring.inputs.counted import to_windows
    from monitoring.inputs.log import read_log
    from monitoring.inputs.log_files import find_log
    from monitoring.labels.matched import match_populations
    from monitoring.labels.options import LabelOptions
    from monitoring.labels.read import PredictionFiles, join_labels

    scorecard, every = made_up_scorer().scorecard, timedelta(days=1)
    result: dict[str, Any] = {"start_mib": _peak()}
    began = time.perf_counter()
    files = find_log(str(folder))
    counted = read_log(files, MODEL, every=every)
    windows, _ = to_windows(counted, {"1": scorecard}, datetime.now(timezone.utc))
    result |= {"windows_s": time.perf_counter() - began, "windows_mib": _peak()}
    result["scored"] = sum(w.counts.scored for own in windows.values() for w in own)
    began = time.perf_counter()
    options = LabelOptions(
        table=folder / "labels.parquet",
        id="customer_id",
        target=("churned=1",),
        as_of="observed",
        window=30,
        known_until=date(2026, 4, 1),
    )
    labels, joined, _ = join_labels(
        options, PredictionFiles(MODEL, ("customer_id",), files, key=KEY)
    )
    matched = match_populations(labels, joined, MODEL, timedelta(days=30), "exclude")
    result |= {"join_s": time.perf_counter() - began, "join_mib": _peak()}
    return result | {"labels": len(labels), "matched": sum(map(len, matched.values()))}


def register(folder: Path) -> str:
    """Register the scorecard with the profile of other customers; returns the tracking URI."""
    import mlflow
    from mlflow import MlflowClient
    from mlflow.models import Model

    uri = f"sqlite:///{folder / 'mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    scorer, artifacts = made_up_scorer(), folder / "model" / "artifacts"
    artifacts.mkdir(parents=True)
    Model().save(str(folder / "model" / "MLmodel"))
    scorer.scorecard.save(artifacts / "scorecard.json")
    (artifacts / "schema.json").write_text(json.dumps(CUSTOMER_SCHEMA.to_json_schema()))
    made_up_profile(scorer).save(artifacts / "monitoring_profile.json")
    client = MlflowClient()
    client.create_registered_model(MODEL)
    version = client.create_model_version(MODEL, source=str(folder / "model"))
    client.set_registered_model_alias(MODEL, "champion", version.version)
    return uri


def made_up_profile(scorer: Scorer) -> MonitoringProfile:
    """The profile of customers who churn as often as predicted."""
    n = 20_000
    frame = simulate(n, seed=5).customers
    probability = scorer.score(frame).probability
    churned = (np.random.default_rng(5).random(n) < probability).astype(float)
    values = scorer.inputs(check_frame(frame, CUSTOMER_SCHEMA))
    rows, churners, expected = (
        count_cells(scorer.lookup, values, weights) for weights in (None, churned, probability)
    )
    names = ("rows", "held_out", "churners", "expected")
    terms = [
        {"features": term.features}
        | {name: own.tolist() for name, own in zip(names, counts, strict=True)}
        for term, *counts in zip(
            scorer.scorecard.terms, rows, rows, churners, expected, strict=True
        )
    ]
    scores = {
        "rows": count_scores(probability).tolist(),
        "churners": count_scores(probability, churned).tolist(),
    }
    document = {"rows": n, "customers": n, "held_out_customers": n, "rejected": 0.0}
    document |= {"missing": {}, "unlisted": {}, "terms": terms, "scores": scores}
    return MonitoringProfile.model_validate_json(json.dumps(document))


def run_command(folder: Path) -> str:
    """Run ``churn monitor``; returns its exit code, seconds and peak memory."""
    uri = register(folder)
    key = folder / "log.key"
    key.write_text(KEY.hex() + "\n")
    arguments = ["monitor", "--log", folder, "--log-key", key, "--output", folder / "out"]
    arguments += ["--labels", folder / "labels.parquet", "--id", "customer_id"]
    arguments += ["--target", "churned=1", "--as-of", "observed", "--window", "30D"]
    arguments += ["--known-until", "2026-04-01"]
    command = [sys.executable, "-m", "churn_cli", *map(str, arguments)]
    began = time.perf_counter()
    with open(folder / "printed.txt", "w") as printed:
        process = subprocess.Popen(
            command,
            env={**os.environ, "MLFLOW_TRACKING_URI": uri},
            stdout=printed,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
        _, status, usage = os.wait4(process.pid, 0)
    seconds, code = time.perf_counter() - began, os.waitstatus_to_exitcode(status)
    lines = (folder / "printed.txt").read_text().splitlines()
    return (
        f"churn monitor: exit code {code}, {seconds:.1f} s, {usage.ru_maxrss / 1024:.0f} MiB; "
        f"{next(iter(lines), '')}"
    )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(rows: int, parent: str | None) -> Iterator[str]:
    """Write a log, read it in a process of its own, and remove it."""
    folder = Path(tempfile.mkdtemp(prefix="churn-monitoring-", dir=parent))
    try:
        began = time.perf_counter()
        write_log(folder, rows)
        size = sum(file.stat().st_size for file in folder.rglob("*.parquet"))
        yield f"{rows:,} rows: {size / 1e6:,.0f} MB written in {time.perf_counter() - began:.0f} s"
        command = [sys.executable, __file__, "--measure", str(folder)]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        yield json.dumps({name: round(value, 1) for name, value in found.items()})
        yield run_command(folder)
    finally:
        shutil.rmtree(folder)


def main() -> None:
    """Measure each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--folder", help="where the log is written (the system's temporary folder)")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        print(json.dumps(measure(options.measure)))
        return
    for rows in options.rows:
        for line in measured(rows, options.folder):
            print(line, flush=True)


if __name__ == "__main__":
    main()
