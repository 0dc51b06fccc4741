"""Rows are written as dictionaries are."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from serving.api.json_rows import json_rows

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["},{", ",\n  ", "]\n", "[\n  ", '"', "\\", "\u2028"]
)
REASONS = st.lists(st.fixed_dictionaries({"feature": TEXTS, "value": st.none() | TEXTS}))


@st.composite
def tables(draw):
    """Columns with the same number of cells, in random order."""
    n = draw(st.integers(0, 4))
    kinds = [TEXTS, st.none() | TEXTS, st.none() | st.floats(), st.integers(-1, 1), REASONS]
    names = draw(st.lists(TEXTS, min_size=1, max_size=5, unique=True))
    return {
        name: draw(st.lists(draw(st.sampled_from(kinds)), min_size=n, max_size=n)) for name in names
    }


@given(tables())
def test_rows_are_those_of_dictionaries(columns):
    names = tuple(columns)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    written = orjson.loads(json_rows(columns))
    assert written == orjson.loads(orjson.dumps(rows))
    assert all(tuple(row) == names for row in written)
