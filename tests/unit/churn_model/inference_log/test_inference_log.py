"""The inference log: what it records, and that its numbers add up whatever happens."""

import os
import signal
import threading
from contextlib import nullcontext
from datetime import date, datetime, timezone

import numpy as np
import pandas as pd
import pytest

from churn_model.errors import InferenceLogError, InvalidRecords
from churn_model.inference_log.identifiers import hash_identifier
from churn_model.inference_log.inference_log import InferenceLog
from churn_model.inference_log.options import LogOptions
from churn_model.profile.cell_counts import count_customers
from churn_model.schema import CUSTOMER_SCHEMA, RecordSchema
from churn_model.schema.column import Column
from churn_model.scoring import Scorer
from churn_model.scoring.scorecard import Feature, Scorecard, Term
from tests.customers import CUSTOMER
from tests.unit.churn_model.inference_log.reading import (
    assert_adds_up,
    files,
    outcomes,
    table,
)

KEY = bytes(range(32))


def opened(folder, **options) -> InferenceLog:
    return InferenceLog(LogOptions(str(folder), **{"key": KEY, "flush_seconds": 60.0, **options}))


def customers(n: int) -> list[dict]:
    return [CUSTOMER | {"customer_id": f"C-{i}", "tenure": i % 72} for i in range(n)]


def test_a_row_says_who_was_scored_when_by_what_and_how(tmp_path, scorer):
    log = opened(tmp_path)
    score = scorer.score_one(CUSTOMER, threshold=0.3)
    log.version(scorer, "churn", "7").single(score, b"request-1", 0.3)
    log.close()
    (row,) = table(tmp_path).to_dict("records")
    assert row.pop("scored_at").date() == datetime.now(timezone.utc).date()
    assert row.pop("inference_id")
    assert row == {
        "request_id": "request-1",
        "row": 0,
        "customer_id": hash_identifier(CUSTOMER["customer_id"], KEY),
        "model_name": "churn",
        "model_version": "7",
        "churn_prediction": score.prediction,
        "churn_probability": score.probability,
        "threshold": 0.3,
        "sampling_fraction": 1.0,
        "source": "serve",
    }


def test_counts_are_those_of_the_customers_scored_one_by_one_or_as_a_table(tmp_path, scorer):
    records = customers(50)
    scores = scorer.score(records)
    expected = count_customers(scorer.lookup, scores.inputs, scores.probability, scores.prediction)
    for folder, record_all in (
        ("single", lambda log: [log.single(scorer.score_one(record)) for record in records]),
        ("table", lambda log: log.table(scorer.score(pd.DataFrame(records)))),
    ):
        log = opened(tmp_path / folder)
        record_all(log.version(scorer, "churn", "1"))
        log.close()
        counts = table(tmp_path / folder, "counts")
        for term, cells in zip(scorer.scorecard.terms, expected.terms, strict=True):
            own = counts[(counts.kind == "term") & (counts.name == term.name)]
            assert np.bincount(own.cell, own["count"], len(cells)).tolist() == cells.tolist()
        for kind, expected_bins in (("score", expected.scores), ("predicted", expected.predicted)):
            own = counts[counts.kind == kind]
            found = np.bincount(own.cell, own["count"], len(expected_bins))
            assert found.tolist() == expected_bins.tolist()
        assert assert_adds_up(tmp_path / folder) == {"scored": 50, "logged": 50}


def test_revenue_is_summed_over_those_who_are_predicted_to_churn(tmp_path, campaign_scorer):
    records = [*customers(20), CUSTOMER | {"total_charges": None}]
    scores = campaign_scorer.score(records)
    revenue = np.asarray(scores.inputs["total_charges"], dtype=float)
    expected = count_customers(
        campaign_scorer.lookup, scores.inputs, scores.probability, scores.prediction, revenue
    )
    log = opened(tmp_path)
    log.version(campaign_scorer, "churn", "1").table(scores)
    log.close()
    counts = table(tmp_path, "counts").groupby("kind")["count"].sum()
    assert counts.get("revenue", 0) == pytest.approx(expected.revenue.sum())
    assert counts.get("with_revenue", 0) == expected.with_revenue.sum()


