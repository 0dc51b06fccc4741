import numpy as np
import pytest

from churn_model.profile import CellCounts
from churn_model.profile.score_bins import count_scores
from monitoring.alarms import load_limits
from monitoring.alarms.volume import volume_alarms
from tests.unit.monitoring.customers import START, days

MONTH = [5000] + [0] * 29
WEEK = [100, 110, 90, 105, 95, 0, 0]


def _alarms(rows):
    windows = days([CellCounts(scores=count_scores(np.full(n, 0.3))) for n in rows])
    return [
        ((a.since - START).days, a.until and (a.until - START).days)
        for a in volume_alarms(windows, load_limits().volume)
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([100] * 20 + [0], [(20, None)]),
        ([100] * 20 + [0, 0, 0] + [100], [(20, 23)]),
        ([100] * 20 + [5, 4] + [100] * 3, [(20, 22)]),
        ([100] * 20 + [5, 0, 0], [(20, None)]),  # first few, then none: one alarm
        ([100] * 20 + [30] * 5, []),
        (WEEK * 4, []),
        ([*WEEK * 4, 0], []),  # a holiday after the weekend
        ([*WEEK * 4, 0, 0], [(26, None)]),
        ([100] * 12 + [0], []),  # too little history
        (MONTH * 6, []),
        ([*MONTH * 6, *[0] * 10], []),  # ten days late
        ([*MONTH * 6, *[0] * 20], [(151, None)]),
        ([0] * 40, []),
        ([0] * 30 + [100] * 20 + [0], [(50, None)]),
        ([], []),
        ([*[100] * 20, 0, *[100] * 9, 0, *[100] * 9, 0], [(20, 21), (30, 31)]),  # becomes usual
    ],
)
def test_missing_customers_are_an_alarm_only_if_unusual(rows, expected):
    assert _alarms(rows) == expected


def test_the_message_of_adjacent_alarms_says_when_the_first_began():
    windows = days([CellCounts(scores=count_scores(np.full(n, 0.3))) for n in [100] * 20 + [5, 4]])
    (alarm,) = volume_alarms(windows, load_limits().volume)
    assert alarm.message.endswith(f"since {alarm.since:%Y-%m-%d}")


def test_rejected_rows_are_not_missing():
    windows = days([CellCounts(scores=count_scores(np.full(50, 0.3)))] * 20)
    windows += days([CellCounts()] * 20 + [CellCounts(rejected=50.0)])[20:]
    assert volume_alarms(windows, load_limits().volume) == []
