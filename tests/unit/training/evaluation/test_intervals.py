import numpy as np

from training.evaluation.intervals import noise_corrected, percentile, resample_count, resamples


def test_resamples_draw_as_many_customers_as_there_are_and_are_reproducible():
    first, second = next(resamples(1000, 3)), next(resamples(1000, 3))
    assert first.sum() == 1000
    assert (first == second).all()


def test_large_tables_need_fewer_resamples():
    assert [resample_count(n) for n in (1000, 50_000, 1_000_000)] == [1000, 400, 200]
    assert sum(1 for _ in resamples(1000, 0)) == 1000


def test_an_interval_contains_the_middle_95_percent():
    np.testing.assert_allclose(percentile(np.arange(1001.0)), (25.0, 975.0))


def test_the_interval_is_corrected_for_sampling_noise():
    low, high = noise_corrected(np.array([0.9, 1.0, 1.1]), 1.0)
    assert low == 0 < high < 0.5
    assert noise_corrected(np.array([5.0, 5.0]), 1.0) == (np.sqrt(23), np.sqrt(24))
