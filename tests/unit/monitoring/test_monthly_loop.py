"""The recipes for schedulers: ``monthly.sh``, and the Airflow DAG that calls its steps."""

import ast
import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from monitoring.arguments import monitor_options
from training.arguments.promote import promote_options
from training.arguments.recalibrate import recalibrate_options
from training.arguments.train import train_options

RECIPES = Path(__file__).parents[3] / "docs" / "monitoring"
SCRIPT = RECIPES / "monthly.sh"
CHURN = """#!/usr/bin/env bash
echo "$@" >> churn.log
case $1 in
    monitor) echo labelled > monitoring-state/fresh.csv; exit "${MONITOR:-0}" ;;
    promote) exit "${PROMOTE:-0}" ;;
esac
"""


class Loop:
    """Runs the script with a ``churn`` that only writes down how it was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "bin" / "churn"
        program.parent.mkdir()
        program.write_text(CHURN)
        program.chmod(0o755)

    def run(self, verdict, *steps, **exit_codes):
        """Run a month; returns the exit code and the commands that were run."""
        (self.folder / "churn.log").unlink(missing_ok=True)
        (self.folder / "monitoring-report").mkdir(exist_ok=True)
        (self.folder / "monitoring-report" / "summary.json").write_text(
            json.dumps({"verdict": verdict})
        )
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "LABELS": "l.csv"} | exit_codes
        done = subprocess.run(
            [SCRIPT, *steps], cwd=self.folder, env=environment, capture_output=True, text=True
        )
        log = self.folder / "churn.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return done.returncode, [line.split()[0] for line in lines], lines


@pytest.fixture
def loop(tmp_path):
    return Loop(tmp_path)


@pytest.mark.parametrize("verdict", ["fine", "watch"])
def test_drift_alone_never_retrains(loop, verdict):
    assert loop.run(verdict, MONITOR="2")[:2] == (0, ["monitor"])


def test_a_failure_of_monitoring_stops_the_loop(loop):
    assert loop.run("retrain", MONITOR="1")[:2] == (1, ["monitor"])


def test_a_new_version_is_examined_when_labels_of_fresh_customers_are_final(loop):
    assert loop.run("retrain")[1] == ["monitor", "train"]
    assert loop.run("retrain")[1] == ["monitor"]
    assert loop.run("retrain", PROMOTE="0")[1] == ["monitor", "promote"]
    assert loop.run("fine")[1] == ["monitor"]


def test_if_recalibration_was_refused_the_model_is_trained(loop):
    assert loop.run("recalibrate")[1] == ["monitor", "recalibrate"]
    loop.run("recalibrate")
    assert loop.run("recalibrate", PROMOTE="2")[1] == ["monitor", "promote", "train"]


def test_a_failed_examination_is_repeated(loop):
    loop.run("retrain")
    loop.run("retrain")
    assert loop.run("retrain", PROMOTE="1")[:2] == (1, ["monitor", "promote"])
    assert loop.run("retrain", PROMOTE="0")[:2] == (0, ["monitor", "promote"])


def test_each_command_of_the_loop_has_valid_flags(loop):
    parsers = {
        "monitor": monitor_options,
        "promote": promote_options,
        "recalibrate": recalibrate_options,
        "train": train_options,
    }
    seen = set()
    for verdict in ("recalibrate", "recalibrate", "recalibrate"):
        for line in loop.run(verdict, PROMOTE="2")[2]:
            command, *flags = shlex.split(line)
            parsers[command](flags)
            seen.add(command)
    assert seen == set(parsers)


def test_an_unknown_step_is_one_line(loop):
    done = subprocess.run([SCRIPT, "mnitor"], cwd=loop.folder, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


def test_the_airflow_dag_is_valid_python_and_its_tasks_are_steps_of_the_script():
    text = (RECIPES / "churn_dag.py").read_text()
    tree = ast.parse(text)
    compile(tree, "churn_dag.py", "exec")
    (steps,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "STEPS"
    ]
    for step in steps:
        assert re.search(rf"^{step}\(\) \{{$", SCRIPT.read_text(), re.MULTILINE)


def test_all_commands_take_churn_as_known_until_the_same_day(loop):
    """The labelled table ends before that day; without it, 60 more days would be left out."""
    lines = []
    for _ in range(3):
        lines += loop.run("recalibrate", PROMOTE="2", KNOWN_UNTIL="2026-05-31")[2]
    assert {line.split()[0] for line in lines} == {"monitor", "promote", "recalibrate", "train"}
    assert all("--known-until 2026-05-31" in line for line in lines)
