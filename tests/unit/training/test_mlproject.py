"""MLproject's parameters are the flags of the commands."""

from pathlib import Path

import pytest
import yaml

from training.arguments.promote import promote_options
from training.arguments.recalibrate import recalibrate_options
from training.arguments.train import train_options

MLPROJECT = yaml.safe_load((Path(__file__).parents[3] / "MLproject").read_text())


@pytest.mark.parametrize(
    ("entry_point", "parse"),
    [
        ("train", train_options),
        ("promote", promote_options),
        ("recalibrate", recalibrate_options),
    ],
)
def test_each_flag_is_a_parameter_and_each_parameter_is_passed(entry_point, parse, capsys):
    with pytest.raises(SystemExit):
        parse(["--help"])
    usage = capsys.readouterr().out
    entry = MLPROJECT["entry_points"][entry_point]
    parameters = set(entry["parameters"])
    flags = {
        word.strip("[]").removeprefix("--").replace("-", "_")
        for word in usage.split()
        if word.startswith("[--")
    }
    assert parameters == flags
    for name in parameters:
        assert f"--{name.replace('_', '-')}={{{name}}}" in entry["command"]


def test_an_empty_reason_does_not_force_a_promotion():
    assert promote_options(["--force="]).force is None
