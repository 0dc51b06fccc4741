import os
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from operator import itemgetter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churn_model.errors import TrainingError
from training.parallel import workers as workers_module
from training.parallel.shared_memory import SharedObject
from training.parallel.workers import available_cores, result_of, start_workers, without_shared

PID = without_shared(os.getpid)
SLEEP = without_shared(partial(time.sleep, 600))
KILL_YOURSELF = without_shared(partial(eval, "__import__('os').kill(__import__('os').getpid(), 9)"))
KILLED = """
import os, sys, time
from functools import partial
from training.parallel import workers
workers._TASKS = "json"
with workers.start_workers(2, "shared") as started:
    print(workers.result_of(started.submit(workers.without_shared(os.getpid)))[0], flush=True)
    futures = [started.submit(workers.without_shared(partial(time.sleep, 600))) for _ in range(2)]
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def light(monkeypatch):
    """Import nothing in advance."""
    monkeypatch.setattr(workers_module, "_TASKS", "json")


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid):
    deadline = time.monotonic() + 60
    while runs(pid):
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.05)


def test_an_object_is_shared_and_what_one_writes_the_others_do_not_see():
    table = pd.DataFrame({"age": [30.0, 40.0], "plan": ["a", None]})
    shared = SharedObject({"table": table, "rows": np.arange(1000)})
    first, second = shared.load(), shared.load()
    shared.close()
    first["rows"][0] = 99
    assert second["rows"][0] == 0
    pd.testing.assert_frame_equal(second["table"], table)


def test_a_full_disk_is_reported_with_what_to_do_next(monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryFile", partial(open, "/dev/full", "r+b"))
    with pytest.raises(TrainingError, match=r"No space left.*TMPDIR.*--jobs 1"):
        SharedObject({"rows": np.arange(1000)})


@pytest.mark.parametrize("jobs", [1, 2])
def test_tasks_get_the_shared_object_and_give_their_results(jobs):
    with start_workers(jobs, {"rows": np.arange(3)}) as workers:
        rows, seconds = result_of(workers.submit(itemgetter("rows")))
        pid, _ = result_of(workers.submit(PID))
    assert rows.tolist() == [0, 1, 2]
    assert seconds >= 0
    assert (pid == os.getpid()) == (jobs == 1)


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_exception_of_a_task_is_raised_as_it_is(jobs):
    with pytest.raises(KeyError, match="age"), start_workers(jobs, {}) as workers:
        result_of(workers.submit(itemgetter("age")))


def test_a_killed_worker_is_reported_with_what_to_do_next():
    with (
        pytest.raises(TrainingError, match=r"was killed.*--jobs 1"),
        start_workers(2, None) as workers,
    ):
        result_of(workers.submit(KILL_YOURSELF))


def interrupted(pids):
    with start_workers(2, None) as workers:
        pids.append(result_of(workers.submit(PID))[0])
        futures = [workers.submit(SLEEP) for _ in range(3)]
        assert not futures[0].done()
        raise KeyboardInterrupt


def test_ctrl_c_ends_workers_in_the_middle_of_their_tasks():
    pids = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(pids)
    wait_until_gone(pids[0])


def test_workers_end_when_the_main_process_is_killed():
    main = subprocess.Popen(
        [sys.executable, "-c", KILLED], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    pid = int(main.stdout.readline())
    children = Path(f"/proc/{main.pid}/task/{main.pid}/children").read_text().split()
    main.send_signal(signal.SIGKILL)
    main.communicate()
    assert len(children) >= 2  # the fork server and multiprocessing's resource tracker
    for each in (pid, *map(int, children)):
        wait_until_gone(each)


def test_there_is_at_least_one_core():
    assert 1 <= available_cores() <= os.cpu_count()
