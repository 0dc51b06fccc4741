"""One version as the log sees it: what is prepared once, and its rows as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from churn_model.inference_log.count_vector import CountLayout
from churn_model.inference_log.identifiers import (
    Hashes,
    as_texts,
    describe_identifiers,
    hash_cells,
    hash_texts,
)
from churn_model.inference_log.log_format import row_schema
from churn_model.inference_log.options import LogOptions
from churn_model.inference_log.scored_rows import ScoredRows
from churn_model.scoring import Scorer

if TYPE_CHECKING:
    import pyarrow as pa


class LoggedVersion:
    """A version of a model and the source of its customers.

    Raises InferenceLogError if a field has the name of a column of the log.
    """

    def __init__(
        self, options: LogOptions, scorer: Scorer, name: str | None, version: str | None
    ) -> None:
        self.options = options
        self.scorer = scorer
        self.key = (name or "", version or "", options.source)
        self.layout = CountLayout(scorer)
        self.has_rows = options.level != "counts"
        self.has_values = options.level == "values"
        if self.has_rows:
            features = scorer.lookup.features if self.has_values else ()
            identifiers = describe_identifiers(options.key)
            self.row_schema = row_schema(scorer.schema, features, identifiers)
        campaign = scorer.scorecard.campaign
        self._decides_by_profit = campaign is not None and campaign.decides_by_profit

    def sampled(self, rows: ScoredRows, hashes: Mapping[str, Hashes]) -> npt.NDArray[np.bool_]:
        """Which rows (n,) are logged: those of a sample of customers.

        A customer is in the sample or not by the hash of the first identifier, so all rows of a
        customer are logged or none. A row without an identifier is sampled by its time.
        """
        n, share = len(rows.when), self.options.sample
        if share == 1.0:
            return np.ones(n, dtype=bool)
        by_time = hash_texts(_cast_to_strings(rows.when), b"time").fractions()
        first = next(iter(hashes.values()), None)
        chosen = by_time if first is None else np.where(first.known, first.fractions(), by_time)
        return chosen < share

    def hashes(self, rows: ScoredRows) -> dict[str, Hashes]:
        """The hash of each identifier (n,), where it is logged or sampled by."""
        if self.options.key is None and self.options.sample == 1.0:
            return {}
        key = self.options.key or b""
        return {name: hash_cells(cells, key) for name, cells in rows.identifiers.items()}

    def table(
        self,
        rows: ScoredRows,
        hashes: Mapping[str, Hashes],
        prefix: str,
        number: int,
    ) -> pa.Table:
        """The rows (n,) as a table in the log's format.

        ``prefix`` and a number, from ``number`` on, make each inference id.
        """
        import pyarrow as pa

        n = len(rows.when)
        columns: dict[str, Any] = {
            "inference_id": _inference_ids(prefix, np.arange(number, number + n)),
            "request_id": rows.request_ids,
            "row": rows.rows,
            **self._identifiers(rows, hashes),
            "scored_at": (rows.when * 1e6).astype(np.int64),
            "churn_prediction": rows.prediction,
            "churn_probability": rows.probability,
            "threshold": pa.array(self._thresholds(rows), from_pandas=True),
            "sampling_fraction": np.full(n, self.options.sample),
            **{name: self._values(name, cells) for name, cells in rows.values.items()},
        }
        for name, text in zip(("model_name", "model_version", "source"), self.key, strict=True):
            columns[name] = pa.repeat(pa.scalar(text), n)
        arrays = [_cast(columns[field.name], field.type) for field in self.row_schema]
        return pa.Table.from_arrays(arrays, schema=self.row_schema)

    def _identifiers(self, rows: ScoredRows, hashes: Mapping[str, Hashes]) -> dict[str, Any]:
        if self.options.key is None:
            return {name: as_texts(cells) for name, cells in rows.identifiers.items()}
        return {name: own.texts() for name, own in hashes.items()}

    def _thresholds(self, rows: ScoredRows) -> npt.NDArray[np.float64]:
        """The thresholds (n,) that decided; NaN where the expected profit did."""
        own = np.full(len(rows.when), self.scorer.scorecard.threshold)
        if self._decides_by_profit and rows.profit is not None:
            own[~np.isnan(rows.profit)] = np.nan
        return np.where(np.isnan(rows.thresholds), own, rows.thresholds)

    def _values(self, name: str, cells: Sequence[Any]) -> Any:
        if self.scorer.kind(name) == "date":
            return [date.fromisoformat(c) if isinstance(c, str) else c for c in cells]
        return cells


def _inference_ids(prefix: str, numbers: npt.NDArray[np.int64]) -> pa.Array:
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(prefix, _cast_to_strings(numbers), "-")


def _cast_to_strings(numbers: npt.NDArray[Any]) -> pa.Array:
    """Numbers (n,) as an Arrow array of strings."""
    import pyarrow as pa

    return pa.array(numbers).cast(pa.string())


def _cast(column: Any, type_: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if isinstance(column, pa.Array | pa.ChunkedArray):
        return column if column.type == type_ else column.cast(type_)
    return pa.array(column, type_)
