import os
import subprocess
import sys

import pytest

from churn_model.file_lock import locked, open_locked

HOLDER = (
    "import sys, time; from churn_model.file_lock import open_locked;"
    "open_locked(sys.argv[1], wait=True); print('locked', flush=True); time.sleep(600)"
)


def test_a_lock_ends_with_its_block(tmp_path):
    with locked(tmp_path / "lock"), pytest.raises(BlockingIOError):
        open_locked(tmp_path / "lock", wait=False)
    os.close(open_locked(tmp_path / "lock", wait=False))


def test_a_lock_ends_with_its_process(tmp_path):
    arguments = [sys.executable, "-c", HOLDER, str(tmp_path / "lock")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(BlockingIOError):
            open_locked(tmp_path / "lock", wait=False)
        process.kill()
        with locked(tmp_path / "lock"):  # waits for the end of the process
            pass


def test_a_lock_that_is_not_available_leaves_no_open_file(tmp_path):
    with locked(tmp_path / "lock"):
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            with pytest.raises(BlockingIOError):
                open_locked(tmp_path / "lock", wait=False)
        assert len(os.listdir("/proc/self/fd")) == before


def test_the_file_is_created_with_the_mode(tmp_path):
    with locked(tmp_path / "lock", mode=0o600):
        assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
