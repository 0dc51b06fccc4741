"""The documentation is true: its links, commands, file names and terms exist."""

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn_cli.main import COMMANDS, main
from training.data.protected_attributes import PHRASES
from training.evaluation.gates import load_gates
from training.evaluation.metrics import METRICS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted(DOCS.rglob("*.md")),
]
GLOSSARY = (DOCS / "glossary.md").read_text()
CODE_FOLDERS = (
    *("batch", "benchmarks", "churn_cli", "churn_model", "notebooks", "pyfunc", "scripts"),
    *("monitoring", "serving", "training"),
)
CODE_SUFFIXES = {"", ".ipynb", ".j2", ".json", ".md", ".py", ".toml", ".yaml"}

OLD_NAMES = re.compile(
    r"\b(Turnstile|Patience|Ledger|Outermost|Throttle|Judged?|KeyRefused|RequestRefused"
    r"|champion_version|score_unseen)\b"
    r"|\bclass (Call|Gathering|Guard|Holder|Layout|Outcome|Question|Served|Tally|Verdict|Windows)\b"
)
"""Names that only this project used. The last group are common words, so only classes count."""


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.strip().lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_relative_link_leads_to_a_file_and_a_heading(page):
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def shell_commands(page: Path) -> Iterator[list[str]]:
    """The arguments of each ``churn`` command in a page's shell blocks."""
    for block in re.findall(r"^```bash\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words = list(lexer)
            if words and words[0] == "churn":
                ends = [i for i, word in enumerate(words) if set(word) <= set("|&;<>()")]
                yield words[1 : min(ends, default=len(words))]


COMMANDS_SHOWN = [
    pytest.param(arguments, id=f"{page.name}: churn {' '.join(arguments)}")
    for page in PAGES
    for arguments in shell_commands(page)
]


class Parsed(Exception):
    """The arguments were valid; nothing else shall run."""


@pytest.mark.parametrize("arguments", COMMANDS_SHOWN)
def test_each_command_shown_is_valid(arguments, monkeypatch):
    parse = argparse.ArgumentParser.parse_args

    def parse_only(self, *args, **kwargs):
        parse(self, *args, **kwargs)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_only)
    if arguments in (["--help"], ["--version"]):
        assert main(arguments) == 0
        return
    with pytest.raises(Parsed):
        main(arguments)


def test_each_command_is_shown():
    shown = {parameter.values[0][0] for parameter in COMMANDS_SHOWN}
    assert set(COMMANDS) <= shown


def test_each_metric_and_each_gate_is_in_the_glossary():
    gates = load_gates()
    for name in (*METRICS, *gates.absolute, *gates.challenger):
        assert f"`{name}`" in GLOSSARY


def test_each_test_that_the_security_page_names_exists():
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "security.md").read_text()))
    assert len(named) > 15
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert {name for name in named if f"def {name}(" not in tests} == set()


def test_the_architecture_page_names_files_and_folders_that_exist():
    text = (DOCS / "architecture.md").read_text()
    existing = [
        f"/{path.relative_to(ROOT)}{'/' if path.is_dir() else ''}"
        for folder in (*CODE_FOLDERS, "docs")
        for path in (ROOT / folder, *(ROOT / folder).rglob("*"))
    ]
    for name in re.findall(r"`([\w/.]+(?:\.py|\.toml|/))`", text):
        assert any(path.endswith(f"/{name}") for path in existing), name


@pytest.mark.parametrize(
    "package", ["churn_model", "pyfunc", "training", "serving", "batch", "monitoring"]
)
def test_the_architecture_page_names_each_module_and_sub_package(package):
    text = (DOCS / "architecture.md").read_text()
    section = re.search(rf"^### {package}\n(.*?)^##", text, re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`([\w.]+/?)`", section[1]))
    modules = {path.name for path in (ROOT / package).glob("*.py")} - {"__init__.py", "__main__.py"}
    folders = {
        f"{path.name}/"
        for path in (ROOT / package).iterdir()
        if path.is_dir() and path.name != "__pycache__"
    }
    assert modules | folders <= named


def test_the_table_of_protected_attributes_has_the_words_of_the_code():
    text = (DOCS / "training.md").read_text()
    table = text[text.index("| attribute |") :].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    assert {name: tuple(words.split(", ")) for name, words in rows} == PHRASES
    assert [name for name, _ in rows] == list(PHRASES)  # the first attribute that matches counts


def test_old_names_are_gone():
    files = [
        path
        for folder in (*CODE_FOLDERS, "docs", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and path != Path(__file__)
        and path.suffix in CODE_SUFFIXES
        and "__pycache__" not in path.parts
    ]
    assert len(files) > 100
    for path in (*files, ROOT / "README.md", ROOT / "MLproject", ROOT / "pyproject.toml"):
        found = OLD_NAMES.search(path.read_text(errors="ignore"))
        assert found is None, f"{path.relative_to(ROOT)}: {found}"
