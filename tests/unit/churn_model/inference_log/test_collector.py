"""Collects what was scored in steps."""

import pytest

from churn_model.inference_log.collector import Collector
from churn_model.inference_log.logged_version import LoggedVersion
from churn_model.inference_log.options import LogOptions
from churn_model.inference_log.score_queue import ScoreQueue
from tests.customers import CUSTOMER


class Owner:
    """Adds customers, as long as it exists."""


@pytest.mark.parametrize("collect", ["drain", "take"])
def test_collecting_ends_although_a_customer_is_added_in_each_step(scorer, collect):
    queue, owner, steps = ScoreQueue(), Owner(), []
    version = LoggedVersion(LogOptions("log", key=bytes(32)), scorer, "churn", "1")
    singles = queue.singles(version, owner, lambda _: True)
    score = scorer.score_one(CUSTOMER)

    def add_another(*_):
        steps.append(1)
        if len(steps) < 100:
            singles.add(score)

    singles.add(score)
    getattr(Collector(queue, 2**20, lambda rows: None, add_another), collect)()
    assert len(steps) == 1
    (left,) = singles.take(10)
    assert len(left.when) == 1
