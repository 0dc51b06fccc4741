import gc
import sys
import threading
from types import SimpleNamespace

import pytest

from churn_model.inference_log.score_queue import ScoreQueue
from churn_model.inference_log.scored_rows import ScoredCall
from churn_model.scoring import Scorer
from tests.customers import CUSTOMER


class Owner:
    """Adds customers, as long as it exists."""


@pytest.fixture
def version(scorecard):
    from churn_model.schema import CUSTOMER_SCHEMA

    return SimpleNamespace(scorer=Scorer(scorecard, CUSTOMER_SCHEMA), has_values=False)


def _run_together(adding, collect, ended):
    """Run functions in threads that take turns all the time, while another thread collects."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        collector = threading.Thread(target=collect)
        adders = [threading.Thread(target=add) for add in adding]
        for thread in (collector, *adders):
            thread.start()
        for thread in adders:
            thread.join()
        ended.set()
        collector.join()
    finally:
        sys.setswitchinterval(before)


def test_customers_of_several_threads_are_all_taken_once(version):
    queue, owner, score = ScoreQueue(), Owner(), version.scorer.score_one(CUSTOMER)
    singles = queue.singles(version, owner, lambda _: True)
    each, ended, taken = 3000, threading.Event(), []

    def add(thread):
        for number in range(each):
            singles.add(score, f"{thread}-{number}")

    def collect():
        while not ended.is_set():
            taken.extend(queue.take(1000)[0])

    _run_together([lambda t=t: add(t) for t in range(3)], collect, ended)
    while more := queue.take(1000)[0]:
        taken.extend(more)
    ids = [text for _, batch in taken for text in batch.rows().request_ids.to_pylist()]
    assert sorted(ids) == sorted(f"{t}-{n}" for t in range(3) for n in range(each))


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
            queue.singles(version, owner, lambda _: True).add(score)
            del owner

    _run_together([replace], collect, ended)
    while more := queue.take(1000)[0]:
        taken.extend(more)
    assert sum(len(batch.when) for _, batch in taken) == rounds
    gc.collect()
    queue.take(1)
    assert queue._singles == []


def test_many_rows_of_small_tables_are_collected_at_once(version):
    queue, scores = ScoreQueue(), version.scorer.score([CUSTOMER] * 1000)
    while not queue.has_many_rows:
        queue.add(version, ScoredCall(1e9, None, None, scores))
    for _ in range(5):
        queue.add(version, ScoredCall(1e9, None, None, scores))
    queue.take(2000)
    assert queue.has_many_rows
    taken, _ = queue.take(100_000)
    assert 11 <= len(taken) <= 13
    assert not queue.has_many_rows
    queue.add(version, ScoredCall(1e9, None, None, version.scorer.score([CUSTOMER] * 9000)))
    queue.clear()
    assert not queue.has_many_rows


def test_no_more_customers_are_taken_than_are_asked_for_and_a_batch(version):
    queue, owner, score = ScoreQueue(), Owner(), version.scorer.score_one(CUSTOMER)
    is_behind = []
    singles = queue.singles(version, owner, lambda late: not is_behind.append(late))
    for _ in range(10_000):
        singles.add(score)
    taken, has_more = queue.take(1000)
    assert has_more
    assert 1000 <= sum(len(batch.when) for _, batch in taken) < 1000 + 1024
    assert not any(is_behind)
    for _ in range(110_000):
        singles.add(score)
    assert is_behind[-1]
