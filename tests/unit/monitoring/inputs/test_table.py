"""Any table is counted by window as ``churn score`` would validate and score it."""

from __future__ import annotations

import gzip
import json
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow.models import Model

from churn_model.errors import ChurnError, MonitoringError, TableError
from churn_model.offer import Offer
from churn_model.profile.cell_counts import CellCounts, count_customers
from churn_model.schema import RecordSchema
from churn_model.scoring import Scorer
from churn_model.scoring.campaign import Campaign
from churn_model.scoring.scorecard import Feature, Scorecard, Term
from churn_model.validation import check_frame
from monitoring.inputs import table as table_module
from monitoring.inputs.table import read_table
from monitoring.windows import Population
from pyfunc.loaded_version import LoadedVersion
from tests.unit.churn_model.profile.scorecards import PAIRED, SCHEMA

DAY = timedelta(days=1)
POPULATION = Population("churn", "3", "table")

DATED_SCHEMA = RecordSchema.from_json_schema(
    {
        "title": "Customer",
        "type": "object",
        "properties": {
            "since": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}
        },
        "required": [],
    }
)
DATED = Scorecard(
    intercept=0.0,
    features=[Feature(name="since", kind="number")],
    terms=[Term(features=["since"], cuts=[[10.0, 100.0]], scores=[0.0, 1.0, 2.0, 3.0, 0.0])],
)


def version(scorecard=PAIRED, schema=SCHEMA) -> LoadedVersion:
    return LoadedVersion("churn", "3", None, Path(), Model(), Scorer(scorecard, schema))


def customers(n=60, first="2026-01-01", days=3) -> pd.DataFrame:
    """Customers who were observed on several days."""
    rng = np.random.default_rng(n)
    usage = pd.Series(rng.normal(4, 3, n).round(2)).where(rng.random(n) > 0.1)
    observed = np.datetime64(first) + rng.integers(0, days, n)
    return pd.DataFrame(
        {
            "usage": usage,
            "plan": rng.choice(["basic", "premium", "gold"], n),
            "observed": [str(day) for day in observed],
        }
    )


def counted(frame: pd.DataFrame, scorer: Scorer | None = None) -> CellCounts:
    """The counts of valid customers, all of one window."""
    scorer = scorer or version().scorer
    checked = check_frame(frame, scorer.schema)
    scores = scorer.score_columns(checked)
    return count_customers(
        scorer.lookup, scorer.inputs(checked), scores.probability, scores.prediction
    )


