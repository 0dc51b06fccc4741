"""The registered model's code ("models from code"): MLflow runs this file to load the model.

It only adapts ``churn_model``, which is logged with it, to MLflow's interface.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, cast

import mlflow.models
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel

from churn_model.errors import LISTED_ERRORS, ChurnError, InvalidRecords
from churn_model.inference_log.inference_log import VersionLog
from churn_model.scoring import EXPECTED_PROFIT, Scorer, Scores
from pyfunc.inference_log import in_spark_task, log_of_environment

SCORECARD = "scorecard"
SCHEMA = "schema"
"""Names of the two artifacts that scoring needs."""

_logger = logging.getLogger(__name__)


class ChurnPyfunc(PythonModel):
    """Scores customers; the signature lists columns and params.

    With ``on_invalid="raise"`` (the default) an invalid row fails the call. With ``"report"`` an
    invalid row keeps its position, with a null prediction and probability and the reason in the
    column ``error``.
    """

    log: VersionLog | None = None

    def load_context(self, context: Any) -> None:
        """Load the scorecard and the schema that it was logged with.

        Raises MlflowException if the environment asks for an inference log that cannot be written.
        """
        self.scorer = Scorer.load(context.artifacts[SCORECARD], context.artifacts[SCHEMA])
        folder = Path(context.artifacts[SCORECARD]).parents[1]
        try:
            self.log = log_of_environment(self.scorer, folder)
        except ChurnError as error:
            raise MlflowException(str(error), INVALID_PARAMETER_VALUE) from None

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Score a DataFrame (n rows) -> identifiers, churn_prediction, churn_probability.

        A model with a campaign adds expected_profit, None where the revenue is missing. Keeps row
        order and index. Raises only MlflowException, because MLflow's server sends the
        stack trace of any other exception to the caller: INVALID_PARAMETER_VALUE for invalid rows
        or params, INTERNAL_ERROR for a bug.
        """
        try:
            return self._predict(model_input, params or {})
        except InvalidRecords as error:
            raise MlflowException(
                str(error),
                INVALID_PARAMETER_VALUE,
                errors=[e.as_dict() for e in error.errors[:LISTED_ERRORS]],
                error_count=error.count,
            ) from None
        except ChurnError as error:
            raise MlflowException(str(error), INVALID_PARAMETER_VALUE) from None
        except Exception:
            _logger.exception("scoring failed")
            raise MlflowException(
                "scoring failed; the server's log has the details", INTERNAL_ERROR
            ) from None

    def _predict(self, frame: pd.DataFrame, params: dict[str, Any]) -> pd.DataFrame:
        on_invalid = params.get("on_invalid") or "raise"
        log = None if self.log is None or in_spark_task() else self.log
        try:
            scores = self.scorer.score(
                frame,
                threshold=params.get("threshold"),
                explain=bool(params.get("explain")),
                on_invalid=cast(Any, on_invalid),
                as_of=params.get("as_of"),
            )
        except InvalidRecords as error:
            if log is not None:
                log.rejected(error)
            raise
        if log is not None:
            log.table(scores, threshold=params.get("threshold"))
        result = _without_nan(scores.to_frame(frame.index))
        return _with_errors(result, scores) if on_invalid == "report" else result


def _without_nan(result: pd.DataFrame) -> pd.DataFrame:
    """Set missing expected profits to None, because NaN is not valid JSON."""
    if EXPECTED_PROFIT in result and result[EXPECTED_PROFIT].isna().any():
        profits = result[EXPECTED_PROFIT].astype(object)
        result[EXPECTED_PROFIT] = profits.where(profits.notna(), None)
    return result


def _with_errors(result: pd.DataFrame, scores: Scores) -> pd.DataFrame:
    """Add the errors, and set scores of invalid rows to None."""
    for name in ("churn_prediction", "churn_probability"):
        values = result[name].to_numpy().astype(object)
        values[~scores.valid] = None
        result[name] = values
    result["error"] = pd.Series(scores.error_texts(), index=result.index, dtype=object)
    return result


mlflow.models.set_model(ChurnPyfunc())
