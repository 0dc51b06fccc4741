from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from churn_model.errors import MonitoringError
from monitoring.arguments import monitor_options
from monitoring.options import MonitorOptions

NAMES = ["--log", "log", "--output", "out"]
LABELS = ["--labels", "t.csv", "--id", "ID", "--target", "Left=yes", "--as-of", "Seen"]
LABELS += ["--window", "60D"]
FLAGS = ("model-uri", "log-key", "batch", "data", "every", "reference", "limits", "labels", "id")
FLAGS += ("target", "as-of", "window", "known-until", "treatment", "treated", "labelled")


def test_parameters_that_mlproject_leaves_empty_take_their_defaults():
    given = monitor_options([*NAMES, *(f"--{flag}=" for flag in FLAGS)])
    assert given == MonitorOptions(log="log", output=Path("out"))


def test_every_flag_reaches_its_option():
    flags = (
        "-m models:/other/2 --log-key key --batch scores --data t.parquet --every 6H "
        "--reference 365D --limits limits.toml --known-until 2026-03-31 --treatment Group=offer "
        "--treated weight --labelled new.csv"
    )
    assert monitor_options([*NAMES, *LABELS, *flags.split()]) == MonitorOptions(
        model_uri="models:/other/2",
        output=Path("out"),
        log="log",
        log_key=Path("key"),
        batch="scores",
        data="t.parquet",
        every=timedelta(hours=6),
        reference=timedelta(days=365),
        limits=Path("limits.toml"),
        labels=Path("t.csv"),
        id="ID",
        target=("Left=yes",),
        as_of="Seen",
        window=60,
        known_until=date(2026, 3, 31),
        treatment="Group=offer",
        treated="weight",
        labelled=Path("new.csv"),
    )


def test_mlproject_passes_every_flag():
    project = Path(__file__).parents[3] / "MLproject"
    entry = yaml.safe_load(project.read_text())["entry_points"]["monitor"]
    flags = {"output", "log", *(flag.replace("-", "_") for flag in FLAGS)}
    assert set(entry["parameters"]) == flags
    words = entry["command"].split()
    for name in flags - {"model_uri"}:
        assert f"--{name.replace('_', '-')}={{{name}}}" in words
    assert "-m {model_uri}" in entry["command"]


@pytest.mark.parametrize("length", ["0D", "-1D", "1W", "D", "1.5D", "\N{ARABIC-INDIC DIGIT ONE}D"])
def test_a_length_that_is_no_number_of_days_or_hours_is_rejected(length, capsys):
    with pytest.raises(SystemExit):
        monitor_options([*NAMES, f"--every={length}"])
    assert "must be a number of days or hours such as 1D or 6H" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--output", "out"], "name an inference log (--log), results of batch scoring"),
        (["--output", "out", "--data", "t.csv", "--log-key", "k"], "name it with --log"),
        ([*NAMES, "--reference", "1H"], "--reference is shorter than a window (--every)"),
        ([*NAMES, "--window", "60D"], "--window needs a table of labels"),
        ([*NAMES, "--labelled", "new.csv"], "--labelled needs a table of labels"),
        ([*NAMES, *LABELS, "--labelled", "out/new.csv"], "is in the folder of --output"),
        ([*NAMES, "--as-of", "Seen"], "name the table with --data or --labels"),
        (
            [*NAMES, "--labels", "t.csv", "--id", "ID"],
            "--labels also needs --target COLUMN=VALUE, --as-of COLUMN|DAY",
        ),
        (["--output", "out", "--data", "t.csv", *LABELS], "name them with --log or --batch"),
    ],
)
def test_flags_that_do_not_go_together_are_one_line(flags, message):
    with pytest.raises(MonitoringError) as error:
        monitor_options(flags)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
