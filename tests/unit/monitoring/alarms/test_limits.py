from datetime import timedelta

import pytest

from churn_model.errors import InvalidToml
from monitoring.alarms import false_alarms_per_year, load_limits
from monitoring.alarms.limits import DEFAULT


def test_the_default_limits_allow_at_most_one_false_alarm_in_a_hundred_windows():
    limits = load_limits()
    assert limits.drift.significance + limits.broken_feed.significance <= 0.01
    assert (limits.drift.log_odds, limits.drift.log_loss, limits.drift.windows) == (0.1, 0.02, 2)


def test_false_alarms_per_year_follow_the_width_of_the_windows():
    limits = load_limits()
    assert false_alarms_per_year(limits, timedelta(days=1)) == pytest.approx(0.7305)
    assert false_alarms_per_year(limits, timedelta(days=7)) == pytest.approx(0.7305 / 7)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("significance = 0.001", "significance = 0", "drift.significance: "),
        ("log_odds = 0.1", "log_ods = 0.1", "drift.log_odds: Field required"),
        ("windows = 2", "windows = 0", "drift.windows: "),
        ("missing = 0.02", "missing = nan", "broken_feed.missing: "),
        ("[volume]", "[volumes]", r"\[volumes\] is not a known setting."),
        ("[drift]", "[drift", "is not valid TOML"),
    ],
)
def test_a_wrong_limit_is_reported_in_one_line(tmp_path, before, after, message):
    file = tmp_path / "limits.toml"
    text = DEFAULT.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))
    with pytest.raises(InvalidToml, match=message) as raised:
        load_limits(file)
    assert "\n" not in str(raised.value)
