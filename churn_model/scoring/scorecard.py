"""The model as a JSON file: a generalised additive model with pairwise terms.

``logit p = intercept + sum of table lookups``, with one table per feature and a few for pairs (Lou,
Caruana, Gehrke, Hooker 2013, "Accurate intelligible models with pairwise interactions"). The file
contains only numbers and names, so loading it runs no code. A file that is not consistent is
rejected before it is used.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from churn_model.errors import ScorecardError, first_validation_error
from churn_model.model_file import parse_model_file, read_model_file
from churn_model.scoring.campaign import Campaign

FORMAT: Final = "churn-scorecard"
VERSION, CAMPAIGN_VERSION = 1, 2
"""The file's format version, without and with a campaign.

Programs that know no campaign would decide differently, so they must not read such a file.
"""

_FILE = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Feature(BaseModel):
    """A numerical feature, or a category with its levels in the order of the tables."""

    model_config = _FILE

    name: str
    kind: Literal["number", "category"]
    categories: list[str] = []


class Term(BaseModel):
    """A table over one or two features.

    ``cuts`` has one list per feature of the term: ascending bin edges for a number, empty for a
    category. The bin of a number is ``1 + (number of cuts <= value)``, the bin of a category level
    is 1 + its position in the feature's list. Along each axis entry 0 is for a missing value and
    the last entry for an unlisted level, so an axis has ``len(cuts) + 3`` or
    ``len(categories) + 2`` entries. ``scores`` are log-odds, in row-major order.
    """

    model_config = _FILE

    features: Annotated[list[str], Field(min_length=1, max_length=2)]
    cuts: list[list[Finite]]
    scores: list[Finite]

    @property
    def name(self) -> str:
        """``usage``, or ``plan & usage``."""
        return " & ".join(self.features)


class Scorecard(BaseModel):
    """A fitted scorecard; the module's docstring has the formula.

    ``threshold``: the probability (0..1) from which a customer is predicted to churn. ``campaign``:
    the campaign that the version was trained for, if any (see ``with_campaign``).
    """

    model_config = _FILE

    format: Literal["churn-scorecard"] = FORMAT
    version: int = VERSION
    intercept: Finite
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    features: Annotated[list[Feature], Field(min_length=1)]
    terms: list[Term]
    campaign: Campaign | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Scorecard:
        for problem in _inconsistencies(self):
            raise ValueError(problem)
        return self

    def with_campaign(self, campaign: Campaign) -> Scorecard:
        """A copy for a campaign. Raises ScorecardError if its revenue is no numerical feature."""
        changed = self.model_copy(update={"campaign": campaign, "version": CAMPAIGN_VERSION})
        for problem in _inconsistent_campaign(changed):
            raise ScorecardError(problem)
        return changed

    def dumps(self) -> str:
        """Write as JSON; equal scorecards give equal bytes."""
        document = self.model_dump(exclude={"campaign"})
        if self.campaign is not None:
            document["campaign"] = self.campaign.model_dump(exclude_none=True)
        return json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Write ``scorecard.json``."""
        Path(path).write_text(self.dumps(), encoding="utf-8")

    @classmethod
    def loads(cls, text: str | bytes, name: str = FORMAT) -> Scorecard:
        """Read from JSON. Raises ScorecardError, which says in one line what is wrong."""
        document = parse_model_file(
            text,
            name,
            format=FORMAT,
            what="scorecard",
            error=ScorecardError,
            advice="; copy it again or register the model again",
        )
        if document.get("version") not in (VERSION, CAMPAIGN_VERSION):
            raise ScorecardError(
                f"{name}: has format version {document.get('version')!r:.20}, but this program "
                f"reads versions {VERSION} and {CAMPAIGN_VERSION}; train again, or use the "
                "churn_model that wrote it"
            )
        document.pop("profile", None)  # older files summarise the training table
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise ScorecardError(f"{name}: {first_validation_error(error)}") from None

    @classmethod
    def load(cls, path: str | Path) -> Scorecard:
        """Read ``scorecard.json``. Raises ScorecardError."""
        content = read_model_file(Path(path), "scorecard", ScorecardError)
        return cls.loads(content, str(path))


def _inconsistencies(scorecard: Scorecard) -> Iterator[str]:
    """Names, sizes and orders that do not fit together, which pydantic's types cannot express."""
    yield from _inconsistent_features(scorecard)
    yield from _inconsistent_terms(scorecard)
    for term in scorecard.terms:
        yield from _inconsistent_table(scorecard, term)
    yield from _inconsistent_campaign(scorecard)


def _inconsistent_features(scorecard: Scorecard) -> Iterator[str]:
    names = {feature.name for feature in scorecard.features}
    if len(names) < len(scorecard.features):
        yield "a feature is listed twice"
    for feature in scorecard.features:
        if len(set(feature.categories)) < len(feature.categories):
            yield f"feature {feature.name!r} lists a category level twice"
        if feature.kind == "number" and feature.categories:
            yield f"feature {feature.name!r} is a number, but has categories"


def _inconsistent_terms(scorecard: Scorecard) -> Iterator[str]:
    features = {feature.name for feature in scorecard.features}
    seen: set[tuple[str, ...]] = set()
    for term in scorecard.terms:
        if not features.issuperset(term.features):
            yield f"term {term.name!r} uses an unknown feature"
        key = tuple(sorted(term.features))
        if key in seen or len(set(key)) < len(key):
            yield f"term {term.name!r} occurs twice, or pairs a feature with itself"
        seen.add(key)


def _inconsistent_table(scorecard: Scorecard, term: Term) -> Iterator[str]:
    kinds = {feature.name: feature.kind for feature in scorecard.features}
    if len(term.cuts) != len(term.features):
        yield f"term {term.name!r} needs one list of cuts per feature"
    for name, cuts in zip(term.features, term.cuts, strict=True):
        if kinds[name] == "category" and cuts:
            yield f"term {term.name!r} has cuts for the category {name!r}"
        if any(a >= b for a, b in pairwise(cuts)):
            yield f"term {term.name!r} has cuts that do not ascend"
    expected = math.prod(term_shape(scorecard, term))
    if len(term.scores) != expected:
        yield f"term {term.name!r} has {len(term.scores)} scores, but its cuts need {expected}"


def _inconsistent_campaign(scorecard: Scorecard) -> Iterator[str]:
    campaign = scorecard.campaign
    if (campaign is None) != (scorecard.version == VERSION):
        verb = "needs a" if campaign is None else "has no"
        yield f"format version {scorecard.version} {verb} campaign"
    if campaign is None:
        return
    numbers = {feature.name for feature in scorecard.features if feature.kind == "number"}
    if campaign.revenue not in numbers:
        yield f"the campaign's revenue {campaign.revenue!r} is not a numerical feature"
    if campaign.decides_by_profit and campaign.contact_at_most is not None:
        yield "the campaign decides by profit, which has no limit of contacts"


def term_shape(scorecard: Scorecard, term: Term) -> tuple[int, ...]:
    """The number of entries along each axis of a term's table."""
    features = {feature.name: feature for feature in scorecard.features}
    return tuple(
        len(features[name].categories) + 2 if features[name].kind == "category" else len(cuts) + 3
        for name, cuts in zip(term.features, term.cuts, strict=True)
    )
