"""A training run as MLflow keeps it: parameters, metrics, figures, report, scorecard."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import mlflow

from churn_model.schema import RecordSchema
from training.evaluation.evaluation import SCORECARD
from training.evaluation.selection import Candidate
from training.fitting.fit import outer_bags
from training.reporting.figures import any_text
from training.reporting.findings import Findings
from training.reporting.inputs import log_input
from training.reporting.report import report
from training.reporting.run_figures import RunFigures


def log_findings(
    findings: Findings, drawn: RunFigures, model_card: str, record: RecordSchema
) -> None:
    """Write everything but the model to the active run. ``record``: the schema as registered."""
    _log_inputs(findings)
    _log_candidates(findings.candidates)
    _log_metrics(findings)
    _log_figures(findings, drawn)
    mlflow.log_text(json.dumps(record.to_json_schema(), indent=1), "data/schema.json")
    mlflow.log_table(_columns(findings), "slices.json")
    mlflow.log_text(report(findings, drawn), "report.html")
    mlflow.log_text(model_card, "model_card.md")
    mlflow.set_tag("mlflow.note.content", model_card)


def _log_inputs(findings: Findings) -> None:
    table = findings.table
    log_input(findings.data)
    settings = asdict(findings.candidates[0].settings)
    mlflow.log_params(
        {
            # names that MLproject's own parameters do not have: a run's parameter has one value
            "dataset_name": table.name,
            "data_source": table.source or "simulator",
            "rows_read": table.rows,
            "rows_used": len(table.churned),
            "rows_rejected": table.rejected_rows,
            "rows_unlabelled": table.unlabelled_rows,
            "churn_rate": round(table.churn_rate, 6),
            "seed": findings.seed,
            "splits": findings.evaluation.splits,
            **({"aged_to": str(table.as_of)} if table.as_of else {}),
            "settings": settings.pop("name"),
            "pairs": settings.pop("interactions"),
            "outer_bags": outer_bags(len(table.churned)),
            **settings,
        }
    )
    if findings.campaign is not None:
        offer = asdict(findings.campaign.offer)
        mlflow.log_params({f"campaign/{name}": value for name, value in offer.items()})
    if table.dataset is not None:
        mlflow.log_text(table.dataset.to_toml(), "data/dataset.toml")
    if table.rejected_rows:
        mlflow.log_text(table.rejected.to_csv(index=False), "data/rejected_rows.csv")


def _log_candidates(compared: list[Candidate]) -> None:
    for candidate in compared:
        with mlflow.start_run(run_name=candidate.settings.name, nested=True):
            mlflow.log_params(asdict(candidate.settings))
            mlflow.log_metrics(candidate.metrics)


def _log_metrics(findings: Findings) -> None:
    evaluation = findings.evaluation
    for model, values in evaluation.metrics.items():
        prefix = "" if model == SCORECARD else f"{model}/"
        mlflow.log_metrics({f"{prefix}{metric}": value for metric, value in values.items()})
        for end in ("low", "high"):
            ends = evaluation.intervals[model].items()
            mlflow.log_metrics({f"{prefix}{m}/{end}": getattr(i, end) for m, i in ends})
    gap, interval = evaluation.gaps[evaluation.best_baseline]
    mlflow.log_metrics(
        {
            "baseline_gap/log_loss": gap,
            "baseline_gap/low": interval.low,
            "baseline_gap/high": interval.high,
            "skill": evaluation.skill,
            "empc": findings.empc,
            "alarms": len(findings.alarms),
            "threshold": findings.scorecard.threshold,
        }
    )
    if findings.campaign is not None:
        best = findings.campaign.best
        mlflow.log_metrics({"campaign_profit": best.profit, "campaign_contacted": best.contacted})


def _log_figures(findings: Findings, drawn: RunFigures) -> None:
    files = _file_names(column.name for column in findings.schema.features)
    with any_text():
        for name, figure in drawn.evaluation.items():
            mlflow.log_figure(figure, f"figures/{name}.png")
        if drawn.profit is not None:
            mlflow.log_figure(drawn.profit, "figures/profit.png")
        for name, figure in drawn.effects.items():
            mlflow.log_figure(figure, f"figures/effects/{files[name]}.png")


def _file_names(names: Iterable[str]) -> dict[str, str]:
    """A file's name for each field, whatever it is called."""
    taken: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^\w-]+", "_", name).strip("_") or "field"
        taken[name] = plain if plain not in taken.values() else f"{plain}_{len(taken)}"
    return taken


def _columns(findings: Findings) -> dict[str, list[Any]]:
    rows = [asdict(each) for each in findings.slices]
    return {name: [row[name] for row in rows] for name in rows[0]}
