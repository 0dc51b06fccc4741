"""Reading the counts of an inference log, whatever else is in its folder."""

import dataclasses
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import pytest

from churn_model.errors import InferenceLogError, MonitoringError
from churn_model.inference_log.log_format import counts_schema
from churn_model.profile.cell_counts import count_customers
from churn_model.schema import CUSTOMER_SCHEMA
from churn_model.validation import check_frame
from monitoring.inputs import log_files
from monitoring.inputs.counted import to_windows
from monitoring.inputs.log import read_log
from monitoring.inputs.log_files import find_log
from monitoring.inputs.predictions import log_blocks
from monitoring.windows import Population
from tests.unit.monitoring.logs import day, opened_log, write_log

DAILY = timedelta(days=1)
NOW = day("2026-02-01")
JANUARY = date(2026, 1, 1), date(2026, 1, 31)
SERVE = Population("churn", "1", "serve")


def windows(folder, scorer, *, every=DAILY, now=NOW, name="churn", versions=("1", "2")):
    counted = read_log(str(folder), name, every=every)
    return to_windows(counted, dict.fromkeys(versions, scorer.scorecard), now)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_counts_of_a_window_are_those_of_its_customers(tmp_path, scorer, customers):
    write_log(tmp_path, scorer, customers[:900], day("2026-01-05", 8))
    write_log(tmp_path, scorer, customers[900:], day("2026-01-05", 23))
    found, notes = windows(tmp_path, scorer)
    (window,) = found[SERVE]
    scores = scorer.score(customers)
    inputs = scorer.inputs(check_frame(customers, CUSTOMER_SCHEMA))
    expected = count_customers(scorer.lookup, inputs, scores.probability, scores.prediction)
    assert window.start == day("2026-01-05", 0)
    assert window.end == day("2026-01-06", 0)
    assert notes == ()
    for term, cells in zip(window.counts.terms, expected.terms, strict=True):
        assert (term == cells).all()
    assert (window.counts.scores == expected.scores).all()
    assert (window.counts.predicted == expected.predicted).all()


def test_rejected_rows_are_counted_by_rule(tmp_path, scorer, customers):
    broken = customers[:10].assign(age=[200, *customers["age"][1:10]])
    write_log(tmp_path, scorer, broken, day("2026-01-05"))
    found, _ = windows(tmp_path, scorer)
    counts = found[SERVE][0].counts
    assert (counts.scored, counts.rejected) == (9, 1)
    assert list(counts.rules) == ["age:less_than_equal"]


def test_the_revenue_of_a_campaign_is_counted(tmp_path, campaign_scorer, customers):
    write_log(tmp_path, campaign_scorer, customers, day("2026-01-05"))
    counts = windows(tmp_path, campaign_scorer)[0][SERVE][0].counts
    scores = campaign_scorer.score(customers)
    contacted = customers["total_charges"][scores.prediction == 1]
    assert counts.with_revenue.sum() == contacted.notna().sum()
    assert counts.revenue.sum() == pytest.approx(contacted.sum())


def test_days_without_customers_between_others_are_empty_windows(tmp_path, scorer, customers):
    for text in ("2026-01-05", "2026-01-08"):
        write_log(tmp_path, scorer, customers[:7], day(text))
    found, _ = windows(tmp_path, scorer)
    assert [window.counts.scored for window in found[SERVE]] == [7, 0, 0, 7]


def test_the_current_window_is_left_out_unless_it_is_the_only_one(tmp_path, scorer, customers):
    write_log(tmp_path, scorer, customers[:7], day("2026-01-05"))
    noon = day("2026-01-05", 12)
    assert len(windows(tmp_path, scorer, now=noon)[0][SERVE]) == 1
    write_log(tmp_path, scorer, customers[:7], day("2026-01-04"))
    (only,) = windows(tmp_path, scorer, now=noon)[0][SERVE]
    assert only.start == day("2026-01-04", 0)


def test_weeks_start_at_multiples_since_1970(tmp_path, scorer, customers):
    write_log(tmp_path, scorer, customers[:7], day("2026-01-05"))
    (window,) = windows(tmp_path, scorer, every=timedelta(days=7))[0][SERVE]
    assert (window.start - day("1970-01-01", 0)) % timedelta(days=7) == timedelta(0)
    assert window.start <= day("2026-01-05") < window.end


def test_versions_and_sources_are_separate_populations(tmp_path, scorer, customers):
    write_log(tmp_path, scorer, customers[:3], day("2026-01-05"))
    write_log(tmp_path, scorer, customers[:4], day("2026-01-05"), version="2")
    write_log(tmp_path, scorer, customers[:5], day("2026-01-05"), source="mlflow")
    found, _ = windows(tmp_path, scorer)
    scored = {(p.model_version, p.source): w[0].counts.scored for p, w in found.items()}
    assert scored == {("1", "serve"): 3, ("2", "serve"): 4, ("1", "mlflow"): 5}


