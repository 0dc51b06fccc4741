"""``Scorer``: validates customers, looks up their log-odds, and compares with the threshold."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import ValidationError

from churn_model.arrays import sigmoid
from churn_model.dates import iso_dates, scoring_day, to_day
from churn_model.errors import (
    InvalidParameter,
    ScorecardError,
)
from churn_model.json_text import parse_object
from churn_model.schema import RecordSchema
from churn_model.schema.column import Kind
from churn_model.scoring.campaign import expected_profit_of_one, expected_profits
from churn_model.scoring.lookup import Lookup
from churn_model.scoring.scorecard import Scorecard
from churn_model.validation import Checked, check_columns, check_frame, check_records
from churn_model.validation.field_errors import FieldErrors

MOST_REASONS = 3
EXPECTED_PROFIT = "expected_profit"
"""The output column that only models with a campaign have."""

ScoringInput: TypeAlias = (
    pd.DataFrame | Sequence[Mapping[str, object]] | Mapping[str, Sequence[object]]
)
OnInvalid: TypeAlias = Literal["raise", "report"]
AsOf: TypeAlias = date | str | None
"""The day of scoring, from which the age of dates is counted; None is today in UTC."""
OnValid: TypeAlias = Callable[[], None] | None
"""Is called when the customers are valid, before they are scored.

With it, the server measures how long each of the two takes, for traces. They are one call, because
an invalid threshold is reported first, even if a customer is invalid as well.
"""
Reason: TypeAlias = dict[str, Any]
"""``{"feature": name, "value": as sent, "effect": log-odds above the average customer}``."""


class Score(NamedTuple):
    """One customer's score.

    ``reasons`` is None unless requested. ``expected_profit``: of contacting the customer in the
    campaign of the model; None without a campaign, and NaN if the customer's revenue is missing.
    Only of a customer who was scored alone: ``values``, the features as sent, in the order of
    ``Lookup.features``; ``inputs``, the same as the lookup takes them, with codes of levels and
    ages of dates.
    """

    identifiers: dict[str, Any]
    prediction: int
    probability: float
    reasons: list[Reason] | None = None
    expected_profit: float | None = None
    values: Sequence[Any] = ()
    inputs: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of n customers, in the caller's order.

    ``probability`` (n,): of churn; NaN for an invalid row. ``prediction`` (n,): 1 if the
    probability is at or above the threshold (or, for a campaign that decides by profit, if the
    expected profit is above 0), else 0; -1 for an invalid row. ``reasons``: one list per row, or
    None unless requested. ``errors``: sorted by row. ``expected_profit`` (n,): of contacting each
    customer; None without a campaign, NaN for an invalid row and for a missing revenue.
    ``inputs``: the features (n,) as the lookup takes them, with codes of levels and ages of dates.
    ``checked``: the customers that were scored.
    """

    identifiers: Mapping[str, Any]
    prediction: npt.NDArray[np.int64]
    probability: npt.NDArray[np.float64]
    valid: npt.NDArray[np.bool_]
    errors: FieldErrors
    reasons: list[list[Reason]] | None = None
    expected_profit: npt.NDArray[np.float64] | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    checked: Checked | None = None

    def row(self, position: int) -> Score:
        """The score of the customer at a position."""
        return Score(
            {name: values[position] for name, values in self.identifiers.items()},
            int(self.prediction[position]),
            float(self.probability[position]),
            None if self.reasons is None else self.reasons[position],
            None if self.expected_profit is None else float(self.expected_profit[position]),
        )

    def to_frame(self, index: pd.Index[Any] | None = None) -> pd.DataFrame:
        """The scores as a table.

        Its columns: identifiers, churn_prediction, churn_probability, expected_profit, reasons.
        """
        columns: dict[str, Any] = dict(self.identifiers)
        columns["churn_prediction"] = self.prediction
        columns["churn_probability"] = self.probability
        if self.expected_profit is not None:
            columns[EXPECTED_PROFIT] = self.expected_profit
        if self.reasons is not None:
            columns["reasons"] = pd.Series(self.reasons, index=index, dtype=object)
        return pd.DataFrame(columns, index=index)

    def error_texts(self) -> list[str | None]:
        """One error message per row (n,), None for a valid row."""
        return self.errors.messages_by_row(len(self.valid))