def test_the_threshold_is_missing_where_the_expected_profit_decided(tmp_path, campaign_scorer):
    log = opened(tmp_path)
    version = log.version(campaign_scorer, "churn", "1")
    version.single(campaign_scorer.score_one(CUSTOMER))
    version.single(campaign_scorer.score_one(CUSTOMER | {"total_charges": None}))
    version.single(campaign_scorer.score_one(CUSTOMER, threshold=0.2), threshold=0.2)
    log.close()
    own = campaign_scorer.scorecard.threshold
    thresholds = table(tmp_path).sort_values("inference_id").threshold
    assert thresholds.isna().tolist() == [True, False, False]
    assert thresholds.tolist()[1:] == [own, 0.2]


def test_invalid_rows_of_a_table_are_counted_by_rule_and_not_logged(tmp_path, scorer):
    records = [*customers(3), CUSTOMER | {"age": 30.5, "tenure": -1}]
    log = opened(tmp_path)
    version = log.version(scorer, "churn", "1")
    version.table(scorer.score(records, on_invalid="report"))
    with pytest.raises(InvalidRecords) as caught:
        scorer.score_one(records[-1])
    version.rejected(caught.value)
    log.close()
    assert assert_adds_up(tmp_path) == {"scored": 3, "logged": 3, "rejected": 2}
    counts = table(tmp_path, "counts")
    rules = counts[counts.kind == "rule"].groupby("name")["count"].sum()
    assert rules.to_dict() == {"age:int_from_float": 2, "tenure:greater_than_equal": 2}
    assert sorted(table(tmp_path).row) == [0, 1, 2]


def test_the_level_counts_writes_neither_rows_nor_identifiers(tmp_path, scorer):
    log = opened(tmp_path, level="counts", key=None)
    log.version(scorer, "churn", "1").table(scorer.score(customers(5)))
    log.close()
    assert files(tmp_path) == []
    assert outcomes(tmp_path) == {"scored": 5, "not_sampled": 5}


def test_plain_identifiers_are_stored_as_they_are_and_the_file_says_so(tmp_path, scorer):
    log = opened(tmp_path, key=None)
    version = log.version(scorer, "churn", "1")
    version.table(scorer.score([CUSTOMER | {"customer_id": "Zoë"}]))
    version.single(scorer.score_one(CUSTOMER))
    log.close()
    assert set(table(tmp_path).customer_id) == {CUSTOMER["customer_id"], "Zoë"}


KINDS = RecordSchema(
    "customer",
    (
        Column("id", "identifier"),
        Column("visits", "integer", required=False, minimum=-(2**63), maximum=2**63 - 1),
        Column("charges", "number", required=False),
        Column("active", "boolean", required=False),
        Column("joined", "date", required=False),
        Column("plan", "category", required=False, levels=("a", "b"), allows_unlisted=True),
    ),
)


def kinds_scorer() -> Scorer:
    features = [
        Feature(name=name, kind="number") for name in ("visits", "charges", "active", "joined")
    ]
    features.append(Feature(name="plan", kind="category", categories=["a", "b"]))
    terms = [Term(features=[f.name], cuts=[[1.0]], scores=[0.0] * 4) for f in features[:-1]]
    terms.append(Term(features=["plan"], cuts=[[]], scores=[0.0] * 4))
    return Scorer(Scorecard(intercept=0.0, features=features, terms=terms), KINDS)


FULL = {"id": "1", "visits": 3, "charges": 2.5, "active": True, "joined": "2026-01-31", "plan": "?"}
EMPTY = {"id": "2", "visits": None, "charges": None, "active": None, "joined": None, "plan": None}


@pytest.mark.parametrize("how", ["single", "typed", "table"])
def test_the_level_values_stores_each_feature_in_its_own_type(tmp_path, how):
    scorer = kinds_scorer()
    log = opened(tmp_path, level="values")
    version = log.version(scorer, "churn", "1")
    if how == "single":
        for record in (FULL, EMPTY):
            version.single(scorer.score_one(record))
    elif how == "typed":  # which the strict pydantic class rejects, so that it is checked anew
        version.single(scorer.score_one(FULL | {"visits": np.int64(3)}))
        version.single(scorer.score_one(EMPTY))
    else:
        version.table(scorer.score([FULL, EMPTY]))
    log.close()
    (file,) = files(tmp_path)
    import pyarrow.parquet as pq

    read = pq.ParquetFile(file).read()
    names = [name for name in KINDS_FEATURES if name in read.column_names]
    assert names == KINDS_FEATURES
    types = [str(read.schema.field(name).type) for name in names]
    assert types == ["int64", "double", "bool", "date32[day]", "string"]
    full, empty = read.select(names).to_pylist()
    assert full == {k: v for k, v in FULL.items() if k != "id"} | {"joined": date(2026, 1, 31)}
    assert set(empty.values()) == {None}


