"""The MLflow run of ``churn monitor``: metrics by window, and the files."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric

from monitoring.findings import Findings
from monitoring.outputs.series import mean_score, predicted_share, rejected_share
from monitoring.results import PopulationResult, WindowResult
from monitoring.windows import EPOCH
from pyfunc import MONITORING_EXPERIMENT
from pyfunc.mlflow_run import logged_run
from pyfunc.registry_errors import readable_errors

_MOST_METRICS = 1000  # of one request to MLflow


def log_run(findings: Findings, folder: Path) -> str:
    """Log the metrics and the files in a folder as a run; returns its id. Raises RegistryError."""
    name = f"{findings.model_name} {findings.version} {findings.now:%Y-%m-%d}"
    with logged_run(name, MONITORING_EXPERIMENT) as run, readable_errors():
        mlflow.set_tags(
            {
                "model_name": findings.model_name,
                "model_version": findings.version,
                "verdict": findings.verdict,
                "alarms": str(sum(1 for _ in findings.alarms)),
            }
        )
        metrics = list(_metrics(findings))
        for start in range(0, len(metrics), _MOST_METRICS):
            MlflowClient().log_batch(run, metrics[start : start + _MOST_METRICS])
        mlflow.log_artifacts(str(folder))
    return run


def _metrics(findings: Findings) -> Iterator[Metric]:
    for result in findings.results:
        prefix = f"{result.population.source}/version {result.population.model_version}"
        for window in result.windows:
            step = _step(window.window.start, findings.every)
            yield from _logged(prefix, _window_values(window), window.window.start, step)
        yield from _cohort_metrics(prefix, result, findings.every)


def _cohort_metrics(prefix: str, result: PopulationResult, every: timedelta) -> Iterator[Metric]:
    for cohort in result.cohorts:
        values = {f"realised_{name}": each.value for name, each in cohort.realised.items()}
        yield from _logged(prefix, values, cohort.start, _step(cohort.start, every))


def _window_values(window: WindowResult) -> dict[str, float]:
    counts = window.window.counts
    return {
        "customers": counts.scored,
        "rejected_share": rejected_share(window),
        "predicted_share": predicted_share(window),
        "mean_probability": mean_score(window),
        "mean_log_odds": window.mean_log_odds,
        "shift": window.shift,
        **{f"shift/{term.term}": term.shift for term in window.terms},
        **{f"estimated_{name}": each.value for name, each in window.estimates.items()},
    }


def _logged(prefix: str, values: dict[str, float], start: datetime, step: int) -> Iterator[Metric]:
    """Metrics without those that are unknown; MLflow's time is the start of the window."""
    timestamp = round(start.timestamp() * 1000)
    for name, value in values.items():
        if math.isfinite(value):
            yield Metric(_valid_name(f"{prefix}/{name}"), float(value), timestamp, step)


def _step(start: datetime, every: timedelta) -> int:
    """The number of the window since 1970, so that later runs give a window the same step."""
    return (start - EPOCH) // every


def _valid_name(name: str) -> str:
    """A name with the characters that MLflow allows, and that is a plain path."""
    parts = re.sub(r"[^\w\-. /]", "_", name, flags=re.ASCII)[:250].split("/")
    return "/".join("_" if part in ("", ".", "..") else part for part in parts)
