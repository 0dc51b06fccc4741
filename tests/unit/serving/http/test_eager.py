import asyncio

import pytest

from serving.http.eager import in_task, run_eagerly


async def work(log, *waits):
    """Log each step, and wait for these awaitables between them."""
    log.append("begins")
    try:
        for wait in waits:
            log.append(await wait)
    except BaseException as error:
        log.append(type(error))
        raise
    finally:
        log.append("ends")


def run(steps):
    async def main():
        return await steps(asyncio.get_running_loop())

    return asyncio.run(main())


def test_work_that_does_not_wait_ends_at_once_and_makes_no_task():
    async def steps(loop):
        log = []
        return run_eagerly(loop, work(log)), log

    assert run(steps) == (None, ["begins", "ends"])


def test_work_that_waits_goes_on_in_a_task_with_the_result():
    async def steps(loop):
        log, future = [], loop.create_future()
        task = run_eagerly(loop, work(log, future, asyncio.sleep(0.01, "slept")))
        before = list(log)
        loop.call_later(0.01, future.set_result, "result")
        await task
        return before, log

    assert run(steps) == (["begins"], ["begins", "result", "slept", "ends"])


def test_a_future_that_is_done_before_the_task_starts_is_not_missed():
    async def steps(loop):
        log, future = [], loop.create_future()
        task = run_eagerly(loop, work(log, future))
        future.set_result("early")
        await task
        return log

    assert run(steps) == ["begins", "early", "ends"]


def test_an_exception_of_what_is_awaited_reaches_the_work_and_the_task():
    async def steps(loop):
        log, future = [], loop.create_future()
        task = run_eagerly(loop, work(log, future))
        future.set_exception(ValueError("wrong"))
        with pytest.raises(ValueError, match="wrong"):
            await task
        return log

    assert run(steps) == ["begins", ValueError, "ends"]


def test_cancelling_the_task_cancels_the_work_that_may_go_on():
    async def goes_on(log):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            log.append("cancelled")
        await asyncio.sleep(0)
        log.append("replied")

    async def steps(loop):
        log = []
        task = run_eagerly(loop, goes_on(log))
        await asyncio.sleep(0.01)
        task.cancel()
        await task
        return log

    assert run(steps) == ["cancelled", "replied"]


def test_an_exception_before_the_first_wait_is_raised_to_the_caller():
    async def fails():
        raise ValueError("wrong")

    async def steps(loop):
        with pytest.raises(ValueError, match="wrong"):
            run_eagerly(loop, fails())

    run(steps)


def test_code_that_needs_a_task_gets_one_of_its_own():
    async def needs(log):
        log.append(await in_task())
        log.append(await asyncio.wait_for(asyncio.sleep(0, "in time"), 5))

    async def steps(loop):
        log = []

        def outside_of_tasks():
            log.append(run_eagerly(loop, needs(log)))

        loop.call_soon(outside_of_tasks)
        await asyncio.sleep(0)
        await log[0]
        return log

    task, itself, result = run(steps)
    assert task is itself
    assert result == "in time"


def test_code_that_runs_in_a_task_stays_there():
    async def steps(loop):
        return await in_task() is asyncio.current_task()

    assert run(steps)
