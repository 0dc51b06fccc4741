from datetime import timedelta

import pytest

from churn_model.profile import CellCounts
from monitoring.alarms.changes import Change, Key, episodes, percent
from monitoring.windows import Window
from tests.unit.monitoring.customers import DAY, START, days

KEY = Key("drift", "usage")


def _alarms(letters, repeated=2):
    """Windows that show a significant (S) or only material (m) change, none (-), or nothing ( )."""
    kinds = {"S": {KEY: Change(True, "it")}, "m": {KEY: Change(False, "it")}, "-": {}, " ": None}
    found = [kinds[letter] for letter in letters]
    alarms = episodes(days([CellCounts()] * len(found)), found, repeated)
    return [
        ((a.since - START).days, a.until if a.until is None else (a.until - START).days)
        for a in alarms
    ]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("S", []),
        ("S-S-S", []),
        ("SmS", []),
        ("-SS", [(1, None)]),
        ("S S", [(0, None)]),  # a window without customers says nothing
        ("SS  -", [(0, 4)]),
        ("SSmm-S", [(0, 4)]),  # a small window shows it without proving it
        ("mSS-SS", [(1, 3), (4, None)]),
    ],
)
def test_an_alarm_is_repeated_and_lasts_as_long_as_the_change_is_material(letters, expected):
    assert _alarms(letters) == expected


def test_a_broken_feed_needs_one_window():
    assert _alarms("-S-", repeated=1) == [(1, 2)]


def test_the_message_says_since_when():
    found = [{KEY: Change(True, "usage changed")}] * 2
    (alarm,) = episodes(days([CellCounts()] * 2), found, 2)
    assert alarm.message == "usage changed since 2026-01-01"
    hour = timedelta(hours=1)
    hours = [Window(START + i * hour, START + (i + 1) * hour, CellCounts()) for i in range(3)]
    (past,) = episodes(hours, [*found, {}], 2)
    assert past.message == "usage changed from 2026-01-01 00:00 to 2026-01-01 02:00"
    assert past.until == START + 2 * hour < START + DAY


def test_small_shares_keep_their_digits():
    assert [percent(share) for share in (0.0, 0.00021, 0.214, 1.0)] == [
        *("0.0 %", "0.021 %", "21.4 %", "100.0 %")
    ]