class Scorer:
    """A scorecard and the schema of the records that it scores."""

    def __init__(self, scorecard: Scorecard, schema: RecordSchema) -> None:
        _check_match(scorecard, schema)
        self.scorecard = scorecard
        self.schema = schema
        self.lookup = Lookup(scorecard)
        self._row_validator = schema.row_model.__pydantic_validator__
        positions = {column.name: i for i, column in enumerate(schema)}
        self._features_of = _getter([positions[name] for name in self.lookup.features])
        self._identifiers = tuple((c.name, positions[c.name]) for c in schema.identifiers)
        self._kinds: dict[str, Kind] = {column.name: column.kind for column in schema.features}
        self._levels = {
            c.name: {level: code for code, level in enumerate(c.levels)}
            for c in schema.features
            if c.kind == "category"
        }
        self._codes: list[tuple[int, Callable[[Any, int], int | None], int]] = []
        for i, name in enumerate(self.lookup.features):
            if name in self._levels:
                codes: dict[str | None, int | None] = dict(self._levels[name].items())
                codes[None] = None
                self._codes.append((i, codes.get, len(codes) - 1))
        campaign = scorecard.campaign
        self._offer = None if campaign is None else campaign.offer
        self._revenue = "" if campaign is None else campaign.revenue
        self._revenue_position = self.lookup.features.index(self._revenue) if campaign else -1
        self._decides_by_profit = campaign is not None and campaign.decides_by_profit
        self._dates = [i for i, n in enumerate(self.lookup.features) if self._kinds[n] == "date"]

    def __reduce__(self) -> tuple[Any, ...]:
        """It is pickled as its scorecard and schema; the lookup tables are computed again."""
        return type(self), (self.scorecard, self.schema)

    @classmethod
    def load(cls, scorecard_file: str | Path, schema_file: str | Path) -> Scorer:
        """Read the two files of a registered model. Raises ScorecardError or SchemaError."""
        schema = RecordSchema.from_file(schema_file)
        return cls(Scorecard.load(scorecard_file), schema)

    def score(
        self,
        customers: ScoringInput,
        *,
        threshold: float | None = None,
        explain: bool = False,
        on_invalid: OnInvalid = "raise",
        as_of: AsOf = None,
        on_valid: OnValid = None,
    ) -> Scores:
        """Score n customers: a DataFrame, a sequence of records, or columns of equal length.

        ``threshold`` (0..1): by default the scorecard decides, by its own threshold or by the
        expected profit of its campaign. ``as_of``: the day of scoring, by
        default today in UTC. ``on_invalid``: ``"raise"`` raises InvalidRecords if a row is invalid;
        ``"report"`` keeps such a row without a score. Raises InvalidParameter for an option outside
        its range.
        """
        if on_invalid not in ("raise", "report"):
            raise InvalidParameter("on_invalid must be 'raise' or 'report'")
        self._threshold(threshold)
        checked = self._check(customers)
        if on_invalid == "raise":
            checked.raise_if_invalid()
        if on_valid is not None:
            on_valid()
        return self.score_columns(checked, threshold=threshold, explain=explain, as_of=as_of)

    def score_one(
        self,
        customer: Mapping[str, object],
        *,
        threshold: float | None = None,
        explain: bool = False,
        as_of: AsOf = None,
        on_valid: OnValid = None,
    ) -> Score:
        """Score one record, without pandas or numpy. Raises as ``score`` does."""
        try:
            record = self._row_validator.validate_python(customer)
        except ValidationError:
            # the vectorised checks give this project's error messages, and accept numpy scalars
            scores = self.score(
                [customer], threshold=threshold, explain=explain, as_of=as_of, on_valid=on_valid
            )
            return self._only_row(scores)
        if on_valid is not None:
            on_valid()
        cells = tuple(record.__dict__.values())
        return self.score_cells(cells, threshold=threshold, explain=explain, as_of=as_of)

    def _only_row(self, scores: Scores) -> Score:
        """The score of the only customer of a table."""
        assert scores.checked is not None  # it is, of all scores that ``score`` returns
        features = self.lookup.features
        return scores.row(0)._replace(
            values=tuple(self.as_sent(name, scores.checked)[0] for name in features),
            inputs=[scores.inputs[name][0] for name in features],
        )

    def score_json(
        self,
        body: bytes,
        *,
        threshold: float | None = None,
        explain: bool = False,
        as_of: AsOf = None,
        on_valid: OnValid = None,
    ) -> Score:
        """Score one record from a JSON object, parsed and validated in one step.

        Raises InvalidJson for anything else, otherwise as ``score`` does.
        """
        try:
            record = self._row_validator.validate_json(body)
        except ValidationError:
            # as in score_one
            customer = parse_object(body)
            return self.score_one(
                customer, threshold=threshold, explain=explain, as_of=as_of, on_valid=on_valid
            )
        if on_valid is not None:
            on_valid()
        cells = tuple(record.__dict__.values())
        return self.score_cells(cells, threshold=threshold, explain=explain, as_of=as_of)

    def score_cells(
        self,
        cells: Sequence[Any],
        *,
        threshold: float | None = None,
        explain: bool = False,
        as_of: AsOf = None,
    ) -> Score:
        """Score a valid record: its cells in the order of the schema's columns.

        They are strings, booleans, integers, floats, ``datetime.date`` and None for missing ones,
        and are not checked. Raises InvalidParameter as ``score`` does.
        """
        decision_threshold = self._threshold(threshold)
        values = self._features_of(cells)
        inputs = list(values)
        for i, code, unlisted in self._codes:
            inputs[i] = code(inputs[i], unlisted)
        if self._dates:
            self._replace_dates(inputs, scoring_day(as_of))
        probability = _sigmoid(self.lookup.log_odds_one(inputs))
        score = Score(
            {name: cells[position] for name, position in self._identifiers},
            int(probability >= decision_threshold),
            probability,
            self._reasons(_as_json(values), self.lookup.effects_one(inputs)) if explain else None,
            None,
            values,
            inputs,
        )
        if self._offer is None:
            return score
        revenue = values[self._revenue_position]
        profit = expected_profit_of_one(self._offer, probability, revenue)
        if self._decides_by_profit and threshold is None and not math.isnan(profit):
            return score._replace(prediction=int(profit > 0), expected_profit=profit)
        return score._replace(expected_profit=profit)

    def _replace_dates(self, inputs: list[Any], today: int) -> None:
        """Replace the dates of one record by their ages in days."""
        for i in self._dates:
            if inputs[i] is not None:
                inputs[i] = today - to_day(inputs[i])

    def _threshold(self, threshold: float | None) -> float:
        if threshold is None:
            return self.scorecard.threshold
        if not 0 <= threshold <= 1:
            raise InvalidParameter("threshold must be a number from 0 to 1")
        return threshold

    def score_columns(
        self,
        checked: Checked,
        *,
        threshold: float | None = None,
        explain: bool = False,
        as_of: AsOf = None,
    ) -> Scores:
        """Score n checked rows; invalid rows keep their position without a score."""
        decision_threshold = self._threshold(threshold)
        values = self.inputs(checked, as_of)
        probability = sigmoid(self.lookup.log_odds(values))
        prediction = (probability >= decision_threshold).astype(np.int64)
        profit = self._expected_profits(probability, values)
        if profit is not None and self._decides_by_profit and threshold is None:
            prediction = np.where(np.isnan(profit), prediction, profit > 0).astype(np.int64)
        if checked.errors:
            probability[~checked.valid] = np.nan
            prediction[~checked.valid] = -1
            if profit is not None:
                profit[~checked.valid] = np.nan
        return Scores(
            checked.identifiers,
            prediction,
            probability,
            checked.valid,
            checked.errors,
            self._all_reasons(checked, values) if explain else None,
            profit,
            values,
            checked,
        )

    def _expected_profits(
        self, probability: npt.NDArray[np.float64], values: Mapping[str, Any]
    ) -> npt.NDArray[np.float64] | None:
        """The expected profit of contacting each customer (n,); None without a campaign."""
        if self._offer is None:
            return None
        return expected_profits(self._offer, probability, values[self._revenue].astype(np.float64))

    def effects(self, customers: ScoringInput, *, as_of: AsOf = None) -> pd.DataFrame:
        """The exact effect of each feature on the log-odds (n rows, one column per feature).

        The intercept plus a row's effects is its log-odds; a pair's effect is split evenly between
        its two features. Raises as ``score`` does.
        """
        checked = self._check(customers)
        checked.raise_if_invalid()
        index = customers.index if isinstance(customers, pd.DataFrame) else None
        effects = self.lookup.effects(self.inputs(checked, as_of))
        return pd.DataFrame(effects, index=index, columns=list(self.lookup.features))

    def _check(self, customers: ScoringInput) -> Checked:
        if isinstance(customers, pd.DataFrame):
            return check_frame(customers, self.schema)
        if isinstance(customers, Mapping):
            n = max(map(len, customers.values()), default=0)
            return check_columns(customers, n, self.schema)
        return check_records(customers, self.schema)

    def inputs(self, checked: Checked, as_of: AsOf = None) -> Mapping[str, Any]:
        """The columns (n,) that ``lookup`` takes, with dates as ages in days."""
        if not self._dates:
            return checked.values
        today = scoring_day(as_of)
        names = [self.lookup.features[i] for i in self._dates]
        return {**checked.values, **{name: today - checked.values[name] for name in names}}

    def _all_reasons(self, checked: Checked, inputs: Mapping[str, Any]) -> list[list[Reason]]:
        effects = self.lookup.effects(inputs).tolist()
        values = zip(
            *(self.as_sent(name, checked) for name in self.lookup.features),
            strict=True,
        )
        return [
            self._reasons(row, row_effects) if valid else []
            for row, row_effects, valid in zip(values, effects, checked.valid, strict=True)
        ]

    def kind(self, name: str) -> Kind:
        """The kind of a feature."""
        return self._kinds[name]

    def as_sent(self, name: str, checked: Checked) -> list[Any]:
        """A column's checked values (n,) as the caller sent them."""
        kind = self._kinds[name]
        values = checked.values[name]
        if name in checked.texts:
            texts = np.asarray(checked.texts[name], dtype=object)
            return [None if code < 0 else texts[row] for row, code in enumerate(values.tolist())]
        if kind == "category":
            levels = [*self._levels[name], None]
            return [levels[code] for code in values.tolist()]
        if kind == "date":
            return iso_dates(values)
        cast = {"integer": int, "boolean": bool}.get(kind, float)
        return [None if value != value else cast(value) for value in values.tolist()]

    def _reasons(self, values: Sequence[Any], effects: Sequence[float]) -> list[Reason]:
        """The features that raise the risk most, at most three, strongest first."""
        order = sorted(range(len(effects)), key=lambda i: -effects[i])[:MOST_REASONS]
        return [
            {"feature": self.lookup.features[i], "value": values[i], "effect": effects[i]}
            for i in order
            if effects[i] > 0
        ]


