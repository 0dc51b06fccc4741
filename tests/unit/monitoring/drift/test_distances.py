import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from monitoring.drift.distances import customary_band, jensen_shannon, kolmogorov_smirnov, psi

BEFORE, AFTER = np.array([500.0, 300.0, 200.0, 0.0]), np.array([20.0, 30.0, 50.0, 0.0])


def test_the_distances_are_those_of_their_definitions():
    assert jensen_shannon(BEFORE, AFTER) == pytest.approx(
        jensenshannon([0.5, 0.3, 0.2, 0], [0.2, 0.3, 0.5, 0], base=2)
    )
    assert kolmogorov_smirnov(BEFORE, AFTER) == pytest.approx(0.3)
    assert psi(BEFORE, AFTER) == pytest.approx(2 * 0.3 * np.log(2.5), rel=0.02)


def test_equal_distributions_have_no_distance():
    assert jensen_shannon(BEFORE, BEFORE * 7) == pytest.approx(0, abs=1e-7)
    assert kolmogorov_smirnov(BEFORE, BEFORE * 7) == pytest.approx(0)
    assert psi(BEFORE, BEFORE) == 0


def test_psi_of_a_bin_that_only_one_of_them_has_is_finite():
    assert 1 < psi(np.array([100.0, 0.0]), np.array([0.0, 100.0])) < 20


def test_customary_bands_have_names():
    assert [customary_band("psi", value) for value in (0.05, 0.1, 0.3)] == [
        *("small", "moderate", "large")
    ]
