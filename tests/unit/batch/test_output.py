import json
import re
import subprocess
import sys

import pytest

from batch.output import REJECTED, SCORED, check_separate, discarded_on_error
from batch.output_folder import OutputFolder
from batch.output_lock import OutputLock
from batch.stores import LocalStore
from churn_model.errors import BatchError


@pytest.fixture
def begin(tmp_path):
    """Write the results of a run; its lock has ended, as if its process had been killed."""

    def begin(run, mode="error"):
        output = OutputFolder(LocalStore(), str(tmp_path / "out"), run, mode)
        output.reserve()
        try:
            output.prepare()
        finally:
            output.release()
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


def test_a_failed_run_removes_the_folders_that_it_created_above_its_output(tmp_path):
    (tmp_path / "a").mkdir()
    output = OutputFolder(LocalStore(), str(tmp_path / "a" / "b" / "c" / "out"), "r1", "error")

    def fail():
        with discarded_on_error(output):
            assert (tmp_path / "a" / "b" / "c").exists()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]


def test_an_output_below_a_file_is_rejected_before_anything_is_read(tmp_path):
    (tmp_path / "file").touch()
    output = OutputFolder(LocalStore(), str(tmp_path / "file" / "out"), "r1", "error")
    with pytest.raises(BatchError, match=r"file/out: cannot be written \(Not a directory\)"):
        output.reserve()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_a_file_is_never_replaced_by_an_output(tmp_path, begin, mode):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(BatchError, match="out: is a file"):
        begin("r1", mode)
    assert (tmp_path / "out").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


FOREIGN = ("notes.txt", "scored/run=r1/mine.parquet", "scored/run=x/part.txt", "_files-x.json")


@pytest.mark.parametrize("name", FOREIGN)
def test_an_output_with_another_file_in_it_is_not_overwritten(tmp_path, begin, name):
    begin("r1").publish({})
    (tmp_path / "out" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "out" / name).write_text('["notes.txt"]')
    with pytest.raises(BatchError, match=f"contains {name}, which churn score did not write"):
        begin("r2", "overwrite")
    assert (tmp_path / "out" / name).exists()
    assert "r1" in published(tmp_path)


def test_a_folder_that_this_command_did_not_write_is_not_overwritten(tmp_path, begin):
    (tmp_path / "out" / "empty").mkdir(parents=True)
    with pytest.raises(BatchError, match="contains empty"):
        begin("r1", "overwrite")
    (tmp_path / "out" / "empty").rmdir()
    begin("r2", "overwrite").publish({})
    assert published(tmp_path) == ["r2"], "nothing is lost with an empty folder"


def test_a_file_that_appears_during_the_run_is_kept(tmp_path, begin):
    begin("r1").publish({})
    output = begin("r2", "overwrite")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(BatchError, match=r"contains notes\.txt"):
        output.publish({})
    output.discard()
    assert published(tmp_path) == ["r1"]
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_output_that_appears_during_the_run_is_kept(tmp_path, begin):
    output = begin("r1")
    (tmp_path / "out").mkdir()
    with pytest.raises(BatchError, match="exists already"):
        output.publish({})
    assert list((tmp_path / "out").iterdir()) == []


def test_a_link_to_a_folder_in_the_output_is_a_file_of_somebody_else(tmp_path, begin):
    begin("r1").publish({})
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").touch()
    (tmp_path / "out" / "link").symlink_to(tmp_path / "data")
    with pytest.raises(BatchError, match="contains link"):
        begin("r2", "overwrite")
    assert (tmp_path / "data" / "a.txt").exists()


def test_checksums_that_hadoop_writes_belong_to_their_files(tmp_path, begin):
    begin("r1").publish({})
    (tmp_path / "out" / "scored" / "run=r1" / ".part.txt.crc").touch()
    (tmp_path / "out" / "._summary-r1.json.crc").touch()
    begin("r2", "overwrite").publish({})
    assert published(tmp_path) == ["r2"]


