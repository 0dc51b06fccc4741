"""The labelled customers of each population: one per customer and cohort."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats, Mask, Rows
from churn_model.profile.score_bins import BINS, score_bins
from monitoring.inputs.counted import window_numbers
from monitoring.labels.join import Current, Join
from monitoring.labels.table import Labels
from monitoring.options import Treated
from monitoring.windows import EPOCH, Population

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Matched:
    """k labelled customers of a population, ordered by observation date.

    ``label`` (k,): their labels. ``customer`` (k,): a number for each customer. ``days`` (k,):
    observation dates. ``weights`` (k,): 1, or more for untreated customers who represent treated
    ones. ``cohort`` (k,): the number of the window, as in ``Counted``, that contains the
    observation date. ``treated``: customers who were left out. ``coverage``: the share (0..1) of
    all customers whom the k represent.
    """

    label: Rows
    customer: Rows
    days: npt.NDArray[np.datetime64]
    churned: npt.NDArray[np.int64]
    probability: Floats
    weights: Floats
    cohort: npt.NDArray[np.int64]
    every: timedelta
    treated: int
    coverage: float

    def __len__(self) -> int:
        return len(self.label)

    def take(self, chosen: Mask | Rows) -> Matched:
        """Some of the customers."""
        return Matched(
            self.label[chosen],
            self.customer[chosen],
            self.days[chosen],
            self.churned[chosen],
            self.probability[chosen],
            self.weights[chosen],
            self.cohort[chosen],
            self.every,
            self.treated,
            self.coverage,
        )

    def by_cohort(self) -> Iterator[tuple[datetime, datetime, Matched]]:
        """Start, end and customers of each cohort, earliest first."""
        for number in np.unique(self.cohort).tolist():
            start = EPOCH + number * self.every
            yield start, start + self.every, self.take(self.cohort == number)


def match_populations(
    labels: Labels, joined: Join, model_name: str, every: timedelta, treated: Treated
) -> dict[Population, Matched]:
    """The labelled customers of each population; none for one without untreated customers.

    A cohort is the interval of ``every``, and at least a day, that contains the observation date.
    """
    result: dict[Population, Matched] = {}
    cohort = _cohorts(labels, max(every, _DAY))
    for source, current in joined.current.items():
        for number in np.unique(current.version[current.labels]).tolist():
            chosen = current.labels[current.version[current.labels] == number]
            chosen = _one_per_cohort(labels, cohort, chosen)
            matched = _matched(labels, current, chosen, cohort, max(every, _DAY), treated)
            if len(matched):
                population = Population(model_name, joined.versions[number], source)
                result[population] = matched
    return result


def _cohorts(labels: Labels, every: timedelta) -> npt.NDArray[np.int64]:
    seconds = labels.days.astype("datetime64[s]").astype(np.int64)
    return window_numbers(seconds, every)


def _one_per_cohort(labels: Labels, cohort: npt.NDArray[np.int64], chosen: Rows) -> Rows:
    """The last label of each customer in each cohort, ordered by day."""
    customer, day = labels.customer[chosen], labels.days[chosen]
    order = np.lexsort((day, cohort[chosen], customer))
    ordered = chosen[order]
    pairs = np.column_stack([labels.customer[ordered], cohort[ordered]])
    is_last = np.append((pairs[1:] != pairs[:-1]).any(axis=1), True)[: len(ordered)]
    last = ordered[is_last]
    by_day = np.lexsort((last, labels.days[last]))
    return np.asarray(last[by_day], dtype=np.intp)


def _matched(
    labels: Labels,
    current: Current,
    chosen: Rows,
    cohort: npt.NDArray[np.int64],
    every: timedelta,
    treated: Treated,
) -> Matched:
    is_treated = labels.treated[chosen]
    untreated = chosen[~is_treated]
    weights, coverage = np.ones(len(untreated)), len(untreated) / max(1, len(chosen))
    if treated == "weight":
        weights = _represented(current.probability, cohort, chosen, untreated)
        coverage = float(weights.sum()) / max(1, len(chosen))
    return Matched(
        untreated,
        labels.customer[untreated],
        labels.days[untreated],
        labels.churned[untreated],
        current.probability[untreated],
        weights,
        cohort[untreated],
        every,
        int(is_treated.sum()),
        coverage,
    )


def _represented(
    probability: Floats, cohort: npt.NDArray[np.int64], everyone: Rows, untreated: Rows
) -> Floats:
    """The number of customers with the same score and cohort whom each untreated one represents."""
    key = cohort * BINS + score_bins(probability)
    _, codes = np.unique(key[np.concatenate([everyone, untreated])], return_inverse=True)
    n = len(everyone)
    size = np.bincount(codes[:n], minlength=int(codes.max(initial=-1)) + 1)
    left = np.bincount(codes[n:], minlength=len(size))
    weights: Floats = size[codes[n:]] / left[codes[n:]]
    return weights
