"""``monitoring_profile.json``: the training rows of a version, counted by its table cells.

Production is compared with these counts. The scores in it are held-out scores, because a model is
more certain on the rows that it was trained on than on any others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from churn_model.arrays import Floats
from churn_model.errors import ProfileError, first_validation_error
from churn_model.model_file import parse_model_file, read_model_file
from churn_model.profile.score_bins import BINS
from churn_model.scoring.scorecard import Scorecard

FORMAT: Final = "churn-monitoring-profile"
VERSION: Final = 1

_FILE = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)
Count = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class TermProfile(BaseModel):
    """The rows per table cell of one term, in the order of ``Term.scores``.

    ``rows``: training rows. ``held_out``: rows with held-out scores; of these, ``churners`` and
    ``expected``, the sum of their held-out probabilities. All are sums of the rows' weights.
    """

    model_config = _FILE

    features: Annotated[list[str], Field(min_length=1, max_length=2)]
    rows: list[Count]
    held_out: list[Count]
    churners: list[Count]
    expected: list[Count]


class ScoreProfile(BaseModel):
    """Held-out rows and churners per bin of scores (``score_bins``), as sums of weights."""

    model_config = _FILE

    rows: Annotated[list[Count], Field(min_length=BINS, max_length=BINS)]
    churners: Annotated[list[Count], Field(min_length=BINS, max_length=BINS)]


class MonitoringProfile(BaseModel):
    """What a version was trained on, in the terms of its scorecard.

    ``rows``: training rows. ``customers`` and ``held_out_customers``: the number of independent
    observations among the training rows and among the rows with held-out scores: customers, not
    rows, and fewer if they have different weights. ``rejected``: the share (0..1) of the table's
    rows that broke the schema. ``missing``, ``unlisted``: by feature, the share of rows with a
    missing value, and with a category level that the schema does not list.
    """

    model_config = _FILE

    format: Literal["churn-monitoring-profile"] = FORMAT
    version: Literal[1] = VERSION
    rows: Annotated[int, Field(ge=1)]
    customers: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    held_out_customers: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    rejected: Share
    missing: dict[str, Share]
    unlisted: dict[str, Share]
    terms: list[TermProfile]
    scores: ScoreProfile

    @model_validator(mode="after")
    def _is_consistent(self) -> MonitoringProfile:
        for term in self.terms:
            sizes = {len(term.rows), len(term.held_out), len(term.churners), len(term.expected)}
            if len(sizes) > 1:
                raise ValueError(f"term {' & '.join(term.features)!r} has lists of unequal length")
        return self

    @property
    def churn_rate(self) -> float:
        """The share of churners (0..1) among the rows with held-out scores; 0 without rows."""
        rows = sum(self.scores.rows)
        return sum(self.scores.churners) / rows if rows else 0.0

    def counts(self) -> tuple[Floats, ...]:
        """The training rows per table cell, for each term in the scorecard's order."""
        return tuple(np.array(term.rows) for term in self.terms)

    def check_match(self, scorecard: Scorecard) -> None:
        """Raise ProfileError unless this is the profile of the scorecard."""
        for problem in _mismatches(self, scorecard):
            raise ProfileError(
                f"the monitoring profile does not belong to the scorecard: {problem}"
            )

    def dumps(self) -> str:
        """Write as JSON; equal profiles give equal bytes."""
        return json.dumps(self.model_dump(), ensure_ascii=False, allow_nan=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Write ``monitoring_profile.json``."""
        Path(path).write_text(self.dumps(), encoding="utf-8")

    @classmethod
    def loads(cls, text: str | bytes, name: str = FORMAT) -> MonitoringProfile:
        """Read from JSON. Raises ProfileError, which says in one line what is wrong."""
        document = parse_model_file(
            text, name, format=FORMAT, what="profile", error=ProfileError, advice=""
        )
        if document.get("version") != VERSION:
            raise ProfileError(
                f"{name}: has format version {document.get('version')!r:.20}, but this program "
                f"reads version {VERSION}"
            )
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise ProfileError(f"{name}: {first_validation_error(error)}") from None

    @classmethod
    def load(cls, path: str | Path) -> MonitoringProfile:
        """Read ``monitoring_profile.json``. Raises ProfileError."""
        return cls.loads(read_model_file(Path(path), "profile", ProfileError), str(path))


def _mismatches(profile: MonitoringProfile, scorecard: Scorecard) -> Iterator[str]:
    if [term.features for term in profile.terms] != [term.features for term in scorecard.terms]:
        yield "they have different terms"
        return
    for counted, term in zip(profile.terms, scorecard.terms, strict=True):
        if len(counted.rows) != len(term.scores):
            yield f"term {term.name!r} has another number of cells"
    features = {feature.name for feature in scorecard.features}
    if not features.issuperset({*profile.missing, *profile.unlisted}):
        yield "it names an unknown feature"