def test_folders_with_the_names_of_unfinished_runs_are_kept_unless_a_run_made_them(tmp_path, begin):
    for name in ("out.partial-x", "out.replaced-x"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.txt").touch()
    begin("r1").publish({})
    begin("r2", "overwrite").publish({})
    assert len(list(tmp_path.glob("out.*-x/notes.txt"))) == 2


IN_PARTIAL = ("notes.txt", "scored/run=r2/mine.parquet", "scored/notes.txt", "rejected/a/part.txt")


@pytest.mark.parametrize("name", IN_PARTIAL)
@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_a_file_of_somebody_else_among_unpublished_results_is_kept(
    tmp_path, begin, capsys, name, mode
):
    begin("r1").publish({})
    mine = tmp_path / "out.partial-r2" / name
    begin("r2", mode)
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    begin("r3", mode).publish({})
    assert mine.read_text() == "mine"
    assert (
        f"out.partial-r2: kept, because churn score did not write {name}" in capsys.readouterr().err
    )
    assert published(tmp_path) == (["r1", "r3"] if mode == "append" else ["r3"])


@pytest.mark.parametrize("name", IN_PARTIAL)
def test_a_file_of_somebody_else_survives_the_failure_of_the_run(tmp_path, begin, name):
    failing = begin("r2")
    mine = tmp_path / "out.partial-r2" / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    failing.discard()
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_a_file_of_somebody_else_that_is_published_with_a_run_is_not_deleted(tmp_path, begin, mode):
    begin("r1").publish({})
    output = begin("r2", mode)
    output.store.write(f"{output.folder(SCORED)}/mine.txt", "mine")
    output.publish({})
    with pytest.raises(BatchError, match=r"contains scored/run=r2/mine\.txt"):
        begin("r3", "overwrite")
    assert (tmp_path / "out" / "scored" / "run=r2" / "mine.txt").read_text() == "mine"


def test_what_spark_writes_while_it_runs_is_removed(tmp_path, begin):
    output = begin("r1")
    folder = output.folder(SCORED)
    for name in ("_temporary/0/task_0/k=a/part-0", "_SUCCESS", "._SUCCESS.crc", "k=a/.part-0.crc"):
        output.store.write(f"{folder}/{name}", "")
    begin("r2").publish({})
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_removal_of_a_replaced_output_is_finished_by_the_next_run(tmp_path, begin):
    begin("r1").publish({})
    interrupted = begin("r2", "overwrite")
    interrupted.store.move(interrupted.base, interrupted.replaced)
    interrupted.store.move(interrupted.partial, interrupted.base)
    interrupted.store.write(f"{interrupted.replaced}/_being_removed", "")
    interrupted.store.remove(f"{interrupted.replaced}/{SCORED}")
    interrupted.store.remove(interrupted.base)  # by the user
    begin("r3").publish({})
    assert published(tmp_path) == ["r3"], "an output of which a part is missing is not restored"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_old_output_is_kept_if_the_new_one_is_not_in_its_place(tmp_path, begin):
    begin("r1").publish({})
    interrupted = begin("r2", "overwrite")
    interrupted.store.move(interrupted.base, interrupted.replaced)
    (tmp_path / "out").mkdir()  # by somebody else
    begin("r3", "append").publish({})
    assert (tmp_path / "out.replaced-r2" / SCORED / "run=r1" / "part.txt").exists()


@pytest.mark.parametrize(
    ("source", "output", "overlaps"),
    [
        ("/a/in", "/a/in", True),
        ("/a/in", "/a/in/out", True),
        ("/a/out/in", "/a/out", True),
        ("/", "/out", True),
        ("/a/in", "/a/input", False),
        ("/a/in.csv", "/a/in", False),
        ("hdfs://h/a", "hdfs://h/a/out", True),
    ],
)
def test_input_and_output_must_not_overlap(source, output, overlaps):
    if not overlaps:
        return check_separate([source], output)
    with pytest.raises(BatchError, match="overlaps with the input"):
        check_separate([source], output)


# --- several runs at a time -----------------------------------------------------------------------


def test_a_second_run_on_an_output_is_rejected_and_changes_nothing(tmp_path):
    first, second = (
        OutputFolder(LocalStore(), str(tmp_path / "out"), run, "append") for run in ("r1", "r2")
    )
    with discarded_on_error(first):
        first.store.write(f"{first.folder(SCORED)}/part.txt", "r1")
        with pytest.raises(BatchError, match="another run is writing"), discarded_on_error(second):
            pass
        first.store.write(f"{first.folder(REJECTED)}/part.txt", "r1")
        first.publish({})
    assert published(tmp_path) == published(tmp_path, REJECTED) == ["r1"]
    with discarded_on_error(second):
        for kind in (SCORED, REJECTED):
            second.store.write(f"{second.folder(kind)}/part.txt", "r2")
        second.publish({})
    assert published(tmp_path) == ["r1", "r2"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_lock_ends_with_its_process(tmp_path):
    holder = (
        "import sys, time; from batch.output_lock import OutputLock;"
        "OutputLock.acquire(sys.argv[1]); print('locked', flush=True); time.sleep(600)"
    )
    arguments = [sys.executable, "-c", holder, str(tmp_path / "out")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(BatchError, match="another run"):
            OutputLock.acquire(str(tmp_path / "out"))
        process.kill()
        process.wait()
        OutputLock.acquire(str(tmp_path / "out")).release()
    assert list(tmp_path.iterdir()) == []


class Unlocked(LocalStore):
    """A file system without locks."""

    def lock(self, output):
        return None


def test_without_locks_nothing_of_another_run_is_removed(tmp_path, begin, capsys):
    begin("r1").publish({})
    alive = OutputFolder(Unlocked(), str(tmp_path / "out"), "r2", "append")
    with discarded_on_error(alive):
        for kind in (SCORED, REJECTED):
            alive.store.write(f"{alive.folder(kind)}/part.txt", "r2")
        other = OutputFolder(Unlocked(), str(tmp_path / "out"), "r3", "append")
        with discarded_on_error(other):
            for kind in (SCORED, REJECTED):
                other.store.write(f"{other.folder(kind)}/part.txt", "r3")
            other.publish({})
        assert "out.partial-r2: from another run" in capsys.readouterr().err
        alive.publish({})
    assert published(tmp_path) == published(tmp_path, REJECTED) == ["r1", "r2", "r3"]


# --- killed runs ----------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ended; nothing was cleaned up."""


class KilledStore(LocalStore):
    """A file system whose process is killed before its n-th change."""

    def __init__(self, changes):
        self.changes = changes

    def _change(self):
        self.changes -= 1
        if self.changes < 0:
            raise Killed

    def make_folder(self, name):
        self._change()
        super().make_folder(name)

    def move(self, source, target):
        self._change()
        super().move(source, target)

    def remove(self, name):
        self._change()
        super().remove(name)

    def remove_if_empty(self, name):
        self._change()
        return super().remove_if_empty(name)

    def write(self, name, text):
        self._change()
        super().write(name, text)


def killed_run(tmp_path, mode, changes):
    """Run r2, and kill it before a change; returns whether it was killed."""
    output = OutputFolder(KilledStore(changes), str(tmp_path / "out"), "r2", mode)
    output._lock = LocalStore().lock(output.base)
    try:
        output.prepare()
        for kind in (SCORED, REJECTED):
            LocalStore().write(f"{output.folder(kind)}/part.txt", "r2")
        output.publish({})
    except Killed:
        return True
    finally:
        output._lock.release()
    return False


def runs_with(tmp_path, pattern):
    return {re.search(r"r\d", str(path))[0] for path in (tmp_path / "out").glob(pattern)}


@pytest.mark.parametrize("mode", ["append", "overwrite"])
@pytest.mark.parametrize("changes", range(12))
def test_whenever_a_run_is_killed_the_next_one_leaves_only_complete_runs(
    tmp_path, begin, mode, changes
):
    begin("r1").publish({})
    killed = killed_run(tmp_path, mode, changes)
    assert killed == (changes < {"append": 11, "overwrite": 12}[mode])
    seen = published(tmp_path)
    before, after = ["r1"], ["r1", "r2"] if mode == "append" else ["r2"]
    assert seen in (before, after) or (mode == "overwrite" and not (tmp_path / "out").exists())
    begin("r3", "append").publish({})
    expected = [*(seen or before), "r3"]
    assert published(tmp_path) == published(tmp_path, REJECTED) == expected
    assert runs_with(tmp_path, "_summary-*.json") == set(expected)
    assert runs_with(tmp_path, "_files-*.json") == set(expected)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
