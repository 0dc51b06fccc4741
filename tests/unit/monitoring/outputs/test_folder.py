"""The output folder: complete files or none, one run at a time."""

import os

import pytest

from churn_model.errors import MonitoringError
from churn_model.file_lock import open_locked
from monitoring.outputs.folder import output_folder


def files(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_the_files_of_a_run_replace_those_of_an_earlier_one(tmp_path):
    folder = tmp_path / "new" / "out"
    for content in ("one", "two"):
        with output_folder(folder) as aside:
            (aside / "page.html").write_text(content)
            assert (folder / "page.html").exists() == (content == "two")
    assert (folder / "page.html").read_text() == "two"
    assert files(folder) == ["page.html"]


def run_that_fails(folder, failure):
    with output_folder(folder) as aside:
        (aside / "page.html").write_text("half")
        raise failure


@pytest.mark.parametrize("failure", [KeyboardInterrupt, MonitoringError, OSError])
def test_a_run_that_fails_leaves_the_files_of_the_earlier_one(tmp_path, failure):
    (tmp_path / "page.html").write_text("earlier")
    with pytest.raises(failure):
        run_that_fails(tmp_path, failure)
    assert (tmp_path / "page.html").read_text() == "earlier"
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_folder_with_the_name_of_a_file_leaves_all_files_of_the_earlier_run(tmp_path):
    (tmp_path / "page.html").write_text("earlier")
    (tmp_path / "table.parquet").mkdir()
    run = output_folder(tmp_path)
    aside = run.__enter__()
    (aside / "page.html").write_text("new")
    (aside / "table.parquet").touch()
    with pytest.raises(MonitoringError, match=r"table\.parquet is a folder"):
        run.__exit__(None, None, None)
    assert (tmp_path / "page.html").read_text() == "earlier"


def test_a_second_run_at_the_same_time_is_refused(tmp_path):
    second = output_folder(tmp_path)
    with output_folder(tmp_path), pytest.raises(MonitoringError, match="another run is writing"):
        second.__enter__()
    with output_folder(tmp_path) as aside:  # the lock ends with the run
        (aside / "page.html").touch()
    assert files(tmp_path) == ["page.html"]


def test_what_a_killed_run_left_behind_is_removed_but_nothing_else(tmp_path):
    (tmp_path / ".churn-monitor-abc").mkdir()
    (tmp_path / ".churn-monitor-abc" / "page.html").touch()
    (tmp_path / "notes").mkdir()
    with output_folder(tmp_path):
        pass
    assert files(tmp_path) == ["notes"]
    assert not (tmp_path / ".churn-monitor-abc").exists()


def test_the_lock_of_a_process_that_ended_does_not_matter(tmp_path):
    os.close(open_locked(tmp_path / ".churn-monitor-lock", wait=False))
    with output_folder(tmp_path) as aside:
        (aside / "page.html").touch()
    assert files(tmp_path) == ["page.html"]


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(MonitoringError, match=r"out: cannot be written .*name another --output"):
        output_folder(tmp_path / "out").__enter__()
