"""Counts the training rows by the table cells of their scorecard, for monitoring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from churn_model.arrays import Floats, Rows
from churn_model.profile import MonitoringProfile, TermProfile
from churn_model.profile.monitoring_profile import ScoreProfile
from churn_model.profile.score_bins import count_scores
from churn_model.schema import RecordSchema
from churn_model.scoring import Scorer
from churn_model.validation import check_frame
from training.data.table import Table
from training.evaluation.evaluation import HeldOut


def monitoring_profile(scorer: Scorer, table: Table, held_out: HeldOut) -> MonitoringProfile:
    """The profile of a scorecard that was fitted on a table.

    ``scorer``: the scorecard with the schema of ``table.customers``, so with ages in place of
    dates. ``held_out``: scores of the table's rows by models that were not fitted on them.
    """
    names = [column.name for column in scorer.schema if column.name in table.customers]
    values = scorer.inputs(check_frame(table.customers[names], scorer.schema))
    churners = held_out.weights * held_out.churned
    return MonitoringProfile(
        rows=len(table.churned),
        customers=effective_number(table.weights, table.customers_of_rows.code),
        held_out_customers=effective_number(held_out.weights, held_out.customers),
        rejected=_rejected_share(table, scorer.schema),
        missing=_missing_shares(scorer.schema, values, table.weights),
        unlisted=_unlisted_shares(scorer.schema, values, table.weights),
        terms=list(_terms(scorer, values, table.weights, held_out)),
        scores=ScoreProfile(
            rows=count_scores(held_out.probability, held_out.weights).tolist(),
            churners=count_scores(held_out.probability, churners).tolist(),
        ),
    )


def effective_number(weights: Floats, customers: Rows) -> float:
    """The number of equally weighted customers that give a mean as precise as these rows do.

    ``weights`` (n,) and ``customers`` (n,): of each row. Rows of one customer count as one, because
    they are alike (Kish 1965, "Survey Sampling", section 11.7, on the customers' sums of weights).
    """
    sums = np.bincount(customers, weights)
    return float(sums.sum() ** 2 / np.square(sums).sum())


def _terms(
    scorer: Scorer, values: Mapping[str, Any], weights: Floats, held_out: HeldOut
) -> Iterator[TermProfile]:
    lookup, rows = scorer.lookup, held_out.rows
    counted = {
        "held_out": held_out.weights,
        "churners": held_out.weights * held_out.churned,
        "expected": held_out.weights * held_out.probability,
    }
    cells_of_terms = zip(
        scorer.scorecard.terms, lookup.cells(values), lookup.cell_numbers, strict=True
    )
    for term, cells, size in cells_of_terms:
        yield TermProfile(
            features=term.features,
            rows=np.bincount(cells, weights, size).tolist(),
            **{
                name: np.bincount(cells[rows], amounts, size).tolist()
                for name, amounts in counted.items()
            },
        )


def _rejected_share(table: Table, schema: RecordSchema) -> float:
    """The share (0..1) of the labelled rows that broke the schema.

    Rows without a label are not counted, because their errors were not looked for; nor are rows
    that were rejected only for their label, weight or dates, which are not sent to be scored.
    """
    labelled = table.rows - table.unlabelled_rows - table.immature_rows
    if table.population is not None:
        return table.population.invalid_records / labelled if labelled else 0.0
    broken = table.rejected["field"].isin([column.name for column in schema])
    return table.rejected.loc[broken, "row"].nunique() / labelled if labelled else 0.0


def _missing_shares(
    schema: RecordSchema, values: Mapping[str, Any], weights: Floats
) -> dict[str, float]:
    """By feature, the share of rows (0..1) with a missing value."""
    shares = {}
    for column in schema.features:
        cells = values[column.name]
        missing = cells == -1 if column.kind == "category" else np.isnan(cells)
        shares[column.name] = _share(missing, weights)
    return shares


def _unlisted_shares(
    schema: RecordSchema, values: Mapping[str, Any], weights: Floats
) -> dict[str, float]:
    """By category that allows unlisted levels, the share of rows (0..1) that have one."""
    return {
        column.name: _share(values[column.name] == len(column.levels), weights)
        for column in schema.features
        if column.kind == "category" and column.allows_unlisted
    }


def _share(selected: Any, weights: Floats) -> float:
    return float(np.average(selected, weights=weights))
