"""Logs a training run to MLflow: parameters, metrics, figures, report and model card."""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import mlflow

from churn_model.schema import RecordSchema
from training.data.fingerprints import fingerprints
from training.data.table import Table
from training.evaluation.alarm import not_accepted
from training.evaluation.calibration import Calibration
from training.evaluation.evaluation import SCORECARD
from training.evaluation.selection import Candidate
from training.fitting.fit import FitSettings
from training.reporting.findings import Findings
from training.reporting.mlflow_dataset import log_dataset
from training.reporting.report import report
from training.reporting.run_figures import RunFigures
from training.reporting.training_rows import log_fingerprints


def log_findings(
    findings: Findings, figures: RunFigures, model_card: str, record_schema: RecordSchema
) -> None:
    """Log everything except the model to the active run.

    ``record_schema``: the schema of the registered model, with dates as dates.
    """
    _log_table(findings)
    log_fingerprints(fingerprints(findings.table, findings.schema))
    _log_parameters(findings)
    _log_candidates(findings.candidates, len(findings.table.churned))
    mlflow.log_metrics(run_metrics(findings))
    _log_figures(findings, figures)
    mlflow.log_text(json.dumps(record_schema.to_json_schema(), indent=1), "data/schema.json")
    mlflow.log_table(_slice_columns(findings), "slices.json")
    mlflow.log_text(report(findings, figures), "report.html")
    mlflow.log_text(model_card, "model_card.md")
    mlflow.set_tag("mlflow.note.content", model_card)


def _log_table(findings: Findings) -> None:
    table = findings.table
    log_dataset(findings.dataset)
    if table.dataset is not None:
        mlflow.log_text(table.dataset.to_toml(), "data/dataset.toml")
    if table.rejected_rows:
        mlflow.log_text(table.rejected.to_csv(index=False), "data/rejected_rows.csv")


def _log_parameters(findings: Findings) -> None:
    table = findings.table
    settings = _parameters(findings.candidates[0].settings, len(table.churned))
    mlflow.log_params(
        {
            # a run has one value per parameter, so these names differ from MLproject's parameters
            "dataset_name": table.name,
            "data_source": table.source or "simulator",
            "rows_read": table.rows,
            "rows_used": len(table.churned),
            "rows_rejected": table.rejected_rows,
            "rows_unlabelled": table.unlabelled_rows,
            "churn_rate": round(table.churn_rate, 6),
            "seed": findings.seed,
            "splits": findings.evaluation.splits,
            **_observation_parameters(table),
            **({"rows_valid": table.population.rows} if table.population is not None else {}),
            "settings": settings.pop("name"),
            "pairs": settings.pop("interactions"),
            **settings,
        }
    )
    if findings.campaign is not None:
        offer = asdict(findings.campaign.offer) | {"decide_by": findings.campaign.decide_by}
        mlflow.log_params({f"campaign/{name}": value for name, value in offer.items()})


def _observation_parameters(table: Table) -> dict[str, Any]:
    """When the rows were observed; empty if unknown."""
    parameters = table.observation.to_parameters()
    if table.observation.window:
        parameters["rows_immature"] = table.immature_rows
    return parameters


def _parameters(settings: FitSettings, rows: int) -> dict[str, Any]:
    return {**asdict(settings), "outer_bags": settings.bags(rows)}


def _log_candidates(candidates: list[Candidate], rows: int) -> None:
    for candidate in candidates:
        with mlflow.start_run(run_name=candidate.settings.name, nested=True):
            mlflow.log_params(_parameters(candidate.settings, rows) | {"folds": candidate.folds})
            mlflow.log_metrics(candidate.metrics)


def run_metrics(findings: Findings) -> dict[str, float]:
    """The metrics of a run, by the names under which MLflow stores them."""
    evaluation = findings.evaluation
    metrics: dict[str, float] = {}
    for model, values in evaluation.metrics.items():
        prefix = "" if model == SCORECARD else f"{model}/"
        metrics |= {f"{prefix}{metric}": value for metric, value in values.items()}
        for metric, interval in evaluation.intervals[model].items():
            metrics |= {f"{prefix}{metric}/{end}": v for end, v in interval._asdict().items()}
    gap, interval = evaluation.gaps[evaluation.best_baseline]
    metrics |= {
        "baseline_gap/log_loss": gap,
        "baseline_gap/low": interval.low,
        "baseline_gap/high": interval.high,
        "skill": evaluation.skill,
        "baseline_share": evaluation.baseline_share,
        **_calibration_metrics(evaluation.calibration),
        "empc": findings.empc,
        "alarms": len(not_accepted(findings.alarms)),
        "threshold": findings.scorecard.threshold,
    }
    if findings.campaign is not None:
        chosen = findings.campaign.chosen
        metrics |= {
            "campaign_profit": chosen.profit,
            "campaign_profit/low": chosen.interval.low,
            "campaign_profit/high": chosen.interval.high,
            "campaign_contacted": chosen.contacted,
        }
    return metrics


def _calibration_metrics(calibration: Calibration) -> dict[str, float]:
    """Ratio and slope with the ends of their intervals, if they are known."""
    metrics = {
        "observed_expected": calibration.ratio,
        "observed_expected/low": calibration.ratio_interval.low,
        "observed_expected/high": calibration.ratio_interval.high,
        "calibration_slope": calibration.slope,
        "calibration_slope/low": calibration.slope_interval.low,
        "calibration_slope/high": calibration.slope_interval.high,
    }
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def _log_figures(findings: Findings, figures: RunFigures) -> None:
    """Log the PNG files, all with one call."""
    file_names = _file_names(column.name for column in findings.schema.features)
    with tempfile.TemporaryDirectory() as folder:
        effects = Path(folder, "effects")
        effects.mkdir()
        for name, drawing in figures.evaluation.items():
            Path(folder, f"{name}.png").write_bytes(drawing.png)
        for name, drawing in figures.effects.items():
            (effects / f"{file_names[name]}.png").write_bytes(drawing.png)
        mlflow.log_artifacts(folder, "figures")


def _file_names(fields: Iterable[str]) -> dict[str, str]:
    """A unique and valid file name for each field name."""
    names: dict[str, str] = {}
    for field in fields:
        name = re.sub(r"[^\w-]+", "_", field).strip("_") or "field"
        names[field] = name if name not in names.values() else f"{name}_{len(names)}"
    return names


def _slice_columns(findings: Findings) -> dict[str, list[Any]]:
    rows = [asdict(each) for each in findings.slices]
    return {name: [row[name] for row in rows] for name in rows[0]}
