"""A registered model contains only the code that scoring needs."""

import ast
from pathlib import Path

from pyfunc.code_paths import copy_code

ROOT = Path(__file__).parents[3]
EXPECTED = """
churn_model/__init__.py
churn_model/arrays.py
churn_model/dates.py
churn_model/errors.py
churn_model/inference_log/__init__.py
churn_model/inference_log/collector.py
churn_model/inference_log/count_vector.py
churn_model/inference_log/identifiers.py
churn_model/inference_log/inference_log.py
churn_model/inference_log/log_format.py
churn_model/inference_log/log_writer.py
churn_model/inference_log/logged_version.py
churn_model/inference_log/options.py
churn_model/inference_log/parts.py
churn_model/inference_log/pending.py
churn_model/inference_log/retention.py
churn_model/inference_log/score_queue.py
churn_model/inference_log/scored_rows.py
churn_model/inference_log/singles.py
churn_model/inference_log/storage.py
churn_model/json_text.py
churn_model/model_file.py
churn_model/offer.py
churn_model/profile/__init__.py
churn_model/profile/cell_counts.py
churn_model/profile/monitoring_profile.py
churn_model/profile/score_bins.py
churn_model/redaction.py
churn_model/schema/__init__.py
churn_model/schema/column.py
churn_model/schema/compatibility.py
churn_model/schema/customer.py
churn_model/schema/json_schema.py
churn_model/schema/pydantic_class.py
churn_model/schema/record_schema.py
churn_model/scoring/__init__.py
churn_model/scoring/campaign.py
churn_model/scoring/example.py
churn_model/scoring/lookup.py
churn_model/scoring/scorecard.py
churn_model/scoring/scorer.py
churn_model/validation/__init__.py
churn_model/validation/cells.py
churn_model/validation/checks.py
churn_model/validation/field_errors.py
churn_model/validation/objects.py
churn_model/validation/rules.py
churn_model/validation/series.py
pyfunc/__init__.py
pyfunc/inference_log.py
pyfunc/model.py
"""


def test_the_code_has_no_client_no_table_parser_and_no_simulator(tmp_path):
    paths = copy_code(tmp_path)
    files = {
        str(file.relative_to(tmp_path))
        for path in paths
        for file in Path(path).rglob("*")
        if file.is_file()
    }
    assert files == set(EXPECTED.split())


def imported_modules(file: Path) -> set[str]:
    """The modules of this project that a file imports."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    names |= {
        f"{node.module}.{name.name}"
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    names |= {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    return {name for name in names if name.split(".")[0] in ("churn_model", "pyfunc")}


def test_the_code_imports_no_module_that_is_left_out(tmp_path):
    copy_code(tmp_path)
    imported = set().union(*map(imported_modules, tmp_path.rglob("*.py")))
    modules = {name for name in imported if is_module(ROOT, name)}
    assert "churn_model.scoring.lookup" in modules
    assert {name for name in modules if not is_module(tmp_path, name)} == set()


def is_module(folder: Path, name: str) -> bool:
    path = folder.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
