"""``churn`` answers help and wrong usage at once: nothing heavy is imported for it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version

import pytest

from churn_cli.main import COMMANDS, main

HEAVY = {"mlflow", "pandas", "pyarrow", "sklearn", "interpret", "matplotlib", "pyspark"}

RUNNER = f"""
import contextlib, io, json, sys
from churn_cli.main import main

def answer(arguments):
    before = set(sys.modules)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = ended.code
    imported = sorted({HEAVY!r} & (set(sys.modules) - before))
    return [code, out.getvalue(), err.getvalue(), imported]

json.dump([answer(arguments) for arguments in json.load(sys.stdin)], sys.stdout)
"""


@pytest.fixture(scope="module")
def answers():
    """What ``churn`` answers: {arguments: (exit code, stdout, stderr, heavy modules it imported)}.

    One Python answers all of them: a module that any of them imports shows up once.
    """
    asked = [[name, flag] for name in COMMANDS for flag in ("--help", "--no-such-flag")]
    asked += [["--help"], ["--version"], ["scor"]]
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return {" ".join(a): answer for a, answer in zip(asked, json.loads(done.stdout), strict=True)}


def test_help_version_and_unknown_commands_import_nothing_heavy(answers):
    code, text, _, imported = answers["--help"]
    assert (code, imported) == (0, [])
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert answers["--version"] == [0, f"churn {version('churn-model')}\n", "", []]
    code, _, error, imported = answers["scor"]
    assert (code, imported) == (2, [])
    assert "Did you mean 'score'?" in error


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_imports_nothing_heavy(answers, name):
    code, text, _, imported = answers[f"{name} --help"]
    assert code == 0
    assert text.startswith(f"usage: churn {name} ")
    assert imported == []


@pytest.mark.parametrize("name", COMMANDS)
def test_an_invalid_flag_is_rejected_before_anything_heavy_is_imported(answers, name):
    code, _, error, imported = answers[f"{name} --no-such-flag"]
    assert code in (1, 2)
    assert "--no-such-flag" in error or "required" in error
    assert "Traceback" not in error
    assert imported == []


def test_without_a_command_it_prints_the_help(capsys):
    assert main([]) == 0
    without = capsys.readouterr().out
    assert main(["--help"]) == 0
    assert capsys.readouterr().out == without


def test_an_unknown_command_or_option_is_one_line(capsys):
    assert main(["predict"]) == 2
    error = capsys.readouterr().err
    assert error == f"error: unknown command 'predict'. The commands are {', '.join(COMMANDS)}\n"
    assert main(["--verbose"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_it_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "churn_cli", "--version"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, f"churn {version('churn-model')}\n")
