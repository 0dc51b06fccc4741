"""Reads an inference log as its readers do."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from churn_model.inference_log.log_format import is_complete, is_own


def files(folder: Path, kind: str = "") -> list[Path]:
    """The complete files of rows, or with ``counts`` those of counts."""
    found = sorted((folder / kind).glob("date=*/*.parquet"))
    return [file for file in found if is_complete(file.name)]


def table(folder: Path, kind: str = "") -> pd.DataFrame:
    """All rows, or with ``counts`` all counts."""
    tables = [pq.ParquetFile(file) for file in files(folder, kind)]
    assert all(is_own(own.metadata.metadata) for own in tables)
    frames = [own.read().to_pandas() for own in tables]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def outcomes(folder: Path) -> dict[str, float]:
    """The number of rows by outcome."""
    counts = table(folder, "counts")
    if counts.empty:
        return {}
    rows = counts[counts.kind == "rows"]
    return rows.groupby("name")["count"].sum().to_dict()


def assert_adds_up(folder: Path) -> dict[str, float]:
    """Scored = logged + dropped + not sampled, and as many rows as are logged."""
    found = outcomes(folder)
    parts = sum(found.get(name, 0) for name in ("logged", "dropped", "not_sampled"))
    assert found.get("scored", 0) == parts
    assert len(table(folder)) == found.get("logged", 0)
    return found
