"""Files of the log that are written anew with what they contain and more."""

import os
import signal
import threading
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from churn_model.inference_log import parts
from churn_model.inference_log.inference_log import InferenceLog, VersionLog
from churn_model.inference_log.log_format import counted_rows
from churn_model.inference_log.options import LogOptions
from churn_model.inference_log.scored_rows import ScoredCall
from churn_model.inference_log.storage import LocalStorage, RemoteStorage
from churn_model.scoring import Scores
from tests.customers import CUSTOMER
from tests.unit.churn_model.inference_log.reading import (
    assert_adds_up,
    files,
    outcomes,
    table,
)
from tests.unit.churn_model.inference_log.test_inference_log import kinds_scorer

NINE = datetime(2026, 3, 1, 9, tzinfo=timezone.utc).timestamp()
MINUTE, HOUR = 60, 3600

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def clock(monkeypatch):
    """Sets the time at which customers are scored."""

    def at(when: float) -> None:
        monkeypatch.setattr("time.time", lambda: when)

    return at


def opened(folder: Path, **options) -> InferenceLog:
    options = {"flush_seconds": 60.0, "level": "values", **options}
    return InferenceLog(LogOptions(str(folder), **options))


def customers(n: int, first: int = 0) -> list[dict]:
    return [CUSTOMER | {"customer_id": f"C-{first + i}"} for i in range(n)]


def add(version: VersionLog, scores: Scores) -> None:
    """Record customers who were scored at nine, without starting threads."""
    version._queue.add(version._version, ScoredCall(NINE, None, None, scores))


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def counted(folder: Path) -> Counter[str]:
    """The rows that are counted, by file."""
    found: Counter[str] = Counter()
    for file in files(folder, "counts"):
        for name, rows in counted_rows(pq.read_metadata(file).metadata).items():
            found[name] = max(found[name], rows)
    return found


