import io
from operator import itemgetter

import pytest

from churn_model import progress
from churn_model.progress import in_progress
from training.parallel.workers import start_workers
from training.progress import Stage, run_stages
from training.progress_bar import ProgressBar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run(*stages):
    with start_workers(1, {"rows": 5}) as workers:
        run_stages(stages, workers)


def test_what_is_in_progress_is_shown_on_a_terminal_and_erased(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", terminal)
    with in_progress("reading t.csv"):
        assert terminal.getvalue() == "reading t.csv ..."
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert "\n" not in terminal.getvalue()


def test_nothing_is_shown_without_a_terminal(capsys):
    with in_progress("reading t.csv"):
        pass
    run(Stage("fit", lambda: None))
    output = capsys.readouterr()
    assert output.out + output.err == ""


def test_stages_run_in_order():
    done = []
    run(Stage("one", lambda: done.append(1)), Stage("two", lambda: done.append(2)))
    assert done == [1, 2]


def test_a_stage_waits_for_all_stages_of_the_groups_that_it_needs():
    done = []
    run(
        Stage("last", lambda: done.append("last"), needs=("fold",)),
        Stage("fold: 1", done.append, lambda: itemgetter("rows")),
        Stage("fold: 2", lambda _: done.append("second fold"), lambda: itemgetter("rows")),
    )
    assert done == [5, "second fold", "last"]


def test_a_task_that_turns_out_to_be_needless_is_left_out():
    done = []
    run(
        Stage("further", done.append, lambda: None, cost=5.0),
        Stage("last", lambda: done.append("last"), needs=("further",)),
    )
    assert done == ["last"]


def test_the_time_left_follows_the_expected_costs_and_the_speed_so_far():
    with ProgressBar(jobs=2) as bar:
        bar.expect(1000.0, shared=True)
        bar.expect(50.0, shared=False)
        assert bar.seconds_left() == pytest.approx(550.0, abs=5)
        bar.finish(500.0, 1000.0, shared=True)  # twice as slow as expected
        assert bar.seconds_left() == pytest.approx(600.0, abs=5)
