"""A real Spark session, and both engines run as one command."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from batch.score import main


@pytest.fixture(scope="session")
def spark(registry):
    from batch.spark import session

    os.environ["PYSPARK_PYTHON"] = sys.executable
    made = session("local[2]")
    yield made
    made.stop()


@pytest.fixture(params=["local", "spark"])
def engine(request, registry) -> str:
    if request.param == "spark":
        request.getfixturevalue("spark")
    return request.param


def command(engine: str, capsys, source: Path, target: Path, *flags: object):
    """Run the command; its code, its summary (None after an error) and what it complained of."""
    capsys.readouterr()
    arguments = ["--engine", engine, "--input", source, "--output", target, *flags]
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, json.loads(printed.out) if code != 1 else None, printed.err


def rows(target: Path, kind: str, form: str = "parquet") -> list[dict]:
    """What an output holds, ordered by its first column."""
    table = ds.dataset(target / kind, format=form, partitioning="hive").to_table()
    return sorted(table.to_pylist(), key=lambda row: str(next(iter(row.values()))))
