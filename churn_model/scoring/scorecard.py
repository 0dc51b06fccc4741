"""The model as a JSON file: a generalised additive model with pairwise terms.

``logit p = intercept + sum of table lookups``, one table a feature and a few tables for pairs
(Lou, Caruana, Gehrke, Hooker 2013, "Accurate intelligible models with pairwise interactions"). The
file holds numbers and names only, so loading it runs no code; whatever is not as it should be is
refused before anything is built from it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from churn_model.errors import ScorecardError

FORMAT: Final = "churn-scorecard"
VERSION = 1
_MAX_BYTES = 256 * 2**20  # a scorecard has some 100 kB; what is far larger is no scorecard

_FILE = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Feature(BaseModel):
    """What a term looks up: a number, or a category with its known values in table order."""

    model_config = _FILE

    name: str
    kind: Literal["number", "category"]
    categories: list[str] = []


class Term(BaseModel):
    """A table over one feature, or over two.

    ``cuts`` has a list for each feature of the term: ascending bin edges of a number, empty for a
    category. A number's bin is ``1 + how many cuts are <= value``; a category's is 1 + its place in
    the feature's list. Entry 0 of each axis is for a missing value, the last one for an unknown
    category; so an axis has ``len(cuts) + 3`` or ``len(categories) + 2`` entries. ``scores`` are
    log-odds, row-major over the axes.
    """

    model_config = _FILE

    features: Annotated[list[str], Field(min_length=1, max_length=2)]
    cuts: list[list[Finite]]
    scores: list[Finite]

    @property
    def name(self) -> str:
        """``usage``, or ``plan & usage``."""
        return " & ".join(self.features)


class FeatureProfile(BaseModel):
    """How a feature was distributed in training: for drift checks and for plots of its effect.

    ``missing``: share of rows in 0..1. ``quantiles``: of a number at 0, 5, ..., 100 %, without the
    missing ones. ``shares``: of each category.
    """

    model_config = _FILE

    missing: Finite
    quantiles: list[Finite] = []
    shares: dict[str, Finite] = {}


class Profile(BaseModel):
    """The training table in numbers."""

    model_config = _FILE

    rows: int = 0
    churn_rate: Finite = 0.0
    features: dict[str, FeatureProfile] = {}


class Scorecard(BaseModel):
    """A fitted scorecard; see the module's text for the formula."""

    model_config = _FILE

    format: Literal["churn-scorecard"] = FORMAT
    version: int = VERSION
    intercept: Finite
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    features: Annotated[list[Feature], Field(min_length=1)]
    terms: list[Term]
    profile: Profile = Profile()

    @model_validator(mode="after")
    def _is_consistent(self) -> Scorecard:
        for complaint in _complaints(self):
            raise ValueError(complaint)
        return self

    def dumps(self) -> str:
        """The file's text; the same scorecard always gives the same bytes."""
        return json.dumps(self.model_dump(), ensure_ascii=False, allow_nan=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Write ``scorecard.json``."""
        Path(path).write_text(self.dumps(), encoding="utf-8")

    @classmethod
    def loads(cls, text: str | bytes, name: str = FORMAT) -> Scorecard:
        """Read the file's text. Raises ScorecardError with one line that says what is wrong."""
        try:
            document = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise ScorecardError(
                f"{name}: is cut off or no JSON; copy it again or register the model anew"
            ) from None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ScorecardError(f"{name}: is no scorecard (its 'format' is not {FORMAT!r})")
        if document.get("version") != VERSION:
            raise ScorecardError(
                f"{name}: has format version {document.get('version')!r:.20}, this program reads "
                f"version {VERSION}; train again or use the churn_model that wrote it"
            )
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise ScorecardError(f"{name}: {_first_line(error)}") from None

    @classmethod
    def load(cls, path: str | Path) -> Scorecard:
        """Read ``scorecard.json``. Raises ScorecardError."""
        path = Path(path)
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise ScorecardError(f"{path}: is over {_MAX_BYTES} bytes, so it is no scorecard")
            return cls.loads(path.read_bytes(), str(path))
        except OSError as error:
            raise ScorecardError(f"{path}: cannot be read ({error.strerror})") from None


def _complaints(scorecard: Scorecard) -> Iterator[str]:
    """What pydantic's types cannot say: names, sizes and order fit together."""
    features = {feature.name: feature for feature in scorecard.features}
    if len(features) < len(scorecard.features):
        yield "a feature is listed twice"
    for feature in scorecard.features:
        if len(set(feature.categories)) < len(feature.categories):
            yield f"feature {feature.name!r} lists a category twice"
        if feature.kind == "number" and feature.categories:
            yield f"feature {feature.name!r} is a number and has categories"
    seen: set[tuple[str, ...]] = set()
    for term in scorecard.terms:
        unknown = [name for name in term.features if name not in features]
        if unknown:
            yield f"term {term.name!r} uses an unknown feature"
        key = tuple(sorted(term.features))
        if key in seen or len(set(key)) < len(key):
            yield f"term {term.name!r} is there twice, or pairs a feature with itself"
        seen.add(key)
        if len(term.cuts) != len(term.features):
            yield f"term {term.name!r} needs a list of cuts for each feature"
        for name, cuts in zip(term.features, term.cuts, strict=True):
            if features[name].kind == "category" and cuts:
                yield f"term {term.name!r} has cuts for the category {name!r}"
            if any(a >= b for a, b in pairwise(cuts)):
                yield f"term {term.name!r} has cuts that do not ascend"
        if len(term.scores) != math.prod(term_shape(scorecard, term)):
            yield f"term {term.name!r} has {len(term.scores)} scores, which does not fit its cuts"


def term_shape(scorecard: Scorecard, term: Term) -> tuple[int, ...]:
    """The number of entries along each axis of a term's table."""
    features = {feature.name: feature for feature in scorecard.features}
    return tuple(
        len(features[name].categories) + 2 if features[name].kind == "category" else len(cuts) + 3
        for name, cuts in zip(term.features, term.cuts, strict=True)
    )


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _first_line(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
