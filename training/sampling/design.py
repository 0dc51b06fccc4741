"""Decides which customers belong to a sample, from counts of rows by the hash of the customer."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from churn_model.arrays import Floats, Mask
from training.sampling.hashes import Hashes

BUCKETS = 1 << 14
"""Equal parts of the range of hashes. A sample is smaller than asked for by at most a part."""

_SHIFT = np.uint64(64 - 14)

RARE = 0.2
"""Share of churned rows below which churners are sampled more often than others.

With more than four customers who stayed for each churner, more of them add little: the precision is
that of k / (k + 1) of all of them (Ury 1975, "Efficiency of case-control studies with multiple
controls per case", Biometrics 31).
"""

Histogram = npt.NDArray[np.int64]
"""The number of rows in each bucket (BUCKETS,)."""


def buckets_of(hashes: Hashes) -> npt.NDArray[np.int64]:
    """The bucket of each hash (n,)."""
    return (hashes >> _SHIFT).astype(np.int64)


def histogram(hashes: Hashes) -> Histogram:
    """How many hashes each bucket has."""
    return np.bincount(buckets_of(hashes), minlength=BUCKETS)


def end_of(counts: npt.NDArray[np.float64] | Histogram, most: float) -> int:
    """The number of first buckets that have at most this many rows together."""
    return int(np.searchsorted(np.cumsum(counts), most, side="right"))


@dataclass(frozen=True)
class Design:
    """Which customers are sampled: those whose hashes are in the first buckets.

    ``end``: the number of these buckets; BUCKETS if all rows are used. ``end_of_churners``: more
    buckets, for customers that churned in a row. ``churners``: the sorted hashes of these; empty
    unless they are sampled more often.
    """

    end: int = BUCKETS
    end_of_churners: int = BUCKETS
    churners: Hashes = field(default_factory=lambda: np.array([], dtype=np.uint64))

    @property
    def is_stratified(self) -> bool:
        """Whether churners are sampled more often than others."""
        return self.end < self.end_of_churners

    def contain(self, hashes: Hashes) -> Mask:
        """Which customers (n,) are sampled."""
        sampled = buckets_of(hashes) < self.end
        return sampled | self.are_churners(hashes) if self.is_stratified else sampled

    def are_churners(self, hashes: Hashes) -> Mask:
        """Which customers (n,) are among ``churners``."""
        if not len(self.churners):
            return np.zeros(len(hashes), dtype=bool)
        positions = np.searchsorted(self.churners, hashes).clip(max=len(self.churners) - 1)
        found: Mask = self.churners[positions] == hashes
        return found

    def probabilities(self, hashes: Hashes) -> Floats:
        """The probability (n,) with which each sampled customer was drawn."""
        of_churners = self.end_of_churners if self.is_stratified else self.end
        return np.where(self.are_churners(hashes), of_churners, self.end) / BUCKETS


def design(
    rows: Histogram, churned: Histogram, most: int, churners: Hashes, rows_per_churner: float = 1.0
) -> Design:
    """The design of a sample of at most about ``most`` rows.

    ``rows``: the labelled rows, of which ``churned`` have the label. ``churners``: the hashes of
    customers that churned in a row; those beyond the design's buckets are ignored.
    ``rows_per_churner``: how many rows the customer of a churned row has on average.
    """
    n, n_churned = int(rows.sum()), int(churned.sum())
    if n <= most:
        return Design()
    end = end_of(rows, most)
    if n_churned >= RARE * n:
        return Design(end, end)
    wanted = min(RARE * most, most / 2 / rows_per_churner)
    of_churners = end_of(churned, wanted)
    others = np.maximum(rows - rows_per_churner * churned, 0.0)
    used = churned[:of_churners].sum() * rows_per_churner
    end_of_others = end_of(others, most - used)
    if end_of_others >= of_churners:
        return Design(end, end)
    known = np.unique(churners)
    return Design(end_of_others, of_churners, known[buckets_of(known) < of_churners])
