import json

import pytest

from batch.output import REJECTED, SCORED, LocalStore, OutputFolder, discarded_on_error
from churn_model.errors import BatchError


@pytest.fixture
def begin(tmp_path):
    def begin(run, mode="error"):
        output = OutputFolder(LocalStore(), str(tmp_path / "out"), run, mode)
        output.prepare()
        for kind in (SCORED, REJECTED):
            output.store.write(f"{output.folder(kind)}/part.txt", run)
        return output

    return begin


def published(tmp_path, kind=SCORED):
    """What the runs wrote that readers of the output see."""
    return sorted(path.read_text() for path in (tmp_path / "out" / kind).glob("run=*/part.txt"))


def test_results_are_not_visible_before_they_are_published(tmp_path, begin):
    output = begin("r1")
    assert not (tmp_path / "out").exists()
    output.publish({"rows": 1})
    assert published(tmp_path) == published(tmp_path, REJECTED) == ["r1"]
    assert json.loads((tmp_path / "out" / "_summary-r1.json").read_text()) == {"rows": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_existing_output_is_rejected_appended_to_or_overwritten(tmp_path, begin):
    begin("r1").publish({})
    with pytest.raises(BatchError, match="--mode append"):
        begin("r2")
    begin("r3", "append").publish({})
    assert published(tmp_path) == ["r1", "r3"]
    begin("r4", "overwrite").publish({})
    assert published(tmp_path) == ["r4"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_next_run_removes_what_a_killed_run_left(tmp_path, begin):
    begin("r1")
    assert (tmp_path / "out.partial-r1").exists()
    begin("r2").publish({})
    assert published(tmp_path) == ["r2"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_next_run_undoes_an_append_that_was_killed_between_its_two_moves(tmp_path, begin):
    begin("r1").publish({})
    interrupted = begin("r2", "append")
    interrupted.store.move(interrupted.folder(REJECTED), f"{interrupted.base}/{REJECTED}/run=r2")
    assert published(tmp_path) == ["r1"], "readers of the scored rows see nothing of it"
    begin("r3", "append").publish({})
    assert published(tmp_path) == published(tmp_path, REJECTED) == ["r1", "r3"]


def test_an_overwrite_that_was_killed_between_its_two_moves_loses_nothing(tmp_path, begin):
    begin("r1").publish({})
    interrupted = begin("r2", "overwrite")
    interrupted.store.move(interrupted.base, interrupted.replaced)
    assert not (tmp_path / "out").exists()
    with pytest.raises(BatchError, match="--mode append"):
        begin("r3")
    assert published(tmp_path) == ["r1"]
    begin("r4", "overwrite").publish({})
    assert published(tmp_path) == ["r4"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_discarded_results_are_deleted(tmp_path, begin):
    begin("r1").discard()
    assert list(tmp_path.iterdir()) == []


def test_other_folders_next_to_the_output_are_not_touched(tmp_path, begin):
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "output.partial-x").mkdir()
    begin("r1").publish({})
    assert {path.name for path in tmp_path.iterdir()} == {"out", "out.partial", "output.partial-x"}


def test_a_failure_during_an_overwrite_restores_the_old_output(tmp_path, begin):
    begin("r1").publish({})
    failing = begin("r2", "overwrite")
    failing.store.move(failing.base, failing.replaced)
    failing.discard()
    assert published(tmp_path) == ["r1"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_failed_block_leaves_no_results(tmp_path):
    output = OutputFolder(LocalStore(), str(tmp_path / "out"), "r1", "error")

    def fail():
        with discarded_on_error(output):
            output.store.write(f"{output.folder(SCORED)}/part.txt", "r1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_an_output_below_a_file_is_rejected_before_anything_is_read(tmp_path):
    (tmp_path / "file").touch()
    output = OutputFolder(LocalStore(), str(tmp_path / "file" / "out"), "r1", "error")
    with pytest.raises(BatchError, match=r"file/out: cannot be written \(Not a directory\)"):
        output.prepare()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_can_be_overwritten_by_an_output(tmp_path, begin):
    (tmp_path / "out").touch()
    begin("r1", "overwrite").publish({})
    assert published(tmp_path) == ["r1"]
