from datetime import timedelta

import numpy as np
import pytest

from churn_model.errors import MonitoringError
from churn_model.profile import CellCounts
from monitoring.drift import references
from tests.unit.churn_model.profile.scorecards import PAIRED
from tests.unit.monitoring.customers import counted, days


def test_the_training_rows_are_the_reference_of_all_windows(paired_profile):
    windows = days([CellCounts(), counted(np.random.default_rng(1), 10)])
    first, second = references(windows, PAIRED, paired_profile)
    assert first is second
    assert first.customers == 4000
    assert first.missing["usage"] == 0.1


def test_a_season_earlier_are_the_windows_around_that_day(paired_profile):
    rng = np.random.default_rng(2)
    windows = days([counted(rng, 10 + i) for i in range(8)])
    found = references(windows, PAIRED, paired_profile, timedelta(days=4))
    assert [reference and reference.customers for reference in found] == [
        *(None, None, None, 10, 10 + 11, 10 + 11 + 12, 11 + 12 + 13, 12 + 13 + 14)
    ]


def test_a_season_that_nothing_was_scored_in_gives_no_reference(paired_profile):
    windows = days([counted(np.random.default_rng(3), 10), *[CellCounts()] * 6])
    found = references(windows, PAIRED, paired_profile, timedelta(days=4))
    has_reference = [reference is not None for reference in found]
    assert has_reference == [False, False, False, True, True, True, False]


def test_a_window_is_never_a_part_of_its_own_reference(paired_profile):
    windows = days([counted(np.random.default_rng(4), 10) for _ in range(3)])
    found = references(windows, PAIRED, paired_profile, timedelta(hours=12))
    assert [reference and reference.customers for reference in found] == [None, 10, 20]


def test_a_log_shorter_than_a_season_says_so(paired_profile):
    windows = days([counted(np.random.default_rng(5), 10) for _ in range(3)])
    with pytest.raises(MonitoringError, match="365 days earlier: the first window starts on 2026"):
        references(windows, PAIRED, paired_profile, timedelta(days=365))
    assert references([], PAIRED, paired_profile, timedelta(days=365)) == []
