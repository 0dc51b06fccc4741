"""Retention removes the log's own old files, and nothing else."""

from datetime import date, datetime, timezone

import pytest

from churn_model.inference_log.inference_log import InferenceLog
from churn_model.inference_log.options import LogOptions
from churn_model.inference_log.retention import Retention, remove_before
from churn_model.inference_log.storage import LocalStorage, RemoteStorage
from tests.customers import CUSTOMER

OLD, NEW = "date=2025-01-01", "date=2026-01-01"


@pytest.fixture
def log(tmp_path, scorer, monkeypatch):
    """A log with an old and a new day."""
    opened = InferenceLog(LogOptions(str(tmp_path), key=bytes(32), flush_seconds=60))
    version = opened.version(scorer, "churn", "1")
    for year in (2025, 2026):
        when = datetime(year, 1, 1, tzinfo=timezone.utc).timestamp()
        monkeypatch.setattr("time.time", lambda when=when: when)
        version.single(scorer.score_one(CUSTOMER))
    monkeypatch.undo()
    opened.close()
    return tmp_path


def storages(folder):
    from pyarrow.fs import LocalFileSystem

    return {
        "local": LocalStorage(folder),
        "remote": RemoteStorage(LocalFileSystem(), str(folder)),
    }


@pytest.mark.parametrize("kind", ["local", "remote"])
def test_old_days_are_removed_with_their_folders_and_new_ones_stay(log, kind):
    for folder in ("", "counts"):
        remove_before(date(2025, 6, 1), storages(log)[kind], folder)
    assert not (log / OLD).exists()
    assert not (log / "counts" / OLD).exists()
    assert list((log / NEW).iterdir())
    assert list((log / "counts" / NEW).iterdir())


def test_a_foreign_file_in_an_old_folder_is_left_alone(log):
    notes = log / OLD / "notes.txt"
    foreign = log / OLD / "part-abc-1.parquet"  # named like one of the log's
    for file in (notes, foreign):
        file.write_text("mine")
    unfinished = log / OLD / "_part-abc-2.parquet"
    unfinished.write_text("half")
    (log / OLD / "part-abc-3.parquet").mkdir()
    elsewhere = log / "other" / OLD
    elsewhere.mkdir(parents=True)
    (log / "date=2025-13-01").mkdir()
    remove_before(date(2025, 6, 1), LocalStorage(log))
    assert {p.name for p in (log / OLD).iterdir()} == {
        notes.name,
        foreign.name,
        "part-abc-3.parquet",
    }
    assert elsewhere.exists()
    assert (log / "date=2025-13-01").exists()


def test_a_link_to_another_folder_is_not_followed(log, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    for file in (log / OLD).iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    (log / "date=2024-01-01").symlink_to(other)
    remove_before(date(2025, 6, 1), LocalStorage(log))
    assert list(other.iterdir())


def test_it_is_applied_once_a_day_and_not_without_a_limit(log):
    def at(day: int) -> float:
        return datetime(2026, 1, day, 12, tzinfo=timezone.utc).timestamp()

    Retention(LogOptions(str(log)), LocalStorage(log)).apply_if_due(lambda: at(2))
    assert (log / OLD).exists()
    retention = Retention(LogOptions(str(log), retention_days=364), LocalStorage(log))
    retention.apply_if_due(lambda: at(2))
    assert not (log / OLD).exists()
    (log / OLD).mkdir()
    retention.apply_if_due(lambda: at(2) + 3600)
    assert (log / OLD).exists()
    retention.apply_if_due(lambda: at(4))
    assert not (log / OLD).exists()


def test_a_folder_that_cannot_be_listed_is_a_warning(log, caplog):
    class Broken(LocalStorage):
        def list(self, folder):
            raise OSError(5, "Input/output error")

    Retention(LogOptions(str(log), retention_days=1), Broken(log)).apply_if_due()
    assert "were not removed: Input/output error" in caplog.text
