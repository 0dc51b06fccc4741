import asyncio
import subprocess
import sys
import threading
import time

import pytest

from serving.daemon_thread import run_in_daemon_thread


def test_the_result_and_the_exception_of_the_function_are_passed_on():
    def fails():
        raise ValueError("wrong")

    thread = asyncio.run(run_in_daemon_thread(threading.current_thread))
    assert thread is not threading.main_thread()
    with pytest.raises(ValueError, match="wrong"):
        asyncio.run(run_in_daemon_thread(fails))


def test_cancelling_does_not_wait_for_the_function():
    release = threading.Event()

    async def run():
        task = asyncio.create_task(run_in_daemon_thread(release.wait))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    begun = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - begun < 5
    release.set()


def test_a_process_ends_while_the_function_still_runs():
    code = """
import asyncio, time
from serving.daemon_thread import run_in_daemon_thread
async def main():
    task = asyncio.create_task(run_in_daemon_thread(lambda: time.sleep(60)))
    await asyncio.sleep(0.1)
    task.cancel()
asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=30).returncode == 0