def test_a_version_without_a_scorecard_is_left_out(tmp_path, scorer, customers):
    for version in ("1", "2"):
        write_log(tmp_path, scorer, customers[:3], day("2026-01-05"), version=version)
    found, _ = windows(tmp_path, scorer, versions=("1",))
    assert list(found) == [SERVE]


def test_the_log_of_another_model_is_named(tmp_path, scorer, customers):
    write_log(tmp_path, scorer, customers[:3], day("2026-01-05"), name="upsell")
    with pytest.raises(MonitoringError, match="is the log of 'upsell', not of 'churn'"):
        read_log(str(tmp_path), "churn", every=DAILY)


def test_rows_of_another_model_in_the_same_log_are_skipped_and_reported(
    tmp_path, scorer, customers
):
    write_log(tmp_path, scorer, customers[:3], day("2026-01-05"), name="upsell")
    write_log(tmp_path, scorer, customers[:4], day("2026-01-05"))
    counted = read_log(str(tmp_path), "churn", every=DAILY)
    assert counted.notes == ("skipped 3 rows of model 'upsell', which is not 'churn'",)
    assert windows(tmp_path, scorer)[0][SERVE][0].counts.scored == 4


def test_damaged_foreign_and_unfinished_files_are_reported_and_left_alone(
    tmp_path, scorer, customers
):
    write_log(tmp_path, scorer, customers[:4], day("2026-01-05"))
    (own,) = (tmp_path / "counts" / "date=2026-01-05").iterdir()
    own.with_name("part-aa-1.parquet").write_bytes(own.read_bytes()[:-50])
    own.with_name("_part-bb-1.parquet").write_bytes(own.read_bytes()[:100])
    pq.write_table(pa.table({"a": [1]}), own.with_name("part-cc-1.parquet"))
    before = contents(tmp_path)
    counted = read_log(str(tmp_path), "churn", every=DAILY)
    assert len(counted.notes) == 2
    assert counted.notes[0].startswith("skipped 1 file being written")
    assert counted.notes[1].startswith("skipped 2 files damaged, or no part of")
    assert windows(tmp_path, scorer)[0][SERVE][0].counts.scored == 4
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("cell", -1),
        ("count", -1.0),
        ("count", float("inf")),
        ("count", 1e300),
        ("cell", 500),
        ("minute", None),
        ("minute", datetime(9999, 12, 31)),
        ("minute", datetime(1960, 1, 1)),
    ],
)
def test_a_file_with_impossible_counts_is_skipped(tmp_path, scorer, customers, column, value):
    write_log(tmp_path, scorer, customers[:4], day("2026-01-05"))
    row = {
        "minute": day("2026-01-05"),
        "model_name": "churn",
        "model_version": "1",
        "source": "serve",
        "kind": "score",
        "name": "",
        "cell": 3,
        "count": 1.0,
    }
    table = pa.Table.from_pylist([{**row, column: value}], schema=counts_schema())
    pq.write_table(table, tmp_path / "counts" / "date=2026-01-05" / "part-dd-1.parquet")
    counted = read_log(str(tmp_path), "churn", every=DAILY)
    assert "skipped 1 file with impossible counts" in counted.notes[-1]
    assert windows(tmp_path, scorer)[0][SERVE][0].counts.scored == 4


def test_counts_of_another_scorecard_leave_the_version_out(tmp_path, scorer, customers):
    write_log(tmp_path, scorer, customers, day("2026-01-05"))
    term = scorer.scorecard.terms[0]
    cut = term.model_copy(update={"cuts": [term.cuts[0][:3]], "scores": term.scores[:6]})
    other = scorer.scorecard.model_copy(update={"terms": [cut, *scorer.scorecard.terms[1:]]})
    counted = read_log(str(tmp_path), "churn", every=DAILY)
    found, notes = to_windows(counted, {"1": other}, NOW)
    assert not found
    assert notes[0].startswith("version 1 is left out: its counts have a cell")


def test_dropped_rows_are_reported(tmp_path, scorer, customers):
    write_log(tmp_path, scorer, customers[:40], day("2026-01-05"), most_bytes=0)
    found, notes = windows(tmp_path, scorer)
    assert found[SERVE][0].counts.scored == 40
    assert notes[0].startswith("version 1, serve: 40 of 40 scored rows were dropped")


def test_a_log_of_counts_only_can_be_read(tmp_path, scorer, customers):
    write_log(tmp_path, scorer, customers[:4], day("2026-01-05"), level="counts")
    assert windows(tmp_path, scorer)[0][SERVE][0].counts.scored == 4


