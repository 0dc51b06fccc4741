"""The imports run one way, by the rules in pyproject.toml; fields are declared in one place."""

import ast
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

from churn_model.schema import CustomerRecord

ROOT = Path(__file__).parents[2]
FOLDERS = ("churn_model", "pyfunc", "training", "serving", "batch", "monitoring")
FOLDERS += ("scripts", "notebooks")
DECLARED = ROOT / "churn_model" / "schema" / "customer.py"
SIMULATED = ROOT / "training" / "data" / "simulator.py"
WORDS = ROOT / "training" / "data" / "protected_attributes.py"  # lists words such as "age"


@contextmanager
def kept_loggers():
    """import-linter configures logging, which disables all loggers that exist."""
    loggers = [
        each for each in logging.root.manager.loggerDict.values() if hasattr(each, "disabled")
    ]
    before = [logger.disabled for logger in loggers]
    yield
    for logger, disabled in zip(loggers, before, strict=True):
        logger.disabled = disabled


def test_imports_run_one_way(monkeypatch):
    monkeypatch.chdir(ROOT)
    with kept_loggers():
        assert lint_imports(no_cache=True) == 0


def sources() -> Iterator[tuple[Path, str]]:
    """The Python of the project, notebooks included."""
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            yield path, path.read_text()
        for path in (ROOT / folder).rglob("*.ipynb"):
            cells = json.loads(path.read_text())["cells"]
            code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
            text = "\n".join(code)
            yield path, "\n".join(line for line in text.splitlines() if not line.startswith("%"))


@cache
def names_in(code: str) -> set[str]:
    """What a piece of Python names: in texts, as attributes, arguments and variables."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        for part in ("value", "attr", "arg", "id"):
            name = getattr(node, part, None)
            if isinstance(name, str):
                found.add(name)
    return found


@pytest.mark.parametrize("field", CustomerRecord.model_fields)
def test_no_field_of_the_default_record_is_named_where_it_is_not_declared(field):
    found = [path for path, code in sources() if field in names_in(code)]
    assert set(found) <= {DECLARED, SIMULATED, WORDS}
    for path in [*(ROOT / "training" / "reporting" / "templates").iterdir(), ROOT / "MLproject"]:
        assert f"[{field!r}]" not in path.read_text()
        assert f".{field}" not in path.read_text()
