"""Tests whether two samples of customers come from the same distribution.

Both samples have sampling error, the reference as well. The rows must be independent: a window in
which the same customers are scored many times has a smaller effective size than its rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import betainc, chdtrc, ndtr

from churn_model.arrays import Floats

_FEWEST = 30
_SMALLEST_EXPECTED = 5.0  # Cochran 1954, "Some methods for strengthening the common chi-squared"


def chi_squared(reference: Floats, window: Floats) -> float:
    """The p-value of the two-sample chi-squared test of counts (bins,).

    Neighbouring bins are merged until at least 5 customers are expected in each, in both samples.
    That depends on the totals of both samples only, so the test keeps its level. Samples that are
    too small to compare give 1.
    """
    n, m = reference.sum(), window.sum()
    if not n or not m:
        return 1.0
    reference, window = _merge_small(reference, window)
    if len(window) < 2:
        return 1.0
    total = reference + window
    statistic = np.sum((window - total * m / (n + m)) ** 2 / total) * (n + m) ** 2 / (n * m)
    return float(chdtrc(len(window) - 1, statistic))


def _merge_small(reference: Floats, window: Floats) -> tuple[Floats, Floats]:
    smaller_share = min(reference.sum(), window.sum()) / (reference.sum() + window.sum())
    while len(window) > 1:
        expected = (reference + window) * smaller_share
        smallest = int(np.argmin(expected))
        if expected[smallest] >= _SMALLEST_EXPECTED:
            break
        left, right = smallest - 1, smallest + 1
        goes_left = right == len(window) or (left >= 0 and expected[left] <= expected[right])
        first = left if goes_left else smallest
        reference, window = (_merge_two(counts, first) for counts in (reference, window))
    return reference, window


def _merge_two(counts: Floats, first: int) -> Floats:
    merged = np.delete(counts, first + 1)
    merged[first] = counts[first] + counts[first + 1]
    return merged


def share_rose(reference: float, n: float, window: float, m: float) -> float:
    """The one-sided p-value that a share (0..1) of ``n`` customers rose, to that of ``m``.

    Given the total of both counts, that of the window is binomial (Przyborowski, Wilenski 1940,
    "Homogeneity of results in testing samples from Poisson series", Biometrika 31). For shares that
    are not small the test is conservative.
    """
    count, total = window * m, window * m + reference * n
    if not count or not n:
        return 1.0
    return float(betainc(count, total - count + 1.0, m / (n + m)))


def mean_rose(values: Floats, reference: Floats, customers: float, window: Floats) -> float:
    """The one-sided p-value that the mean of ``values`` (bins,) rose.

    ``reference`` (bins,): counts of ``customers`` independent observations, perhaps weighted.
    ``window`` (bins,): counts. 1 if either has fewer than 30 customers, too few for a normal
    approximation.
    """
    rows = window.sum()
    if min(rows, customers) < _FEWEST or not reference.sum():
        return 1.0
    (before, old_variance), (after, variance) = (
        _moments(values, counts) for counts in (reference, window)
    )
    error = np.sqrt(max(old_variance, variance) * (1.0 / customers + 1.0 / rows))
    return float(ndtr((before - after) / error)) if error else 1.0


def _moments(values: Floats, counts: Floats) -> tuple[float, float]:
    mean = values @ counts / counts.sum()
    return float(mean), float((values - mean) ** 2 @ counts / counts.sum())


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for their number.

    The chance that any of them is at or below a level without any change is at most that level
    (Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6).
    """
    corrected, highest = [1.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = highest
    return corrected
