"""The batch command with both engines."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from batch.score import main


@pytest.fixture(params=["local", "spark"])
def engine(request, registry) -> str:
    if request.param == "spark":
        request.getfixturevalue("spark")
    return request.param


def command(engine: str, capsys, source: Path, target: Path, *flags: object):
    """Run the command; returns its exit code, its summary (None after an error) and its stderr."""
    capsys.readouterr()
    arguments = ["--engine", engine, "--input", source, "--output", target, *flags]
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, json.loads(printed.out) if code != 1 else None, printed.err


def rows(target: Path, kind: str, file_format: str = "parquet") -> list[dict]:
    """The rows of an output, ordered by the first column."""
    table = ds.dataset(target / kind, format=file_format, partitioning="hive").to_table()
    return sorted(table.to_pylist(), key=lambda row: str(next(iter(row.values()))))
