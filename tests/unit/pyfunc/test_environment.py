"""Environment variables are set for a while, without leaving anything behind."""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from pyfunc.environment import environment_variable, is_set_by_user

NAME = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


@pytest.fixture(autouse=True)
def _unset(monkeypatch):
    monkeypatch.delenv(NAME, raising=False)


def test_a_variable_is_set_within_the_context_only():
    with environment_variable(NAME, "1"):
        assert os.environ[NAME] == "1"
        assert not is_set_by_user(NAME)
    assert NAME not in os.environ


def test_a_value_of_the_user_wins_and_stays(monkeypatch):
    monkeypatch.setenv(NAME, "5")
    with environment_variable(NAME, "1"):
        assert os.environ[NAME] == "5"
        assert is_set_by_user(NAME)
    assert os.environ[NAME] == "5"


def test_an_exception_leaves_nothing_behind():
    with pytest.raises(ValueError, match="failed"), environment_variable(NAME, "1"):
        raise ValueError("failed")
    assert NAME not in os.environ


def test_the_variable_stays_until_the_last_overlapping_context_ends():
    first, second = environment_variable(NAME, "1"), environment_variable(NAME, "1")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert os.environ[NAME] == "1"
    second.__exit__(None, None, None)
    assert NAME not in os.environ


def test_threads_leave_nothing_behind():
    barrier = Barrier(4)

    def set_and_read(_: int) -> set[str | None]:
        barrier.wait()
        values = set()
        for _ in range(500):
            with environment_variable(NAME, "1"):
                values.add(os.environ.get(NAME))
        return values

    with ThreadPoolExecutor(4) as pool:
        assert set.union(*pool.map(set_and_read, range(4))) == {"1"}
    assert NAME not in os.environ
