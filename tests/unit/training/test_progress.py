import io
from operator import itemgetter

import pytest

from churn_model import progress
from churn_model.progress import in_progress
from training.parallel.workers import start_workers
from training.progress import run_stages
from training.stage import Cost, Stage
from training.time_left import TimeLeft


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
        Stage("further", done.append, lambda: None, cost=Cost(5.0, "fit")),
        Stage("last", lambda: done.append("last"), needs=("further",)),
    )
    assert done == ["last"]


def time_left(*stages, jobs=2):
    now = [0.0]
    return now, TimeLeft(stages, jobs, lambda: now[0])


def a_task():
    return itemgetter("rows")


def test_the_time_left_follows_the_order_of_the_stages():
    fits = [Stage(f"fit: {i}", print, a_task, cost=Cost(100.0, "fit")) for i in range(3)]
    last = Stage("log", print, needs=("fit",), cost=Cost(50.0, "fit"))
    assert time_left(*fits, last)[1].seconds() == pytest.approx(250.0)
    assert time_left(*fits, last, jobs=1)[1].seconds() == pytest.approx(350.0)


def test_the_time_left_follows_the_pace_of_the_same_kind():
    fits = [Stage(f"fit: {i}", print, a_task, cost=Cost(100.0, "fit")) for i in range(3)]
    now, left = time_left(*fits, jobs=1)
    left.start(fits[0])
    now[0] = 60.0
    assert left.seconds() == pytest.approx(240.0)
    now[0] = 200.0
    left.finish(fits[0], 200.0)
    assert left.seconds() == pytest.approx(400.0, rel=0.02)
    left.leave_out(fits[1])
    assert left.seconds() == pytest.approx(200.0, rel=0.02)


def test_a_cost_is_known_after_a_group_has_finished():
    first = Stage("compare", print, a_task, cost=Cost(10.0, "fit"))
    known = {"compare": lambda: Cost(7.0, "")}
    second = Stage("fit", print, a_task, ("compare",), Cost(100.0, ""), known)
    _, left = time_left(first, second)
    assert left.seconds() == pytest.approx(110.0)
    left.start(first)
    left.finish(first, 10.0)
    assert left.seconds() == pytest.approx(7.0)


def test_a_cost_is_known_better_after_each_group():
    groups = ("compare", "compare further")
    compared = [Stage(group, print, a_task, cost=Cost(10.0, "fit")) for group in groups]
    known = {"compare": lambda: Cost(7.0, ""), "compare further": lambda: Cost(5.0, "")}
    last = Stage("evaluate", print, a_task, groups, Cost(100.0, ""), known)
    _, left = time_left(*compared, last, jobs=1)
    for stage, expected in zip(compared, (17.0, 5.0), strict=True):
        left.start(stage)
        left.finish(stage, 10.0)
        assert left.seconds() == pytest.approx(expected)


def test_a_kind_that_has_not_begun_is_expected_at_the_mean_pace_of_the_others():
    fits = [Stage(f"fit: {i}", print, a_task, cost=Cost(100.0, "fit")) for i in range(9)]
    baselines = Stage("baselines", print, a_task, cost=Cost(100.0, "baselines"))
    _, left = time_left(*fits, baselines, jobs=1)
    for stage in fits:
        left.start(stage)
        left.finish(stage, 400.0)
    assert left.seconds() == pytest.approx(200.0, rel=0.01)
