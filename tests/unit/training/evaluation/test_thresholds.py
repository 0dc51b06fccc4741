import numpy as np
import pytest

from training.evaluation.thresholds import threshold_of_share

SCORES = np.array([0.9, 0.7, 0.7, 0.5, 0.3])


@pytest.mark.parametrize(
    ("share", "threshold"),
    [(0.1, 1.0), (0.2, 0.8), (0.5, 0.8), (0.6, 0.6), (0.79, 0.6), (0.8, 0.4), (1.0, 0.0)],
)
def test_at_most_the_share_is_contacted_and_equal_scores_together(share, threshold):
    found = threshold_of_share(SCORES, np.ones(5), share)
    assert found == pytest.approx(threshold)
    assert (found <= SCORES).mean() <= share


def test_a_share_is_one_of_weights():
    assert threshold_of_share(SCORES, np.array([3.0, 0.5, 0.5, 0.5, 0.5]), 0.6) == pytest.approx(
        0.8
    )