def assert_same(counts: CellCounts, expected: CellCounts) -> None:
    assert counts.rejected == expected.rejected
    assert counts.rules == expected.rules
    for ours, theirs in zip(counts.terms, expected.terms, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for name in ("scores", "predicted", "with_revenue"):
        np.testing.assert_array_equal(getattr(counts, name), getattr(expected, name))
    np.testing.assert_allclose(counts.revenue, expected.revenue)


def write_csv(frame: pd.DataFrame, folder: Path) -> Path:
    frame.to_csv(folder / "table.csv", index=False)
    return folder / "table.csv"


def write_gzip(frame: pd.DataFrame, folder: Path) -> Path:
    path = folder / "table.csv.gz"
    path.write_bytes(gzip.compress(frame.to_csv(index=False).encode()))
    return path


def write_parquet(frame: pd.DataFrame, folder: Path) -> Path:
    typed = frame.assign(observed=pd.to_datetime(frame["observed"]).dt.date)
    pq.write_table(pa.Table.from_pandas(typed), folder / "table.parquet")
    return folder / "table.parquet"


def write_lines(frame: pd.DataFrame, folder: Path) -> Path:
    frame.to_json(folder / "table.jsonl", orient="records", lines=True)
    return folder / "table.jsonl"


def write_folder(frame: pd.DataFrame, folder: Path) -> Path:
    """A folder with an ignored file, and the observation dates in the names of folders."""
    target = folder / "table"
    for day, rows in frame.groupby("observed"):
        part = target / f"observed={day}"
        part.mkdir(parents=True)
        rows.drop(columns="observed").to_csv(part / "part-0.csv", index=False)
    (target / "_SUCCESS").touch()
    return target


FORMATS = [write_csv, write_gzip, write_parquet, write_lines, write_folder]


def windows_of(path, **options):
    read = version(*options.pop("model", ()))
    found = read_table(str(path), read, **{"every": DAY, "as_of": None, **options})
    assert list(found) == [POPULATION]
    return found[POPULATION]


@pytest.mark.parametrize("write", FORMATS)
def test_all_formats_give_the_counts_of_each_day(tmp_path, write):
    frame = customers()
    windows = windows_of(write(frame, tmp_path), as_of="observed")
    assert [str(window.start.date()) for window in windows] == sorted(set(frame["observed"]))
    for window in windows:
        assert window.end - window.start == DAY
        assert window.start.tzinfo is timezone.utc
        rows = frame[frame["observed"] == str(window.start.date())]
        assert_same(window.counts, counted(rows.reset_index(drop=True)))


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_the_size_of_batches_does_not_matter(tmp_path, monkeypatch, rows):
    path = write_parquet(customers(), tmp_path)
    expected = windows_of(path, as_of="observed")
    monkeypatch.setattr("churn_model.tables.reading.batches.ROWS", rows)
    for window, other in zip(windows_of(path, as_of="observed"), expected, strict=True):
        assert (window.start, window.end) == (other.start, other.end)
        assert_same(window.counts, other.counts)


def test_without_a_column_all_rows_are_one_window_that_begins_on_their_day(tmp_path):
    frame = customers()
    path = write_csv(frame, tmp_path)
    [window] = windows_of(path, as_of=date(2026, 1, 31), every=30 * DAY)
    assert window.start == datetime(2026, 1, 31, tzinfo=timezone.utc)
    assert window.end == window.start + 30 * DAY
    assert_same(window.counts, counted(frame))
    [window] = windows_of(path)
    assert window.start.date() == datetime.now(timezone.utc).date()


def test_windows_without_rows_are_empty_and_start_at_multiples_of_their_length(tmp_path):
    frame = customers(4).assign(observed=["2026-01-01", "2026-01-20", "2026-01-20", "2026-02-01"])
    windows = windows_of(write_csv(frame, tmp_path), as_of="observed", every=7 * DAY)
    assert [window.counts.scored for window in windows] == [1, 0, 2, 0, 1]
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    assert {(window.start - epoch) % (7 * DAY) for window in windows} == {timedelta(0)}
    assert all(a.end == b.start for a, b in pairwise(windows))


def test_dates_are_aged_to_the_observation_date_of_their_row(tmp_path):
    frame = pd.DataFrame(
        {
            "since": ["2026-01-01", "2026-01-01", "2025-01-01", None],
            "observed": ["2026-01-05", "2026-02-20", "2026-01-05", "2026-02-20"],
        }
    )
    path = write_csv(frame, tmp_path)
    windows = windows_of(path, as_of="observed", model=(DATED, DATED_SCHEMA), every=365 * DAY)
    total = sum((window.counts for window in windows), CellCounts())
    assert total.terms[0].tolist() == [1, 1, 1, 1, 0]
    [one] = windows_of(path, as_of=date(2026, 1, 5), model=(DATED, DATED_SCHEMA))
    assert one.counts.terms[0].tolist() == [1, 2, 0, 1, 0]


def test_rejected_rows_are_counted_by_rule_in_their_window(tmp_path):
    frame = customers(6, days=1).astype({"usage": object, "plan": object})
    frame.loc[1, "usage"] = "many"
    frame.loc[[2, 3], "plan"] = None
    [window] = windows_of(write_csv(frame, tmp_path), as_of="observed")
    assert (window.counts.scored, window.counts.rejected) == (3, 3)
    assert window.counts.rules == {"usage:float_parsing": 1.0, "plan:missing": 2.0}
    valid = frame.drop(index=[1, 2, 3]).reset_index(drop=True).astype({"usage": float})
    assert_same(
        window.counts,
        counted(valid) + CellCounts(rejected=3.0, rules=dict(window.counts.rules)),
    )


def test_rows_that_are_no_records_are_counted_with_the_row_before_them(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("usage,plan,observed\n1,basic,2026-01-01\n2,basic\n3,basic,2026-01-02\n")
    windows = windows_of(path, as_of="observed")
    assert [(w.counts.scored, w.counts.rejected) for w in windows] == [(1, 0), (1, 1)]
    lines = tmp_path / "table.json"
    record = json.dumps({"usage": 1.0, "plan": "basic", "observed": "2026-01-01"})
    lines.write_text(f"nonsense\n{record}\n[]\n{record.replace('01-01', '01-02')}\n")
    windows = windows_of(lines, as_of="observed")
    assert [(w.counts.scored, w.counts.rejected) for w in windows] == [(1, 2), (1, 0)]


def test_a_table_of_rejected_rows_has_no_scores(tmp_path):
    frame = customers(5, days=1).assign(plan=None)
    [window] = windows_of(write_csv(frame, tmp_path))
    assert (window.counts.scored, window.counts.rejected_share) == (0, 1.0)


def test_the_revenue_of_a_campaign_is_added_up(tmp_path):
    offer = Offer(cost=1, success=0.3, horizon=12, margin=1.0)
    scorecard = PAIRED.with_campaign(Campaign.of(offer, "usage", "profit"))
    frame = customers(40, days=1)
    [window] = windows_of(write_csv(frame, tmp_path), model=(scorecard, SCHEMA))
    scores = Scorer(scorecard, SCHEMA).score(frame)
    chosen = (scores.prediction == 1) & frame["usage"].notna().to_numpy()
    assert 0 < chosen.sum() < len(frame)
    assert window.counts.revenue.sum() == pytest.approx(frame["usage"][chosen].sum())
    assert window.counts.with_revenue.sum() == chosen.sum()


def test_timestamps_count_by_their_day_in_utc(tmp_path):
    frame = customers(3).assign(
        observed=["2026-01-01T23:30:00-02:00", " 2026-01-02 ", "2026-01-02 08:15:00.5"]
    )
    [window] = windows_of(write_csv(frame, tmp_path), as_of="observed")
    assert (str(window.start.date()), window.counts.scored) == ("2026-01-02", 3)
    times = pa.array([datetime(2026, 1, 2, 1)] * 3, pa.timestamp("us", "America/New_York"))
    table = pa.Table.from_pandas(frame.drop(columns="observed")).append_column("observed", times)
    pq.write_table(table, tmp_path / "times.parquet")
    [window] = windows_of(tmp_path / "times.parquet", as_of="observed")
    assert str(window.start.date()) == "2026-01-02"


def test_the_columns_that_are_named_are_those_of_the_table(tmp_path):
    with pytest.raises(ChurnError, match="The columns are") as caught:
        windows_of(write_csv(customers(), tmp_path), as_of="nothing")
    assert "corrupt_line" not in str(caught.value)


TOMORROW = str(datetime.now(timezone.utc).date() + 3 * DAY)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="observed").assign(observe=1), "Did you mean 'observe'?"),
        (lambda f: f.assign(observed="31/01/2026"), "'31/01/2026' is not a date such as"),
        (lambda f: f.assign(observed="2026-02-30"), "'2026-02-30' is not a date such as"),
        (lambda f: f.assign(observed="2026"), "'2026' is not a date such as"),
        (lambda f: f.assign(observed=None), "is not a date such as 2026-01-31"),
        (lambda f: f.assign(observed=TOMORROW), "is in the future"),
        (lambda f: f.assign(observed="9999-12-31"), "is in the future"),
        (lambda f: f.assign(observed="1850-01-01"), "'1850-01-01' is before 1900"),
        (lambda f: f.drop(columns="plan").assign(Plan="x"), "Give the columns the names of the"),
        (lambda f: f.head(0), "has no rows"),
    ],
)
@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_a_table_that_cannot_be_used_is_one_line(tmp_path, write, change, message):
    frame = change(customers())
    if write is write_parquet:
        pq.write_table(pa.Table.from_pandas(frame), tmp_path / "table.parquet")
        path = tmp_path / "table.parquet"
    else:
        path = write(frame, tmp_path)
    with pytest.raises(ChurnError) as caught:
        windows_of(path, as_of="observed")
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_column_of_numbers_is_not_a_column_of_dates(tmp_path):
    frame = customers().assign(observed=20260131)
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "table.parquet")
    with pytest.raises(MonitoringError, match="has values of type int64, not dates"):
        windows_of(tmp_path / "table.parquet", as_of="observed")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("table.parquet", b"PAR1"),
        ("table.parquet", b""),
        ("table.csv", b""),
        ("table.csv", b'usage,plan\n1,"basic\n'),
        ("table.csv.gz", b"no gzip"),
        ("table", None),
        ("missing.csv", None),
    ],
)
def test_a_damaged_or_missing_file_is_one_line(tmp_path, name, content):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    elif name == "table":
        path.mkdir()
    with pytest.raises(TableError) as caught:
        windows_of(path)
    assert "\n" not in str(caught.value)
    assert "--input" not in str(caught.value)


@pytest.mark.parametrize("every", [timedelta(hours=1), timedelta(hours=36), timedelta(0), -DAY])
def test_windows_of_a_table_are_whole_days(tmp_path, every):
    with pytest.raises(MonitoringError, match="whole days long"):
        windows_of(write_csv(customers(), tmp_path), every=every)


def test_a_date_that_is_a_typing_error_does_not_make_countless_windows(tmp_path, monkeypatch):
    monkeypatch.setattr(table_module, "_MOST_WINDOWS", 100)
    frame = customers(3).assign(observed=["2026-01-01", "1926-01-01", "2026-01-02"])
    with pytest.raises(MonitoringError, match=r"from 1926-01-01 to 2026-01-0. make over 100"):
        windows_of(write_csv(frame, tmp_path), as_of="observed")


def test_the_table_is_not_changed(tmp_path):
    path = write_csv(customers(), tmp_path)
    before = path.read_bytes()
    windows_of(path, as_of="observed")
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["table.csv"]
