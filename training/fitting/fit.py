"""Fits a scorecard: an explainable boosting machine (interpret-core), read out as tables.

The default settings are the fastest that lose no accuracy. On the Telco table with five folds they
reach AUC 0.824 and log loss 0.437 in 4 s, with tables a quarter of the size; the library's defaults
reach 0.823 and 0.438 in 60 s.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from interpret.glassbox import ExplainableBoostingClassifier
from joblib import parallel_config
from sklearn.model_selection import train_test_split

from churn_model.schema import RecordSchema
from churn_model.schema.column import Column
from churn_model.scoring.scorecard import Feature, Scorecard, Term
from training.data.categories import POOL, pooled
from training.data.customers import CustomersOfRows
from training.fitting.labelled_rows import LabelledRows
from training.fitting.splits import customer_strata
from training.fitting.threads import ROWS_FOR_ONE_THREAD

_MOST_PAIRS = 10
_MOST_ROUNDS = 2000  # early stopping ends most fits far below
_VALIDATION = 0.15  # share of the customers that decide when to stop, as interpret's default
_BAGS = ((50_000, 8), (300_000, 4))  # up to this many rows; large tables gain little from bagging
_FEWEST_BAGS = 2
_DIRECTIONS = {"": 0, "increasing": 1, "decreasing": -1}


@dataclass(frozen=True)
class FitSettings:
    """How a scorecard is fitted.

    ``interactions``: the maximum number of feature pairs with a term of their own; None for as many
    as there are features, at most ten. ``outer_bags``: the number of models to average; None for a
    number that depends on the rows. All are parameters of interpret's
    ``ExplainableBoostingClassifier``.
    """

    name: str = "standard"
    interactions: int | None = None
    max_bins: int = 256
    max_interaction_bins: int = 32
    smoothing_rounds: int = 75
    interaction_smoothing_rounds: int = 30
    learning_rate: float = 0.04
    early_stopping_rounds: int = 30
    outer_bags: int | None = None

    def pairs(self, features: int) -> int:
        """The maximum number of pairs for a number of features."""
        wanted = min(features, _MOST_PAIRS) if self.interactions is None else self.interactions
        return min(wanted, features * (features - 1) // 2)

    def bags(self, rows: int) -> int:
        """The number of models, fitted on resampled rows, that are averaged into one scorecard."""
        if self.outer_bags is not None:
            return self.outer_bags
        return next((bags for most, bags in _BAGS if rows <= most), _FEWEST_BAGS)


STANDARD = FitSettings()


@dataclass(frozen=True)
class Fitted:
    """A fitted scorecard.

    ``standard_deviations``: for each entry of each term's table, the standard deviation of its
    log-odds over the bagged models. ``converged``: whether boosting stopped by itself, because the
    validation rows' log loss no longer fell, before the maximum number of rounds.
    """

    scorecard: Scorecard
    standard_deviations: list[list[float]]
    converged: bool = True


def fit_rows(
    rows: LabelledRows, seed: int = 0, settings: FitSettings = STANDARD, threads: int | None = None
) -> Fitted:
    """Fit on labelled rows.

    The rows that decide when boosting stops are of other customers than those that it learns from.
    A feature with ``monotone`` in its schema column gets an effect that only rises or only falls,
    and no pairs. Category levels of fewer than 20 customers share the table entry of unlisted
    levels. ``threads``: each fits one model of the average at a time; None to choose by the number
    of rows. The same rows and seed give the same scorecard, byte for byte, with any number.
    """
    features = rows.schema.features
    classifier = fit_classifier(rows, seed, settings, threads)
    scorecard = _scorecard(classifier, features)
    deviations = _terms(classifier, classifier.standard_deviations_, features)
    return Fitted(scorecard, [term.scores for term in deviations], _converged(classifier))


def fit(
    customers: pd.DataFrame,
    churned: npt.NDArray[np.int64],
    schema: RecordSchema,
    seed: int = 0,
    *,
    weights: npt.NDArray[np.float64] | None = None,
    settings: FitSettings = STANDARD,
    customers_of_rows: CustomersOfRows | None = None,
) -> Fitted:
    """Fit on n rows of customers (the schema's columns) and their labels (n,) of 0 and 1.

    ``weights`` (n,): sample weights. ``customers_of_rows``: of each row; None if each row is
    another customer. See ``fit_rows``.
    """
    rows = LabelledRows(
        customers,
        churned,
        np.ones(len(churned)) if weights is None else weights,
        schema,
        customers_of_rows or CustomersOfRows.one_per_row(len(churned)),
    )
    return fit_rows(rows, seed, settings)


def fit_classifier(
    rows: LabelledRows, seed: int, settings: FitSettings, threads: int | None = None
) -> Any:
    """Fit interpret's ExplainableBoostingClassifier, from which ``fit`` reads the scorecard."""
    features, churned = rows.schema.features, rows.churned
    if threads is None:
        threads = 1 if len(churned) <= ROWS_FOR_ONE_THREAD else -1
    classifier = _classifier(features, len(churned), seed, settings, threads)
    table = feature_table(rows.customers, rows.schema)
    for column in features:
        if column.kind == "category":
            # interpret reads the codes of pandas' categories much faster than objects
            table[column.name] = pooled(table[column.name], column.levels).astype("category")
    bags = None
    if rows.customers_of_rows.repeat:
        bags = _bags(churned, rows.customers_of_rows, classifier.outer_bags, seed)
    with _quiet_threads():
        classifier.fit(table, churned, sample_weight=rows.weights, bags=bags)
    return classifier


def _bags(
    churned: npt.NDArray[np.int64], customers: CustomersOfRows, bags: int, seed: int
) -> npt.NDArray[np.int8]:
    """For each row and bag: 1 to learn from it, -1 to validate on it; customers stay together."""
    strata = customer_strata(churned, customers)
    columns = []
    for bag in range(bags):
        _, validation = train_test_split(
            np.arange(customers.n),
            test_size=_VALIDATION,
            stratify=strata,
            random_state=np.random.RandomState((seed, bag)),
        )
        is_validation = np.zeros(customers.n, dtype=bool)
        is_validation[validation] = True
        columns.append(np.where(is_validation[customers.code], -1, 1).astype(np.int8))
    return np.column_stack(columns)


def _converged(classifier: Any) -> bool:
    """Whether early stopping ended the boosting of the main effects in each bag."""
    steps = (_MOST_ROUNDS - classifier.early_stopping_rounds) * classifier.n_features_in_
    return bool((classifier.best_iteration_[0] < steps).all())


def _classifier(
    features: Sequence[Column], rows: int, seed: int, settings: FitSettings, threads: int
) -> Any:
    return ExplainableBoostingClassifier(
        feature_names=[column.name for column in features],
        feature_types=["nominal" if c.kind == "category" else "continuous" for c in features],
        interactions=settings.pairs(len(features)),
        monotone_constraints=[_DIRECTIONS[column.monotone] for column in features],
        max_bins=settings.max_bins,
        max_interaction_bins=settings.max_interaction_bins,
        smoothing_rounds=settings.smoothing_rounds,
        interaction_smoothing_rounds=settings.interaction_smoothing_rounds,
        learning_rate=settings.learning_rate,
        early_stopping_rounds=settings.early_stopping_rounds,
        max_rounds=_MOST_ROUNDS,
        outer_bags=settings.bags(rows),
        random_state=seed,
        n_jobs=threads,
    )


@contextmanager
def _quiet_threads() -> Iterator[None]:
    """Fit the bags in threads, and hide a warning about interpret's own plots.

    interpret's C++ code releases the GIL. Threads need no copy of the table per bag, and no
    processes whose temporary files joblib's resource tracker complains about at exit.
    """
    with parallel_config(backend="threading"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Missing values detected")
        yield


def feature_table(customers: pd.DataFrame, schema: RecordSchema) -> pd.DataFrame:
    """The features in the form that estimators expect: float64 with NaN, or object."""
    return pd.DataFrame(
        {
            column.name: customers[column.name].astype(
                object if column.kind == "category" else np.float64
            )
            for column in schema.features
        }
    )


def _scorecard(classifier: Any, features: Sequence[Column]) -> Scorecard:
    return Scorecard(
        intercept=float(classifier.intercept_[0]),
        features=[
            Feature(
                name=column.name,
                kind="category" if column.kind == "category" else "number",
                categories=list(column.levels),
            )
            for column in features
        ],
        terms=_terms(classifier, classifier.term_scores_, features),
    )


def _terms(
    classifier: Any, tables: Sequence[npt.NDArray[np.float64]], features: Sequence[Column]
) -> list[Term]:
    pairs = zip(classifier.term_features_, tables, strict=True)
    return [_term(classifier, indices, table, features) for indices, table in pairs]


def _term(
    classifier: Any,
    feature_indices: Sequence[int],
    scores: npt.NDArray[np.float64],
    features: Sequence[Column],
) -> Term:
    """One term's table, with category levels in the schema's order."""
    cuts: list[list[float]] = []
    entries: list[npt.NDArray[np.intp]] = []
    for axis, index in enumerate(feature_indices):
        resolutions = classifier.bins_[index]  # fine bins for the feature, coarser ones for pairs
        bins = resolutions[min(len(feature_indices), len(resolutions)) - 1]
        if isinstance(bins, dict):
            cuts.append([])
            entries.append(_level_entries(bins, features[index].levels, scores.shape[axis]))
        else:
            cuts.append([float(cut) for cut in bins])
            entries.append(np.arange(scores.shape[axis]))
    return Term(
        features=[features[index].name for index in feature_indices],
        cuts=cuts,
        scores=[float(score) for score in scores[np.ix_(*entries)].ravel()],
    )


def _level_entries(bins: dict[str, int], levels: Sequence[str], size: int) -> npt.NDArray[np.intp]:
    """Where interpret has the entries for a missing value, each level, and unlisted levels."""
    unlisted = bins.get(POOL, size - 1)
    return np.array([0, *(bins.get(level, unlisted) for level in levels), unlisted])
