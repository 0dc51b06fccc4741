import numpy as np
import pytest
from scipy.stats import binomtest, chi2_contingency

from monitoring.drift.significance import chi_squared, holm, mean_rose, share_rose


def test_the_chi_squared_test_is_that_of_scipy_if_nothing_is_merged():
    before, after = np.array([400.0, 300.0, 300.0]), np.array([60.0, 20.0, 20.0])
    expected = chi2_contingency(np.vstack([before, after]), correction=False).pvalue
    assert chi_squared(before, after) == pytest.approx(expected)


@pytest.mark.parametrize("rows", [0, 1, 9])
def test_a_nearly_empty_window_is_not_significant(rows):
    assert chi_squared(np.full(4, 1000.0), np.array([float(rows), 0, 0, 0])) == 1.0


@pytest.mark.parametrize(("n", "rows"), [(2000, 100), (300, 1000)])
def test_many_cells_are_significant_at_the_level_without_drift(n, rows):
    rng = np.random.default_rng(6)
    shares = rng.dirichlet(np.full(200, 0.3))
    p_values = [
        chi_squared(
            rng.multinomial(n, shares).astype(float), rng.multinomial(rows, shares).astype(float)
        )
        for _ in range(200)
    ]
    assert np.mean(np.array(p_values) <= 0.05) <= 0.11
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.1)


def test_all_customers_in_a_bin_that_was_empty_are_significant():
    assert chi_squared(np.array([1000.0, 0.0]), np.array([0.0, 100.0])) < 1e-20


def test_a_rise_of_a_share_has_the_p_value_of_the_conditional_binomial_test():
    expected = binomtest(12, 12 + 30, 500 / 1500, alternative="greater").pvalue
    assert share_rose(0.03, 1000, 12 / 500, 500) == pytest.approx(expected)
    assert share_rose(0.03, 1000, 0.0, 500) == 1.0
    assert share_rose(0.0, 1000, 1.0, 500) < 1e-100


def test_a_rise_of_a_mean_is_significant_and_a_fall_is_not():
    values = np.array([0.1, 0.2, 0.3])
    before, after = np.array([500.0, 300.0, 200.0]), np.array([20.0, 30.0, 50.0])
    assert mean_rose(values, before, 1000, after) < 1e-6
    assert mean_rose(values, after, 100, before) > 0.999
    assert mean_rose(values, before, 1000, np.zeros(3)) == 1.0
    assert mean_rose(values, before, 1000, np.array([0.0, 0, 29])) == 1.0
    assert mean_rose(values, np.array([50.0, 0, 0]), 50, np.array([50.0, 0, 0])) == 1.0


def test_holm_multiplies_the_smallest_p_value_by_their_number():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]
