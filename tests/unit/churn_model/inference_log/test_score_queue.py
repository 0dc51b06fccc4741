import gc
import sys
import threading
from types import SimpleNamespace

import pytest

from churn_model.inference_log.score_queue import ScoreQueue
from churn_model.scoring import Scorer
from tests.customers import CUSTOMER


class Owner:
    """Adds customers, as long as it exists."""


@pytest.fixture
def version(scorecard):
    from churn_model.schema import CUSTOMER_SCHEMA

    return SimpleNamespace(scorer=Scorer(scorecard, CUSTOMER_SCHEMA), has_values=False)


def test_customers_of_a_version_are_taken_while_old_versions_are_forgotten(version):
    """A version is replaced in one thread, while another collects."""
    queue, score = ScoreQueue(), version.scorer.score_one(CUSTOMER)
    rounds, ended, taken = 3000, threading.Event(), []

    def collect():
        while not ended.is_set():
            taken.extend(queue.take(1000)[0])

    def replace():
        for _ in range(rounds):
            owner = Owner()
            queue.singles(version, owner).add(1e9, None, None, score)
            del owner

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        collector, replacer = threading.Thread(target=collect), threading.Thread(target=replace)
        collector.start()
        replacer.start()
        replacer.join()
        ended.set()
        collector.join()
    finally:
        sys.setswitchinterval(before)
    while more := queue.take(1000)[0]:
        taken.extend(more)
    assert sum(len(batch.when) for _, batch in taken) == rounds
    gc.collect()
    queue.take(1)
    assert queue._singles == []
