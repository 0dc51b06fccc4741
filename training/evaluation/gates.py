"""The gates that a version must pass to become champion; ``gates.toml`` has their limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from churn_model.tables.descriptor import STRICT
from churn_model.toml_file import read_toml
from training.evaluation.calibration import Calibration

DEFAULT = Path(__file__).with_name("gates.toml")

DISPLAY_NAMES = {
    "auc": "AUC",
    "calibration_error": "calibration error beyond sampling noise",
    "observed_expected": "factor between observed and expected churn (nearer end of the interval)",
    "calibration_slope": "factor between the calibration slope and 1 (nearer end of the interval)",
    "skill": "share of the base rate's log loss removed",
    "baseline_share": "share of the best baseline's skill (upper end of the 95 % interval)",
    "group_calibration": "difference of predicted and observed churn in the worst group",
    "group_contacted": "difference in the share of churners contacted between audited groups",
    "alarms": "leakage alarms",
    "better": "confidence that its log loss is lower than the champion's",
    "worst_slice": "significant rise in log loss in the worst slice",
    "profit": "upper end of the 95 % interval of the difference in profit per customer",
    "contacted": "change of the share of customers predicted to churn",
}


_Calibration = Literal["calibration_error", "observed_expected", "calibration_slope"]


class Limit(BaseModel):
    """The worst value of a metric that still passes."""

    model_config = STRICT

    threshold: Annotated[float, Field(allow_inf_nan=False)]
    greater_is_better: bool


class Gates(BaseModel):
    """The limits by metric.

    ``absolute``: of a version without a champion to compare it with (``[first]`` in the file).
    ``challenger``: of a version that is compared with the champion.
    """

    model_config = STRICT

    absolute: Annotated[
        dict[
            _Calibration
            | Literal[
                "auc", "skill", "baseline_share", "group_calibration", "group_contacted", "alarms"
            ],
            Limit,
        ],
        Field(alias="first"),
    ]
    challenger: dict[
        _Calibration | Literal["better", "worst_slice", "alarms", "profit", "contacted"], Limit
    ]


@dataclass(frozen=True)
class GateResult:
    """The result of one gate; ``text`` is for users."""

    passed: bool
    text: str


def load_gates(path: str | Path | None = None) -> Gates:
    """Read a gates file, by default this project's. Raises InvalidToml."""
    return read_toml(path or DEFAULT, Gates)


def absolute_values(
    metrics: Mapping[str, float], skill: float, calibration: Calibration
) -> dict[str, float]:
    """The values of the absolute gates, except those of baselines, groups and alarms."""
    return {**metrics, "skill": skill, **calibration.gate_values()}


def check_gates(limits: Mapping[Any, Limit], values: Mapping[str, float]) -> list[GateResult]:
    """Compare each metric with its limit. NaN does not pass.

    Of all metrics, only the profit may have no value; then there is no campaign to check.
    """
    gate_results = []
    for metric, limit in limits.items():
        if metric == "profit" and metric not in values:
            continue
        value = values[metric]
        if limit.greater_is_better:
            passed, bound = value >= limit.threshold, "at least"
        else:
            passed, bound = value <= limit.threshold, "at most"
        text = f"{DISPLAY_NAMES[metric]} {value:.4g}, {bound} {limit.threshold:g} required"
        gate_results.append(GateResult(passed, text))
    return gate_results


def failed_gates(gate_results: list[GateResult]) -> list[str]:
    """The texts of the gates that failed."""
    return [result.text for result in gate_results if not result.passed]