KINDS_FEATURES = ["visits", "charges", "active", "joined", "plan"]


def test_all_rows_of_a_customer_are_sampled_or_none_and_the_counts_cover_all(tmp_path, scorer):
    log = opened(tmp_path, sample=0.25)
    version = log.version(scorer, "churn", "1")
    for _ in range(2):
        version.table(scorer.score(customers(400)))
    for record in customers(400):
        version.single(scorer.score_one(record))
    log.close()
    found = assert_adds_up(tmp_path)
    assert found["scored"] == 1200
    rows = table(tmp_path)
    assert set(rows.groupby("customer_id").size()) == {3}
    assert 60 < rows.customer_id.nunique() < 140
    assert set(rows.sampling_fraction) == {0.25}


def test_rows_that_do_not_fit_are_dropped_and_counted_exactly(tmp_path, scorer):
    dropped = []
    options = LogOptions(str(tmp_path), key=KEY, most_bytes=20_000, flush_seconds=60)
    log = InferenceLog(options, on_drop=dropped.append)
    version = log.version(scorer, "churn", "1")
    for _ in range(20):
        version.table(scorer.score(customers(50)))
        log._collector.drain()
    log.close()
    found = assert_adds_up(tmp_path)
    assert found["scored"] == 1000
    assert found["dropped"] == sum(dropped) > 0
    assert found["logged"] > 0
    counts = table(tmp_path, "counts")
    assert counts[counts.kind == "score"]["count"].sum() == 1000


