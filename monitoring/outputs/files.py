"""Writes the files of a run, and their names."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from churn_model.errors import MonitoringError
from monitoring.findings import Findings
from monitoring.outputs.page import page
from monitoring.outputs.tables import drift_metrics, profile_metrics

PROFILE, DRIFT, PAGE = "profile_metrics.parquet", "drift_metrics.parquet", "monitoring.html"


def write_files(findings: Findings, folder: Path) -> None:
    """Write the two tables and the page into a folder. Raises MonitoringError."""
    try:
        pq.write_table(profile_metrics(findings), folder / PROFILE)
        pq.write_table(drift_metrics(findings), folder / DRIFT)
        (folder / PAGE).write_text(page(findings), encoding="utf-8")
    except OSError as error:
        raise MonitoringError(
            f"the results cannot be written ({error.strerror or error}); name another --output"
        ) from None
