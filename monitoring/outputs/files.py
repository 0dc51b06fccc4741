"""Writes the files of a run, and their names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from churn_model.errors import MonitoringError
from monitoring.findings import Findings
from monitoring.outputs.next_step import next_step
from monitoring.outputs.page import page
from monitoring.outputs.tables import drift_metrics, profile_metrics

PROFILE, DRIFT, PAGE = "profile_metrics.parquet", "drift_metrics.parquet", "monitoring.html"
SUMMARY = "summary.json"


def write_files(findings: Findings, folder: Path) -> None:
    """Write the tables, the page and the summary into a folder. Raises MonitoringError."""
    try:
        pq.write_table(profile_metrics(findings), folder / PROFILE)
        pq.write_table(drift_metrics(findings), folder / DRIFT)
        (folder / PAGE).write_text(page(findings), encoding="utf-8")
        (folder / SUMMARY).write_text(json.dumps(_summary(findings), indent=1), encoding="utf-8")
    except OSError as error:
        raise MonitoringError(
            f"the results cannot be written ({error.strerror or error}); name another --output"
        ) from None


def _summary(findings: Findings) -> dict[str, Any]:
    """What a script needs to decide what to do."""
    return {
        "model_name": findings.model_name,
        "model_version": findings.version,
        "verdict": findings.verdict,
        "reasons": [reason for result in findings.current for reason in result.reasons],
        "alarms": [
            {
                "source": result.population.source,
                "kind": alarm.kind,
                "subject": alarm.subject,
                "since": alarm.since.isoformat(),
                "message": alarm.message,
            }
            for result, alarm in findings.alarms
        ],
        "next_step": next_step(findings),
    }
