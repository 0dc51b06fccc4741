"""The canary: a second version that scores a stable share of the customers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from churn_model.scoring import Scores
from serving.served_model import ServedModel

_logger = logging.getLogger("serving.canary")

T = TypeVar("T")

MIN_REQUESTS = 100
"""Requests that the canary scores before it can end by itself."""

MARGIN = 0.01
"""It ends if its failure rate exceeds the champion's by more than this."""

_RANGE = 2.0**64


def customer_fraction(identifier: str) -> float:
    """A number from 0 up to 1 for an identifier, uniform over customers and always the same.

    It does not depend on the process, and is independent of the sample of the inference log.
    """
    text = identifier.encode("utf-8", "surrogatepass")
    digest = blake2b(text, digest_size=8, person=b"churn canary").digest()
    return int.from_bytes(digest, "big") / _RANGE


@dataclass
class FailureRate:
    """How many requests a version was given to score, and how many of these it failed to score."""

    requests: int = 0
    failures: int = 0

    def count(self, *, failed: bool) -> None:
        """Count a request."""
        self.requests += 1
        self.failures += failed

    @property
    def value(self) -> float:
        """Failures per request; 0 without requests."""
        return self.failures / self.requests if self.requests else 0.0


class CanaryMetrics(Protocol):
    """What a canary counts for the metrics."""

    def canary_request(self, *, failed: bool) -> None:
        """Count a request that the canary scored, or failed to score."""


class Canary:
    """A version that scores the customers with a fraction below ``share`` (above 0, below 1).

    The champion has validated and scored each of them before, so a customer whom the canary fails
    to score gets the champion's score. ``on_end(canary)``: is called once, from any thread, when
    the canary fails too often (MIN_REQUESTS, MARGIN); it takes no customers from then on.
    """

    def __init__(
        self,
        model: ServedModel,
        share: float,
        metrics: CanaryMetrics,
        on_end: Callable[[Canary], None] = lambda canary: None,
    ) -> None:
        self.model = model
        self.share = share
        self.has_ended = False
        self.own = FailureRate()
        self.champion = FailureRate()
        self._identifier = model.scorer.schema.identifiers[0].name
        self._metrics = metrics
        self._on_end = on_end
        self._lock = Lock()

    def takes(self, identifiers: Mapping[str, Any]) -> bool:
        """Whether it scores the customer with these identifiers; the first of them decides."""
        return not self.has_ended and self._is_below(identifiers[self._identifier])

    def rows(self, scores: Scores) -> npt.NDArray[np.bool_]:
        """Which of the n customers it scores (n,); none of the invalid ones."""
        if self.has_ended:
            return np.zeros(len(scores.valid), dtype=np.bool_)
        identifiers = scores.identifiers[self._identifier]
        below = np.fromiter(map(self._is_below, identifiers), np.bool_, len(scores.valid))
        return below & scores.valid

    def _is_below(self, identifier: str | None) -> bool:
        return identifier is not None and customer_fraction(identifier) < self.share

    def champion_scored(self, *, failed: bool = False) -> None:
        """Count a request of the champion."""
        with self._lock:
            self.champion.count(failed=failed)

    def attempt(self, score: Callable[[], T]) -> T | None:
        """The result of ``score``, which scores with this version; None if it fails."""
        try:
            result = score()
        except Exception:
            if not self.own.failures:  # once, because a broken version may fail for all customers
                _logger.exception("version %s, the canary, failed to score", self.model.version)
            self._count(failed=True)
            return None
        self._count(failed=False)
        return result

    def _count(self, *, failed: bool) -> None:
        self._metrics.canary_request(failed=failed)
        with self._lock:
            self.own.count(failed=failed)
            ends = not self.has_ended and self._fails_too_often()
            self.has_ended |= ends
        if ends:
            self._on_end(self)

    def _fails_too_often(self) -> bool:
        excess = self.own.value - self.champion.value
        return self.own.requests >= MIN_REQUESTS and excess > MARGIN