def test_small_and_large_tables_with_rejected_rows_keep_their_positions(tmp_path, scorer):
    log = opened(tmp_path, level="values")
    version = log.version(scorer, "churn", "1")
    expected = []
    for i, n in enumerate((1, 3, 2000, 2, 700)):
        records = customers(n)
        records[n // 2] = CUSTOMER | {"age": -1}
        scores = scorer.score(records, on_invalid="report", threshold=0.5)
        version.table(scores, f"r{i}", 0.5 if i % 2 else None)
        threshold = 0.5 if i % 2 else scorer.scorecard.threshold
        expected += [
            (f"r{i}", row, record["tenure"], probability, threshold)
            for row, (record, probability) in enumerate(
                zip(records, scores.probability, strict=True)
            )
            if row != n // 2
        ]
    log.close()
    assert assert_adds_up(tmp_path) == {"scored": 2701, "logged": 2701, "rejected": 5}
    columns = ["request_id", "row", "tenure", "churn_probability", "threshold"]
    found = table(tmp_path)[columns].itertuples(index=False, name=None)
    assert sorted(found) == sorted(expected)


def test_many_threads_lose_nothing(tmp_path, scorer):
    log = opened(tmp_path, flush_seconds=0.05)
    version = log.version(scorer, "churn", "1")

    def call() -> None:
        for record in customers(500):
            version.single(scorer.score_one(record))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert assert_adds_up(tmp_path) == {"scored": 4000, "logged": 4000}
    assert table(tmp_path).inference_id.is_unique


def test_a_disk_that_is_full_for_a_while_leaves_no_half_written_file(tmp_path, scorer, caplog):
    folder = tmp_path / "log"
    log = opened(folder)
    version = log.version(scorer, "churn", "1")
    failing = FailingStorage(log)
    for round_ in range(6):
        failing.is_full = round_ in (1, 2, 3)
        version.table(scorer.score(customers(100)))
        assert log.flush() is not failing.is_full
        assert_adds_up(folder)
    log.close()
    assert assert_adds_up(folder) == {"scored": 600, "logged": 600}
    assert [p for p in folder.rglob("_*") if p.is_file()] == []
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2, messages
    assert "No space left on device" in messages[0]
    assert "is written again" in messages[1]


class FailingStorage:
    """Lets a real file be cut off, as a full disk does, while ``is_full``."""

    def __init__(self, log: InferenceLog) -> None:
        self.is_full = False
        stage = log._storage.stage
        written = []

        def stage_or_fail(folder: str, name: str, content: bytes) -> None:
            written.append(name)
            if self.is_full and len(written) % 2 == 0:  # after the file of rows was written
                stage(folder, name, content[: len(content) // 2])
                raise OSError(28, os.strerror(28))
            stage(folder, name, content)

        log._storage.stage = stage_or_fail


def test_a_stop_with_a_disk_that_stays_full_says_what_is_lost(tmp_path, scorer, caplog):
    dropped = []
    log = InferenceLog(LogOptions(str(tmp_path), key=KEY), on_drop=dropped.append)
    log.version(scorer, "churn", "1").table(scorer.score(customers(10)))

    def fail(*arguments) -> None:
        raise OSError(28, os.strerror(28))

    log._storage.stage = fail
    log._at_stop_seconds = 0.0
    log.close()
    assert sum(dropped) == 10
    assert "10 rows and their counts are lost" in caplog.text


def test_two_versions_with_other_fields_share_a_log(tmp_path, scorer):
    other = kinds_scorer()
    log = opened(tmp_path, level="values")
    log.version(scorer, "churn", "1").table(scorer.score(customers(3)))
    log.version(scorer, "churn", "2").table(scorer.score(customers(4)))
    log.version(other, "plans", "1").table(other.score([FULL, EMPTY]))
    log.close()
    assert assert_adds_up(tmp_path) == {"scored": 9, "logged": 9}
    assert len(files(tmp_path)) == 2
    sizes = table(tmp_path).groupby(["model_name", "model_version"]).size()
    assert sizes.to_dict() == {("churn", "1"): 3, ("churn", "2"): 4, ("plans", "1"): 2}


def test_rows_and_counts_of_a_day_are_in_its_folder(tmp_path, scorer, monkeypatch):
    log = opened(tmp_path)
    version = log.version(scorer, "churn", "1")
    midnight = datetime(2026, 3, 1, tzinfo=timezone.utc).timestamp()
    for when in (midnight - 0.001, midnight, midnight + 59, midnight + 60):
        monkeypatch.setattr("time.time", lambda when=when: when)
        version.single(scorer.score_one(CUSTOMER))
    monkeypatch.undo()
    log.close()
    days = [file.parent.name for file in files(tmp_path)]
    assert days == ["date=2026-02-28", "date=2026-03-01"]
    scored = table(tmp_path, "counts").query("kind == 'rows' and name == 'scored'")
    per_minute = scored.groupby(scored.minute.dt.strftime("%H:%M"))["count"].sum().to_dict()
    assert per_minute == {"23:59": 1, "00:00": 2, "00:01": 1}
    assert assert_adds_up(tmp_path)["scored"] == 4


def test_a_score_that_cannot_be_recorded_is_counted_as_dropped(tmp_path, scorer, caplog):
    log = opened(tmp_path)
    version = log.version(scorer, "churn", "1")
    broken = scorer.score_one(CUSTOMER)._replace(inputs=["x"] * 4)
    for _ in range(3):
        version.single(broken)
        log.flush()
    version.single(scorer.score_one(CUSTOMER))
    log.close()
    assert assert_adds_up(tmp_path) == {"scored": 4, "dropped": 3, "logged": 1}
    assert len([r for r in caplog.records if "could not be added" in r.getMessage()]) == 1


@pytest.mark.parametrize(
    "broken",
    [{"inputs": ["x"] * 4}, {"inputs": [1.0] * 3}, {"inputs": [1.0] * 5}, {"identifiers": {}}],
)
def test_only_the_broken_score_of_a_batch_is_dropped(tmp_path, scorer, broken):
    log = opened(tmp_path)
    version = log.version(scorer, "churn", "1")
    good = scorer.score_one(CUSTOMER)
    for score in [good] * 130 + [good._replace(**broken)] + [good] * 1269:
        version.single(score)
    log.close()
    assert assert_adds_up(tmp_path) == {"scored": 1400, "dropped": 1, "logged": 1399}
    assert table(tmp_path).churn_probability.nunique() == 1


def test_a_broken_score_is_collected_although_no_other_follows(tmp_path, scorer):
    log = opened(tmp_path)
    broken = scorer.score_one(CUSTOMER)._replace(inputs=[])
    log.version(scorer, "churn", "1").single(broken)
    assert log.is_started
    log.close()
    assert assert_adds_up(tmp_path) == {"scored": 1, "dropped": 1}


@pytest.mark.parametrize("identifiers", [[], ["customer_id", "site"]])
def test_a_record_may_have_no_identifier_or_several(tmp_path, scorecard, identifiers):
    columns = [Column(name, "identifier") for name in identifiers]
    scorer = Scorer(scorecard, RecordSchema("Record", (*columns, *CUSTOMER_SCHEMA.features)))
    log = opened(tmp_path, key=None)
    version = log.version(scorer, "churn", "1")
    for record in customers(3):
        version.single(scorer.score_one(record | {"site": "S"}))
    version.table(scorer.score([record | {"site": "S"} for record in customers(3)]))
    log.close()
    rows = table(tmp_path)
    for name, cells in {"customer_id": ["C-0", "C-1", "C-2"], "site": ["S"] * 3}.items():
        assert list(rows.get(name, ())) == (cells * 2 if name in identifiers else [])
    assert len(rows) == 6


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InferenceLogError, match="cannot be written") as caught:
        opened(file / "log").check()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("uri", ["nosuch://bucket/x", "gopher://u:secret@host/x"])
def test_an_unknown_file_system_is_one_line_without_credentials(uri):
    with pytest.raises(InferenceLogError, match="inference log can be written to") as caught:
        opened(uri)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_uri_with_credentials_is_rejected_without_them():
    with pytest.raises(InferenceLogError, match="three slashes") as caught:
        opened("file://u:secret@host/x")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("folder", ["file://log", "file://host/log", "dbfs:/log", "~/log", "C:/x"])
def test_a_folder_that_would_be_written_somewhere_else_is_rejected(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InferenceLogError, match=r"slashes|neither a path nor a URI"):
        opened(folder).check()
    assert list(tmp_path.iterdir()) == []


def test_a_field_with_the_name_of_a_column_is_an_error_before_anything_is_scored(tmp_path):
    schema = RecordSchema("customer", (Column("source", "identifier"), Column("x", "number")))
    scorecard = Scorecard(
        intercept=0.0,
        features=[Feature(name="x", kind="number")],
        terms=[Term(features=["x"], cuts=[[1.0]], scores=[0.0] * 4)],
    )
    scorer = Scorer(scorecard, schema)
    with pytest.raises(InferenceLogError, match="'source' has the name of a column"):
        opened(tmp_path).version(scorer, "churn", "1")
    opened(tmp_path, level="counts").version(scorer, "churn", "1")


def test_a_file_system_of_pyarrow_is_written_as_a_local_folder_is(tmp_path, scorer):
    from pyarrow.fs import LocalFileSystem

    from churn_model.inference_log.storage import RemoteStorage

    log = opened(tmp_path)
    log._storage = RemoteStorage(LocalFileSystem(), str(tmp_path / "remote"))
    log._reset()
    log.check()
    log.version(scorer, "churn", "1").table(scorer.score(customers(3)))
    log.close()
    assert assert_adds_up(tmp_path / "remote") == {"scored": 3, "logged": 3}
    assert [p for p in (tmp_path / "remote").rglob("*") if p.name.startswith(("_", "probe"))] == []


def in_a_forked_process(function):
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # so that a deadlock ends
        try:
            function()
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.parametrize("is_packing", [False, True], ids=["idle", "while packing"])
def test_a_forked_process_writes_its_own_rows_and_not_its_parents(tmp_path, scorer, is_packing):
    log = opened(tmp_path)
    version = log.version(scorer, "churn", "1")
    version.single(scorer.score_one(CUSTOMER))

    def record_one():
        version.single(scorer.score_one(CUSTOMER))
        log.close()

    with version._singles._packing if is_packing else nullcontext():
        in_a_forked_process(record_one)
    log.close()
    assert assert_adds_up(tmp_path) == {"scored": 2, "logged": 2}
    assert table(tmp_path).inference_id.is_unique
