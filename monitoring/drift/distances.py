"""Measures of the difference between two distributions over bins.

PSI, JS and KS are reported because readers know them. Their customary bands are conventions without
an error rate: without any drift, PSI is about (bins - 1) x (1 / n + 1 / N) for n and N customers
(Yurdakul, Naranjo 2020, "Statistical properties of the population stability index", Journal of Risk
Model Validation 14). No alarm uses them.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from churn_model.arrays import Floats

CUSTOMARY_BANDS: Final = {
    "psi": ((0.1, "moderate"), (0.25, "large")),
    "js": ((0.1, "large"),),
    "ks": ((0.1, "large"),),
}
"""The value from which a measure is customarily called so, ascending."""

_SMOOTHING = 0.5  # customers added to each bin, so that an empty bin has a finite logarithm


def customary_band(measure: str, value: float) -> str:
    """What a value is customarily called: ``small``, ``moderate`` or ``large``."""
    band = "small"
    for start, name in CUSTOMARY_BANDS[measure]:
        band = name if value >= start else band
    return band


def psi(reference: Floats, window: Floats) -> float:
    """The population stability index of counts (bins,), each with half a customer added.

    Bins that are empty in both are left out.
    """
    used = reference + window > 0
    reference, window = reference[used], window[used]
    p, q = _shares(reference + _SMOOTHING), _shares(window + _SMOOTHING)
    return float(np.sum((q - p) * np.log(q / p)))


def jensen_shannon(reference: Floats, window: Floats) -> float:
    """The Jensen-Shannon distance (0..1) of counts (bins,): the root of the divergence in bits."""
    p, q = _shares(reference), _shares(window)
    middle = (p + q) / 2
    divergence = (_kullback_leibler(p, middle) + _kullback_leibler(q, middle)) / 2
    return float(np.sqrt(max(0.0, divergence)))


def kolmogorov_smirnov(reference: Floats, window: Floats) -> float:
    """The largest difference (0..1) of the distribution functions of counts (cells,), in order."""
    return float(np.abs(np.cumsum(_shares(window) - _shares(reference))).max())


def _kullback_leibler(p: Floats, q: Floats) -> float:
    positive = p > 0
    return float(np.sum(p[positive] * np.log2(p[positive] / q[positive])))


def _shares(counts: Floats) -> Floats:
    shares: Floats = counts / counts.sum()
    return shares
