"""The imports run one way; the rules are in pyproject.toml."""

from importlinter.cli import lint_imports


def test_imports_run_one_way(monkeypatch):
    monkeypatch.chdir(__file__.rsplit("/tests/", 1)[0])
    assert lint_imports(no_cache=True) == 0
