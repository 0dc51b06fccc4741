from __future__ import annotations

import pytest

from churn_model.errors import TrainingError
from training.arguments.promote import promote_options
from training.arguments.train import train_options
from training.options import InferOptions
from training.terminal import promote_command

TABLE = ["--data", "t.csv", "--target", "Left=1"]


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--seed", "-1"], "--seed -1: must be an integer from 0 to 4294967295"),
        (["--seed", "4294967296"], "--seed 4294967296: must be"),
        (["--prior", "0.2"], "--prior describes a table"),
        ([*TABLE, "--prior", "2"], "--prior 2: the true churn rate is between 0 and 1"),
        (["--name", "a/b"], "--name 'a/b': a name is not empty and has no / or :"),
        (["--name", "a:b"], "has no / or :"),
        (["--name", " "], "a name is not empty"),
        ([*TABLE, "--exclude", "Left"], "'Left' is named by --target and by --exclude"),
        ([*TABLE, "--id", "Id", "--exclude", "Id"], "'Id' is named by --id and by --exclude"),
        ([*TABLE, "--audit", "Left"], "'Left' is named by --audit and by --id or --target"),
        ([*TABLE, "--id", "Id", "--audit", "Id"], "'Id' is named by --audit"),
        (
            [*TABLE, "--as-of", "Seen", "--window", "60D", "--known-until", "2999-01-01"],
            "--known-until 2999-01-01: is in the future",
        ),
        ([*TABLE, "--id", "Left"], "'Left' is named by --id and by --target"),
    ],
)
def test_options_that_cannot_work_are_rejected_before_anything_is_read(flags, complaint):
    with pytest.raises(TrainingError) as caught:
        train_options(flags)
    assert complaint in str(caught.value)


def test_a_second_identifier_is_not_ignored(capsys):
    with pytest.raises(SystemExit):
        train_options([*TABLE, "--id", "Id", "--id", "Account"])
    assert "--id is given twice: 'Id' and 'Account'" in capsys.readouterr().err
    assert train_options([*TABLE, "--id", "Id", "--id="]).id == "Id"


def test_contradictory_columns_are_rejected_in_inference_and_promotion_too():
    with pytest.raises(TrainingError, match="by --id and by --exclude"):
        InferOptions(table="t.csv", id="Id", target=("Left=1",), exclude=("Id",))
    with pytest.raises(TrainingError, match="by --target and by --exclude"):
        promote_options([*TABLE, "--exclude", "Left"])


def test_the_command_to_promote_names_no_excluded_column():
    options = train_options([*TABLE, "--id", "Id", "--exclude", "Gender"])
    command = promote_command(options, "churn")
    assert command == "churn promote --data FRESH.csv --id Id --target Left=1"


@pytest.mark.parametrize("parse", [train_options, promote_options])
def test_alarms_are_accepted_for_one_reason_or_for_one_reason_each(parse):
    flags = ["--accept-alarm", "a", "--accept-alarm", "b", "--because", "first"]
    assert parse(flags).accepted == {"a": "first", "b": "first"}
    assert parse([*flags, "--because", "second"]).accepted == {"a": "first", "b": "second"}
    assert parse(["--accept-alarm=", "--because="]).accepted == {}


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--accept-alarm", "a"], "--accept-alarm needs a reason"),
        (["--accept-alarm", "a", "--because", " "], "--accept-alarm needs a reason"),
        (["--because", "x"], "--because is the reason for --accept-alarm"),
        (["--accept-alarm", "a", "--because", "x", "--because", "y"], "1 times and --because 2"),
    ],
)
def test_an_alarm_is_not_accepted_without_a_reason(flags, complaint):
    with pytest.raises(TrainingError, match=complaint):
        train_options(flags)
