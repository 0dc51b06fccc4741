"""The gates a version must pass before it may become champion; ``gates.toml`` holds the limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from churn_model.tables.descriptor import STRICT
from churn_model.toml_file import read_toml

DEFAULT = Path(__file__).with_name("gates.toml")

WORDS = {
    "auc": "AUC",
    "calibration_error": "calibration error",
    "skill": "share of the base rate's log loss removed",
    "alarms": "leakage alarms",
    "better": "confidence that its log loss is lower than the champion's",
    "worst_slice": "rise in log loss in the group served worst",
}


class Limit(BaseModel):
    """The worst value of a metric that still passes."""

    model_config = STRICT

    threshold: Annotated[float, Field(allow_inf_nan=False)]
    greater_is_better: bool


class Gates(BaseModel):
    """The limits of a first version and of a challenger, by metric."""

    model_config = STRICT

    first: dict[Literal["auc", "calibration_error", "skill", "alarms"], Limit]
    challenger: dict[Literal["better", "calibration_error", "worst_slice", "alarms"], Limit]


@dataclass(frozen=True)
class GateResult:
    """One gate's answer; ``text`` is fit for a user."""

    metric: str
    value: float
    passed: bool
    text: str


def load_gates(path: str | Path | None = None) -> Gates:
    """Read a gates file, or this project's. Raises TableError with one line of what to correct."""
    return read_toml(path or DEFAULT, Gates)


def check_gates(limits: Mapping[Any, Limit], values: Mapping[str, float]) -> list[GateResult]:
    """Hold each limit's metric against it. A value that is no number does not pass."""
    gate_results = []
    for metric, limit in limits.items():
        value = values[metric]
        above = value >= limit.threshold
        passed = above if limit.greater_is_better else value <= limit.threshold
        need = "at least" if limit.greater_is_better else "at most"
        text = f"{WORDS[metric]} {value:.4g}, {need} {limit.threshold:g} is needed"
        gate_results.append(GateResult(metric, value, passed, text))
    return gate_results


def failed_gates(gate_results: list[GateResult]) -> list[str]:
    """What stood in the way; empty where everything passed."""
    return [verdict.text for verdict in gate_results if not verdict.passed]
