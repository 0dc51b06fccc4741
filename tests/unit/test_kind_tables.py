"""Tables keyed by the kind of a column (``dict[Kind, ...]``) must have an entry for each kind."""

import ast
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from churn_model.schema import Kind

ROOT = Path(__file__).parents[2]
PACKAGES = ("batch", "churn_model", "monitoring", "pyfunc", "serving", "training")


def kind_tables() -> list[tuple[str, str]]:
    """Module and name of each table in the packages."""
    tables = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for node in ast.parse(path.read_text()).body:
                is_annotated = isinstance(node, ast.AnnAssign)
                if is_annotated and ast.unparse(node.annotation).startswith("dict[Kind,"):
                    tables.append((module, ast.unparse(node.target)))
    return tables


@pytest.mark.parametrize(("module", "name"), kind_tables())
def test_a_table_has_an_entry_for_each_kind_of_column(module, name):
    assert set(getattr(import_module(module), name)) == set(get_args(Kind))


def test_the_search_finds_the_tables():
    assert {module for module, _ in kind_tables()} >= {
        "churn_model.schema.column",
        "churn_model.schema.json_schema",
        "churn_model.schema.pydantic_class",
        "churn_model.tables.texts",
        "churn_model.validation.objects",
        "churn_model.validation.rules",
        "churn_model.validation.series",
        "pyfunc.signature",
        "serving.typed_rows",
    }
