"""The columns of the two tables, with what they mean.

Names that Databricks' profiling tables use for the same thing are theirs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pyarrow as pa

TABLE = ":table"
"""In ``column_name``: all columns together, as in Databricks' tables."""

_TIME, _TEXT, _COUNT, _NUMBER = pa.timestamp("us", tz="UTC"), pa.string(), pa.int64(), pa.float64()


class Column(NamedTuple):
    """A column of a table."""

    name: str
    type: Any
    meaning: str


_KEYS = (
    Column("window_start", _TIME, "start of the window (UTC)"),
    Column("window_end", _TIME, "its end, exclusive"),
    Column("granularity", _TEXT, "length of a window, such as `1 day`"),
    Column("model_name", _TEXT, "the registered model"),
    Column("model_version", _TEXT, "the version that scored"),
    Column("source", _TEXT, "`serve`, `mlflow`, `batch`, `table`, or as configured"),
)

ESTIMATED = ("auc", "log_loss", "churn_rate", "profit")
REALISED = ("auc", "log_loss", "brier", "churn_rate", "calibration")
ENDS = ("", "_low", "_high")
"""Suffixes of a metric's columns: its value and the ends of its 95 % interval."""

_MEANINGS = {
    "auc": "area under the ROC curve",
    "log_loss": "log loss",
    "brier": "Brier score",
    "churn_rate": "share of customers who churn (0 to 1)",
    "calibration": "observed churners over expected ones",
    "profit": "profit per contacted customer, of a version with a campaign",
}
_OF = {"": "", "_low": ", low end of the 95 % interval", "_high": ", high end"}


def _metrics(prefix: str, names: tuple[str, ...], what: str) -> tuple[Column, ...]:
    return tuple(
        Column(f"{prefix}_{name}{end}", _NUMBER, f"{what} {_MEANINGS[name]}{_OF[end]}")
        for name in names
        for end in ENDS
    )


PROFILE_COLUMNS = (
    *_KEYS,
    Column("column_name", _TEXT, "a feature, or `:table` for the rows as a whole"),
    Column("count", _COUNT, "scored customers"),
    Column("rejected", _COUNT, "rows that were rejected (`:table`)"),
    Column("percent_rejected", _NUMBER, "percentage of rows that were rejected (`:table`)"),
    Column("percent_null", _NUMBER, "percentage of customers without a value (features)"),
    Column("percent_unlisted", _NUMBER, "percentage with a level not in the schema (features)"),
    Column("mean_probability", _NUMBER, "mean churn probability (`:table`)"),
    Column("mean_log_odds", _NUMBER, "mean log-odds of churn (`:table`)"),
    Column("percent_predicted", _NUMBER, "percentage predicted to churn (`:table`)"),
    *_metrics("estimated", ESTIMATED, "estimated without labels:"),
    Column("labelled", _COUNT, "customers of the cohort with final labels (`:table`)"),
    Column("churned", _COUNT, "of these, those who churned"),
    *_metrics("realised", REALISED, "of the labelled customers:"),
    *_metrics("expected", REALISED, "estimated for the same customers at the time:"),
)

DRIFT_COLUMNS = (
    *_KEYS,
    Column("drift_type", _TEXT, "`BASELINE`: compared with the reference"),
    Column("reference", _TEXT, "what the window is compared with"),
    Column("column_name", _TEXT, "a term of the scorecard, or `:table` for the score"),
    Column("features", pa.list_(_TEXT), "the features of the term"),
    Column("shift", _NUMBER, "change in mean log-odds; those of the terms add up to `:table`'s"),
    Column("movement", _NUMBER, "the same in absolute values, which do not cancel"),
    Column("chi_squared_p_value", _NUMBER, "p-value, corrected for the number of terms (Holm)"),
    Column("population_stability_index", _NUMBER, "PSI on at most ten merged bins"),
    Column("js_distance", _NUMBER, "Jensen-Shannon distance on the same bins"),
    Column("ks_statistic", _NUMBER, "largest difference of the cumulative shares"),
    Column("is_alarm", pa.bool_(), "whether the window is part of an alarm about the term"),
)


def schema(columns: tuple[Column, ...]) -> Any:
    """The Arrow schema of a table."""
    return pa.schema([(column.name, column.type) for column in columns])
