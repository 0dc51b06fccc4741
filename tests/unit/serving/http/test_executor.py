import asyncio
import threading

import pytest

from serving.http.errors import ApiError
from serving.http.executor import Capacity, ScoringExecutor


def work(most=4, threads=1, inline_bytes=10, seconds=0.05):
    return ScoringExecutor(Capacity(most), threads, inline_bytes, seconds)


def test_small_work_stays_on_the_event_loop_and_large_work_leaves_it():
    async def threads_of(size):
        return await work(seconds=5).run(size, threading.current_thread)

    assert asyncio.run(threads_of(10)) is threading.main_thread()
    assert asyncio.run(threads_of(11)).name.startswith("scoring")


def test_what_the_work_raises_is_raised():
    def fails():
        raise ValueError("wrong")

    for size in (1, 100):
        with pytest.raises(ValueError, match="wrong"):
            asyncio.run(work(seconds=5).run(size, fails))


def test_work_that_outlives_its_request_takes_up_capacity_until_it_ends():
    ended = threading.Event()
    machine = work()

    async def run():
        with pytest.raises(ApiError) as caught:
            await machine.run(100, ended.wait)
        taken = machine.capacity.in_use
        ended.set()
        for _ in range(200):
            await asyncio.sleep(0.01)
            if machine.capacity.in_use == 0:
                break
        return caught.value.status, taken, machine.capacity.in_use

    assert asyncio.run(run()) == (504, 1, 0)


def test_over_its_capacity_the_next_request_is_told_to_come_back():
    capacity = Capacity(2)
    capacity.acquire()
    capacity.acquire()
    with pytest.raises(ApiError) as caught:
        capacity.acquire()
    assert caught.value.status == 503
    assert dict(caught.value.headers)[b"retry-after"]
    capacity.release()
    capacity.acquire()
