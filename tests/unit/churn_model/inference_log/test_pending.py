"""Rows and counts that wait to be written."""

import numpy as np
import pytest

from churn_model.inference_log.pending import HOUR, MINUTE, by_period


def starts_and_times(when, seconds):
    times = np.array(when, dtype=float)
    return {start: times[members].tolist() for start, members in by_period(times, seconds)}


def test_times_are_grouped_by_the_period_that_they_are_in():
    unsorted = [119.9, 60.0, 59.9, 0.0, 3599.9, 3600.0]
    assert starts_and_times(unsorted, MINUTE) == {
        0: [59.9, 0.0],
        60: [119.9, 60.0],
        3540: [3599.9],
        3600: [3600.0],
    }
    assert starts_and_times(unsorted, HOUR) == {0: [119.9, 60.0, 59.9, 0.0, 3599.9], 3600: [3600.0]}


@pytest.mark.parametrize("when", [[], [60.0], [119.9, 60.0]])
def test_times_of_one_period_are_taken_as_they_are(when):
    groups = list(by_period(np.array(when, dtype=float), MINUTE))
    assert groups == ([(60, slice(None))] if when else [])