def test_an_hour_has_one_file_of_counts_and_one_of_rows_however_often_it_is_written(
    tmp_path, scorer, clock
):
    log = opened(tmp_path)
    version = log.version(scorer, "churn", "1")
    for i in range(60):
        clock(NINE + i * 45)
        version.table(scorer.score(customers(2, 2 * i)))
        assert log.flush()
    log.close()
    assert [len(files(tmp_path, kind)) for kind in ("", "counts")] == [1, 1]
    assert table(tmp_path).customer_id.tolist() == [f"C-{i}" for i in range(120)]
    assert assert_adds_up(tmp_path) == {"scored": 120, "logged": 120}
    scored = table(tmp_path, "counts").query("kind == 'rows' and name == 'scored'")
    assert scored.minute.is_unique
    assert scored["count"].tolist() == [
        2 * sum(i * 45 // MINUTE == minute for i in range(60)) for minute in range(45)
    ]
    assert counted(tmp_path) == {files(tmp_path)[0].name: 120}


def test_counts_of_an_hour_are_those_of_the_same_customers_written_at_once(tmp_path, scorer, clock):
    broken = [*customers(3), CUSTOMER | {"age": -1}]
    for folder, times in (("often", 30), ("once", 1)):
        log = opened(tmp_path / folder)
        version = log.version(scorer, "churn", "1")
        for i in range(30):
            clock(NINE + i * 20)
            version.table(scorer.score(broken, on_invalid="report"))
            if (i + 1) % (30 // times) == 0:
                assert log.flush()
        log.close()
    keys = ["minute", "kind", "name", "cell"]
    sums = [
        table(tmp_path / folder, "counts").groupby(keys)["count"].sum()
        for folder in ("often", "once")
    ]
    assert sums[0].equals(sums[1])


def test_each_hour_has_its_own_files_and_those_of_an_earlier_hour_stay(tmp_path, scorer, clock):
    log = opened(tmp_path)
    version = log.version(scorer, "churn", "1")
    for hour in (0, 0, 1, 15, 15, 14):  # the last of which is a clock that was set back
        before = {file: file.read_bytes() for file in tmp_path.rglob("*.parquet")}
        clock(NINE + hour * HOUR)
        version.single(scorer.score_one(CUSTOMER))
        assert log.flush()
        replaced = [file for file, content in before.items() if file.read_bytes() != content]
        assert len(replaced) in (0, 2)
        kept = log._writer._parts
        assert (len(kept._rows), len(kept._counts)) == (1, 1)
    log.close()
    sizes = [len(pq.read_table(file)) for file in files(tmp_path)]
    assert sorted(sizes) == [1, 1, 2, 2]
    days = {file.parent.name for file in files(tmp_path)}
    assert days == {"date=2026-03-01", "date=2026-03-02"}
    assert assert_adds_up(tmp_path) == {"scored": 6, "logged": 6}


def test_customers_of_two_hours_that_are_written_at_once_are_in_two_files(tmp_path, scorer, clock):
    log = opened(tmp_path)
    version = log.version(scorer, "churn", "1")
    for when in (NINE - 1, NINE, NINE + 1):
        clock(when)
        version.single(scorer.score_one(CUSTOMER))
    assert log.flush()
    version.single(scorer.score_one(CUSTOMER))
    log.close()
    sizes = [len(pq.read_table(file)) for file in files(tmp_path)]
    assert sorted(sizes) == [1, 3]
    assert len(files(tmp_path, "counts")) == 2
    assert sorted(counted(tmp_path).values()) == [1, 3]


def test_a_file_that_is_full_is_followed_by_another(tmp_path, scorer, clock, monkeypatch):
    monkeypatch.setattr(parts, "MOST_ROW_BYTES", 10_000)
    monkeypatch.setattr(parts, "MOST_COUNT_BYTES", 10_000)
    clock(NINE)
    log = opened(tmp_path)
    version = log.version(scorer, "churn", "1")
    for i in range(40):
        clock(NINE + i * MINUTE)
        version.table(scorer.score(customers(5 if i != 20 else 500, 1000 * i)))
        assert log.flush()
        kept = log._writer._parts._rows
        assert len(kept) <= 1
        assert sum(part.table.nbytes for part in kept) < 10_000
    log.close()
    assert 3 < len(files(tmp_path)) < 20
    assert 1 < len(files(tmp_path, "counts")) < 20
    assert assert_adds_up(tmp_path) == {"scored": 695, "logged": 695}
    assert table(tmp_path).inference_id.is_unique
    assert counted(tmp_path) == {
        file.name: pq.read_metadata(file).num_rows for file in files(tmp_path)
    }


def test_files_that_are_written_more_often_are_smaller(tmp_path, scorer, clock):
    clock(NINE)
    log = opened(tmp_path, flush_seconds=0.001)
    version = log.version(scorer, "churn", "1")
    for _ in range(10):
        add(version, scorer.score(customers(5)))
        assert log.flush()
    log.close()
    assert len(files(tmp_path)) > 5
    assert assert_adds_up(tmp_path) == {"scored": 50, "logged": 50}


def test_models_with_other_columns_that_alternate_have_one_file_each(tmp_path, scorer, clock):
    clock(NINE)
    log, other = opened(tmp_path), kinds_scorer()
    versions = log.version(scorer, "churn", "1"), log.version(other, "plans", "1")
    record = {"id": "1", "visits": 3, "charges": 2.5, "active": True, "joined": None, "plan": "a"}
    for _ in range(5):
        versions[0].single(scorer.score_one(CUSTOMER))
        assert log.flush()
        versions[1].single(other.score_one(record))
        assert log.flush()
    log.close()
    assert [len(pq.read_table(file)) for file in files(tmp_path)] == [5, 5]
    assert len(files(tmp_path, "counts")) == 1
    assert_adds_up(tmp_path)


def test_many_models_with_other_columns_do_not_stay_in_memory(tmp_path, clock):
    clock(NINE)
    log = opened(tmp_path)
    record = {"id": "1", "visits": 3, "charges": 2.5, "active": True, "joined": None, "plan": "a"}
    scorer = kinds_scorer()
    for i in range(10):
        version = log.version(scorer, "plans", str(i))
        schema = version._version.row_schema
        version._version.row_schema = schema.with_metadata({**schema.metadata, b"own": b"%d" % i})
        version.single(scorer.score_one(record))
        assert log.flush()
        assert len(log._writer._parts._rows) <= 4
    log.close()
    assert len(files(tmp_path)) == 10
    assert_adds_up(tmp_path)


def test_a_disk_that_is_full_while_a_file_is_written_anew_leaves_the_old_one(
    tmp_path, scorer, clock
):
    clock(NINE)
    log = opened(tmp_path)
    version = log.version(scorer, "churn", "1")
    version.table(scorer.score(customers(10)))
    assert log.flush()
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    stage = log._storage.stage

    def fail(folder: str, name: str, content: bytes) -> None:
        stage(folder, name, content[: len(content) // 2])
        raise OSError(28, os.strerror(28))

    log._storage.stage = fail
    for first in (10, 20):
        version.table(scorer.score(customers(10, first)))
        assert not log.flush()
        assert before == {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    log._storage.stage = stage
    assert log.flush()
    log.close()
    assert assert_adds_up(tmp_path) == {"scored": 30, "logged": 30}
    assert table(tmp_path).customer_id.tolist() == [f"C-{i}" for i in range(30)]
    assert [len(files(tmp_path, kind)) for kind in ("", "counts")] == [1, 1]


def test_a_rename_that_fails_once_is_repeated_with_the_same_content(tmp_path, scorer, clock):
    clock(NINE)
    log = opened(tmp_path)
    version = log.version(scorer, "churn", "1")
    publish, published = log._storage.publish, []

    def fail_at_times(folder: str, name: str) -> None:
        published.append(name)
        if len(published) % 3 == 0:
            raise OSError(5, os.strerror(5))
        publish(folder, name)

    log._storage.publish = fail_at_times
    for first in range(0, 60, 10):
        version.table(scorer.score(customers(10, first)))
        log.flush()
    log.close()
    assert assert_adds_up(tmp_path) == {"scored": 60, "logged": 60}
    assert table(tmp_path).customer_id.is_unique


def test_rows_that_cannot_be_made_a_file_do_not_damage_those_before_and_after(
    tmp_path, scorer, clock, monkeypatch, caplog
):
    clock(NINE)
    log = opened(tmp_path)
    version = log.version(scorer, "churn", "1")
    for first in (0, 10, 20):
        version.table(scorer.score(customers(10, first)))
        with monkeypatch.context() as patch:
            if first == 10:
                patch.setattr(parts, "_parquet", lambda *arguments: 1 / 0)
            assert log.flush() is (first != 10)
    log.close()
    assert assert_adds_up(tmp_path) == {"scored": 20, "logged": 20}
    assert "10 rows of the inference log are lost" in caplog.text


def test_a_reader_finds_the_old_or_the_new_file_while_it_is_replaced(tmp_path, scorer, clock):
    clock(NINE)
    log = opened(tmp_path)
    version = log.version(scorer, "churn", "1")
    scores = scorer.score(customers(10))
    version.table(scores)
    assert log.flush()
    is_over, seen = threading.Event(), []

    def read() -> None:
        while not is_over.is_set():
            found = len(table(tmp_path)), outcomes(tmp_path)["logged"]
            seen.append(found)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(40):
        version.table(scores)
        assert log.flush()
    is_over.set()
    reader.join()
    log.close()
    assert seen
    for sizes in zip(*seen, strict=True):
        assert all(size % 10 == 0 and 10 <= size <= 410 for size in sizes)
        assert list(sizes) == sorted(sizes)


@needs_fork
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.parametrize("killed_after", ["flush", "rows"])
def test_a_killed_process_leaves_what_it_wrote_and_the_counts_say_which_rows_they_count(
    tmp_path, scorer, killed_after
):
    child = os.fork()
    if child == 0:
        try:
            log = opened(tmp_path)
            version = log.version(scorer, "churn", "1")
            add(version, scorer.score(customers(10)))
            log.flush()
            add(version, scorer.score(customers(5, 10)))
            if killed_after == "rows":
                publish = log._storage.publish
                log._storage.publish = lambda *file: (publish(*file), kill_self())
                log.flush()
        finally:
            kill_self()
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    (file,) = files(tmp_path)
    rows = table(tmp_path)
    assert len(rows) == (10 if killed_after == "flush" else 15)
    assert outcomes(tmp_path) == {"scored": 10, "logged": 10}
    assert counted(tmp_path) == {file.name: 10}
    assert rows.customer_id.tolist()[:10] == [f"C-{i}" for i in range(10)]


@needs_fork
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_process_leaves_the_files_of_its_parent_alone(tmp_path, scorer, clock):
    clock(NINE)
    log = opened(tmp_path)
    version = log.version(scorer, "churn", "1")
    version.single(scorer.score_one(CUSTOMER))
    assert log.flush()
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.parquet")}
    child = os.fork()
    if child == 0:
        try:
            version.single(scorer.score_one(CUSTOMER))
            log.close()
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert all(file.read_bytes() == content for file, content in before.items())
    assert len(files(tmp_path)) == 2
    log.close()
    assert assert_adds_up(tmp_path) == {"scored": 2, "logged": 2}


@pytest.mark.parametrize("is_replacing", [True, False])
def test_a_file_system_that_cannot_replace_files_gets_new_ones(
    tmp_path, scorer, clock, is_replacing
):
    from pyarrow.fs import FileType, LocalFileSystem

    class Other:
        """A file system that is none of those known to replace files, and does not."""

        type_name = "hdfs"
        _own = LocalFileSystem()

        def __getattr__(self, name):
            return getattr(self._own, name)

        def move(self, source, target):
            assert self._own.get_file_info(target).type == FileType.NotFound
            self._own.move(source, target)

    clock(NINE)
    log = opened(tmp_path)
    log._storage = RemoteStorage(LocalFileSystem() if is_replacing else Other(), str(tmp_path))
    log._reset()
    version = log.version(scorer, "churn", "1")
    for first in (0, 10, 20):
        version.table(scorer.score(customers(10, first)))
        assert log.flush()
    log.close()
    expected = 1 if is_replacing else 3
    assert [len(files(tmp_path, kind)) for kind in ("", "counts")] == [expected, expected]
    assert assert_adds_up(tmp_path) == {"scored": 30, "logged": 30}


def test_a_local_file_is_replaced_in_one_step(tmp_path):
    storage = LocalStorage(tmp_path)
    for content in (b"old", b"new"):
        storage.stage("", "name", content)
        storage.publish("", "name")
    assert (tmp_path / "name").read_bytes() == b"new"