@pytest.mark.parametrize("name", ["missing", "file", "empty"])
def test_a_folder_without_a_log_is_one_line(tmp_path, name):
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InferenceLogError) as error:
        read_log(str(tmp_path / name), "churn", every=DAILY)
    assert "\n" not in str(error.value)
    assert str(tmp_path / name) in str(error.value)


def test_a_uri_names_a_folder_too(tmp_path, scorer, customers):
    write_log(tmp_path, scorer, customers[:4], day("2026-01-05"))
    assert read_log(tmp_path.as_uri(), "churn", every=DAILY).versions == ("1",)


def test_windows_of_seconds_are_rejected(tmp_path):
    with pytest.raises(MonitoringError, match="whole minutes"):
        read_log(str(tmp_path), "churn", every=timedelta(seconds=90))


def test_more_windows_than_can_be_compared_are_rejected(tmp_path, scorer, customers):
    for text in ("1970-01-02", "2026-01-05"):
        write_log(tmp_path, scorer, customers[:4], day(text))
    with pytest.raises(MonitoringError, match="windows from 1970-01-02 on; choose longer ones"):
        windows(tmp_path, scorer, every=timedelta(hours=1))


def test_a_file_that_names_a_column_twice_is_skipped(tmp_path, scorer, customers):
    write_log(tmp_path, scorer, customers[:4], day("2026-01-05"))
    (own,) = (tmp_path / "counts" / "date=2026-01-05").iterdir()
    table = pq.read_table(own)
    twice = table.append_column(table.schema.field("count"), table.column("count"))
    pq.write_table(twice, own.with_name("part-dd-1.parquet"))
    assert windows(tmp_path, scorer)[0][SERVE][0].counts.scored == 4


def test_counts_in_many_files_add_up(tmp_path, scorer, customers):
    for hour in range(8):
        write_log(tmp_path, scorer, customers[hour * 10 :], day("2026-01-05", hour))
    counts = windows(tmp_path, scorer)[0][SERVE][0].counts
    expected = sum(len(customers) - hour * 10 for hour in range(8))
    assert counts.scored == expected
    assert all(np.isclose(term.sum(), expected) for term in counts.terms)


def test_counts_that_are_written_anew_are_not_added_twice(tmp_path, scorer, customers):
    log = opened_log(tmp_path, scorer)
    for first in range(0, 50, 10):
        log(customers[first : first + 10], day("2026-01-05"))
        assert windows(tmp_path, scorer)[0][SERVE][0].counts.scored == first + 10
    assert len(find_log(str(tmp_path)).counts) == 1


def test_rows_keep_their_positions_when_their_file_is_written_anew(tmp_path, scorer, customers):
    log = opened_log(tmp_path, scorer)

    def blocks() -> tuple[str, list[int], list[float]]:
        (block,) = log_blocks(find_log(str(tmp_path)), "churn", "customer_id", *JANUARY)
        return block.file, block.rows.tolist(), block.probability.tolist()

    log(customers[:20], day("2026-01-05"))
    file, rows, probability = blocks()
    log(customers[20:50], day("2026-01-05"))
    later = blocks()
    assert later[0] == file
    assert later[1][:20] == rows
    assert later[2][:20] == probability
    assert len(later[1]) == 50


class Replaced:
    """A remote file system whose objects are replaced while they are read for the first time."""

    type_name = "s3"

    def __init__(self) -> None:
        self._own = pa.fs.LocalFileSystem()
        self.reads: Counter[str] = Counter()

    def __getattr__(self, name):
        return getattr(self._own, name)

    def open_input_file(self, path: str):
        self.reads[path] += 1
        content = Path(path).read_bytes()
        is_replaced = self.reads[path] == 1  # its old size, and the start of its new content
        return pa.BufferReader(content[:-7] if is_replaced else content)


def test_a_remote_file_that_is_replaced_while_it_is_read_is_read_again(
    tmp_path, scorer, customers, monkeypatch
):
    write_log(tmp_path, scorer, customers[:40], day("2026-01-05"))
    files = find_log(str(tmp_path))
    remote = Replaced()
    again = dataclasses.replace(files, filesystem=remote)
    assert read_log(again, "churn", every=DAILY).versions == ("1",)
    damaged: list[str] = []
    (block,) = log_blocks(again, "churn", "customer_id", *JANUARY, damaged)
    assert (len(block.rows), damaged) == (40, [])
    assert set(remote.reads.values()) == {2}
    monkeypatch.setattr(log_files, "open_folder", lambda uri: (Replaced(), str(tmp_path)))
    found = find_log("s3://bucket/log")
    assert (len(found.rows), len(found.counts), found.notes) == (1, 1, ())
