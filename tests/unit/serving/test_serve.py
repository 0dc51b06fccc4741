"""``churn serve`` and ``churn keys`` in processes of their own: what they import, what they need."""

import json
import subprocess
import sys

import pytest

HEAVY = ("mlflow", "pandas", "sklearn", "interpret", "matplotlib", "pyspark")
EXTRA = ("fastapi_swagger", "httptools", "limits", "prometheus_client", "pydantic_settings")
EXTRA += ("redis", "starlette", "uvicorn", "uvloop")

PROGRAM = """
import json, sys
from importlib.abc import MetaPathFinder

blocked = json.loads(sys.argv[1])

class Blocker(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
from churn_cli.main import main
sys.exit(main(sys.argv[2:]))
"""


def churn(*arguments, without=(), cwd=None):
    """Run ``churn`` in a process in which some modules cannot be imported."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(without), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=cwd)


def test_help_needs_no_heavy_import():
    done = churn("serve", "--help", without=HEAVY)
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: churn serve" in done.stdout


@pytest.mark.parametrize(
    ("flags", "code", "complaint"),
    [
        (["--nonsense"], 2, "unrecognized arguments: --nonsense"),
        (["--port", "x"], 1, "error: --port: "),
        (["--keys-file", "none.toml"], 1, "error: none.toml: cannot be read"),
        (["--rate-limit", "x"], 1, "error: --rate-limit x: "),
    ],
)
def test_an_invalid_flag_is_rejected_without_a_heavy_import(tmp_path, flags, code, complaint):
    done = churn("serve", *flags, without=HEAVY, cwd=tmp_path)
    assert done.returncode == code
    assert complaint in done.stderr


@pytest.mark.parametrize("missing", [EXTRA, ("pydantic_settings",), ("uvloop",)])
def test_without_its_extra_the_server_names_the_pip_command(missing):
    done = churn("serve", without=missing)
    assert done.returncode == 1
    assert done.stderr == (
        'error: churn serve needs the "serve" extra; run pip install -e ".[serve]" in the folder of '
        "your clone\n"
    )


def test_keys_are_made_without_any_extra(tmp_path):
    done = churn("keys", "billing", "--file", "keys.toml", without=(*HEAVY, *EXTRA), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "billing = " in (tmp_path / "keys.toml").read_text()
