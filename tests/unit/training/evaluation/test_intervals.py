import numpy as np

from training.evaluation.intervals import percentile, resamples, without_noise


def test_resamples_draw_as_many_customers_as_there_are_and_the_same_again():
    first, second = next(resamples(1000, 3)), next(resamples(1000, 3))
    assert first.sum() == 1000
    assert (first == second).all()
    assert sum(1 for _ in resamples(200_000, 0)) == 200


def test_an_interval_is_the_middle_95_per_cent():
    np.testing.assert_allclose(percentile(np.arange(1001.0)), (25.0, 975.0))


def test_what_chance_alone_explains_is_no_calibration_error():
    low, high = without_noise(np.array([0.9, 1.0, 1.1]), 1.0)
    assert low == 0 < high < 0.5
    assert without_noise(np.array([5.0, 5.0]), 1.0) == (np.sqrt(23), np.sqrt(24))
