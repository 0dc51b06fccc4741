import asyncio
import threading
from time import perf_counter, sleep

import pytest

from serving.http.errors import ApiError
from serving.http.executor import LARGE, Capacity, ScoringExecutor


def executor(capacity=4, threads=1, inline_bytes=10, seconds=0.05):
    return ScoringExecutor(Capacity(capacity), threads, inline_bytes, seconds)


def test_small_work_runs_on_the_event_loop_and_large_work_in_a_thread():
    async def threads_of(size):
        return await executor(seconds=5).run(perf_counter(), size, threading.current_thread)

    assert asyncio.run(threads_of(10)) is threading.main_thread()
    assert asyncio.run(threads_of(11)).name.startswith("scoring")


def test_large_work_runs_at_the_same_time_and_ordinary_work_one_after_the_other():
    pool = executor(threads=2, seconds=5)
    both_large, ended = threading.Barrier(3), threading.Event()
    running, most = [], []

    def large():
        both_large.wait(5)
        return ended.wait(5)

    def ordinary():
        running.append(1)
        most.append(len(running))
        sleep(0.01)
        running.pop()

    async def run():
        large_work = [
            asyncio.create_task(pool.run(perf_counter(), LARGE + 1, large)) for _ in range(2)
        ]
        await asyncio.to_thread(both_large.wait, 5)
        await asyncio.gather(*(pool.run(perf_counter(), LARGE, ordinary) for _ in range(5)))
        ended.set()
        return await asyncio.gather(*large_work)

    assert asyncio.run(run()) == [True, True]
    assert most == [1] * 5
    pool.close()


def test_exceptions_of_the_work_are_passed_on():
    def fails():
        raise ValueError("wrong")

    for size in (1, 100):
        with pytest.raises(ValueError, match="wrong"):
            asyncio.run(executor(seconds=5).run(perf_counter(), size, fails))


def test_work_that_outlives_its_request_uses_capacity_until_it_ends():
    ended = threading.Event()
    pool = executor()

    async def run():
        with pytest.raises(ApiError) as caught:
            await pool.run(perf_counter(), 100, ended.wait)
        taken = pool.capacity.in_use
        ended.set()
        for _ in range(200):
            await asyncio.sleep(0.01)
            if pool.capacity.in_use == 0:
                break
        return caught.value.status, taken, pool.capacity.in_use

    assert asyncio.run(run()) == (504, 1, 0)


def test_work_that_has_not_begun_when_its_request_ends_is_dropped():
    ended, begun = threading.Event(), []
    pool = executor()

    async def run():
        first = asyncio.create_task(pool.run(perf_counter(), 100, ended.wait))
        await asyncio.sleep(0)
        with pytest.raises(ApiError):
            await pool.run(perf_counter(), 100, begun.append, 1)
        with pytest.raises(ApiError):
            await first
        taken = pool.capacity.in_use
        ended.set()
        return taken

    assert asyncio.run(run()) == 1
    pool._ordinary.shutdown()
    assert begun == []


def test_all_steps_of_a_request_share_one_time_limit():
    pool = executor(seconds=10)

    async def status(started):
        with pytest.raises(ApiError) as caught:
            await pool.run(started, 100, threading.Event().wait, 1)
        return caught.value.status

    assert asyncio.run(status(perf_counter() - 9.95)) == 504
    assert asyncio.run(status(perf_counter() - 10)) == 504


def test_at_full_capacity_the_next_request_gets_503_with_retry_after():
    capacity = Capacity(2)
    capacity.acquire()
    capacity.acquire()
    with pytest.raises(ApiError) as caught:
        capacity.acquire()
    assert caught.value.status == 503
    assert dict(caught.value.headers)[b"retry-after"]
    capacity.release()
    capacity.acquire()


def test_a_job_with_several_steps_ends_when_its_request_has_timed_out():
    pool = executor(seconds=5)
    assert 0 < pool.remaining(perf_counter()) <= 5
    with pytest.raises(ApiError) as caught:
        pool.remaining(perf_counter() - 6)
    assert caught.value.status == 504
