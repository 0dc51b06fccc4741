import io

from churn_model import progress
from churn_model.progress import in_progress
from training.progress import Stage, run_stages


class Terminal(io.StringIO):
    def isatty(self):
        return True


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
    run_stages([Stage("fit", lambda: None)])
    output = capsys.readouterr()
    assert output.out + output.err == ""


def test_stages_run_in_order():
    done = []
    run_stages([Stage("one", lambda: done.append(1)), Stage("two", lambda: done.append(2))])
    assert done == [1, 2]