def _getter(positions: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """What takes the cells at these positions from a record's cells."""
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda cells: tuple(cells[position] for position in positions)


def _as_json(values: Sequence[Any]) -> list[Any]:
    """One record's values as JSON writes them, with dates as strings."""
    return [value.isoformat() if isinstance(value, date) else value for value in values]


def _check_match(scorecard: Scorecard, schema: RecordSchema) -> None:
    """Raise ScorecardError if the scorecard was not fitted on records of this schema."""
    columns = {column.name: column for column in schema.features}
    for feature in scorecard.features:
        column = columns.get(feature.name)
        if column is None:
            raise ScorecardError(f"the scorecard uses {feature.name!r}, which is not in the schema")
        if (feature.kind == "category") != (column.kind == "category"):
            raise ScorecardError(
                f"{feature.name!r} is a {feature.kind} in the scorecard, but not in the schema"
            )
        if tuple(feature.categories) != column.levels:
            raise ScorecardError(
                f"scorecard and schema list different category levels for {feature.name!r}"
            )
    campaign = scorecard.campaign
    if campaign is None:
        return
    if columns[campaign.revenue].kind not in ("integer", "number"):
        raise ScorecardError(f"the campaign's revenue {campaign.revenue!r} is not a number")
    if EXPECTED_PROFIT in {column.name for column in schema}:
        raise ScorecardError(
            f"field {EXPECTED_PROFIT!r} has the name of an output column of a model with a "
            "campaign; rename it"
        )


def _sigmoid(log_odds: float) -> float:
    if log_odds >= 0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    odds = math.exp(log_odds)
    return odds / (1.0 + odds)
