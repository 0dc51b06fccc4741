"""Fixtures that several test folders share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from churn_model.offer import Offer
from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.scoring import Scorer
from churn_model.scoring.campaign import Campaign
from churn_model.scoring.scorecard import Feature, Scorecard, Term
from tests.customers import CUSTOMER

# how long an example takes says more of the machine than of the code
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")

_SPARK = (
    "tests/integration/batch/",
    "tests/integration/test_campaign.py",
    "tests/integration/test_telco.py",
    "tests/integration/test_your_data.py",
)


class _WholeFiles(LoadFileScheduling):
    """Runs the tests of a file, which share fixtures, in one worker.

    All files that use Spark run in one worker, because they share its one session.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "spark" if nodeid.startswith(_SPARK) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)  # also without pytest-xdist
def pytest_xdist_make_scheduler(config, log):
    """How tests are distributed over several workers (``pytest -n 2``).

    Files keep their order: first the integration tests, last the many short unit tests, which keep
    all workers busy to the end.
    """
    config.option.loadscopereorder = False
    return _WholeFiles(config, log)


_REAL_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real customer tables."""
    folder = Path(os.environ.get("CHURN_REAL_DATA", _REAL_DATA))
    if not (folder / "telco_customer_churn.csv").exists():
        pytest.skip(f"no real customer table in {folder}; set CHURN_REAL_DATA")
    return folder


@pytest.fixture(scope="session")
def scorecard() -> Scorecard:
    """A made-up scorecard with mains and pairs, cuts of all sizes, and no fit behind it."""
    rng = np.random.default_rng(7)
    cuts = {
        "age": np.arange(20.5, 80.5),
        "tenure": np.arange(1.5, 71.5),
        "monthly_charges": np.sort(rng.uniform(18, 119, 255)),
        "total_charges": np.sort(rng.exponential(2000, 255)),
    }
    terms = [
        Term(features=[name], cuts=[own.tolist()], scores=rng.normal(0, 0.4, len(own) + 3).tolist())
        for name, own in cuts.items()
    ]
    for pair in (["age", "tenure"], ["monthly_charges", "total_charges"]):
        coarse = [np.sort(rng.choice(cuts[name], 9, replace=False)).tolist() for name in pair]
        terms.append(Term(features=pair, cuts=coarse, scores=rng.normal(0, 0.2, 144).tolist()))
    features = [Feature(name=name, kind="number") for name in cuts]
    return Scorecard(intercept=-1.0, features=features, terms=terms)


@pytest.fixture(scope="session")
def scorer(scorecard: Scorecard) -> Scorer:
    return Scorer(scorecard, CUSTOMER_SCHEMA)


@pytest.fixture(scope="session")
def campaign_scorer(scorecard: Scorecard) -> Scorer:
    """The same with a campaign that decides by profit; its revenue may be missing."""
    offer = Offer(cost=20, success=0.3, horizon=12, margin=0.01, contact_cost=1)
    campaign = Campaign.of(offer, "total_charges", "profit")
    return Scorer(scorecard.with_campaign(campaign), CUSTOMER_SCHEMA)


@pytest.fixture
def customer() -> dict[str, object]:
    """One valid customer."""
    return dict(CUSTOMER)
