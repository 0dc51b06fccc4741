import numpy as np
import pytest

from tests.unit.monitoring.customers import profile_of


@pytest.fixture(scope="session")
def profile():
    """A well calibrated profile of 4,000 customers."""
    return profile_of(np.random.default_rng(4))
