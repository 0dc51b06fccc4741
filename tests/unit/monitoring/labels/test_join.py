"""Labels join the prediction that was current when the customer was observed."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_model.errors import MonitoringError
from churn_model.inference_log import logged_version
from churn_model.inference_log.identifiers import hashed_forms
from monitoring.inputs.log_files import find_log
from monitoring.labels import join
from monitoring.labels.read import PredictionFiles, join_labels
from monitoring.windows import Population
from tests.unit.monitoring.labels.labels import matched, options, write_labels
from tests.unit.monitoring.logs import day, write_log

SERVE = Population("churn", "1", "serve")
KEY, OTHER_KEY = bytes(range(32)), bytes(32)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def one(customers, row=0, **changes):
    """One customer as a table; changes make other scores."""
    return customers[row : row + 1].assign(**changes)


def label(customers, observed, row=0, churned=0, **more):
    name = customers["customer_id"].iloc[row]
    return {"customer_id": name, "observed": observed, "churned": churned, **more}


def probability(scorer, frame):
    return scorer.score(frame).probability.tolist()


def test_the_latest_prediction_before_the_end_of_the_day_counts(tmp_path, log, scorer, customers):
    early, late, after = (one(customers, tenure=months) for months in (1, 40, 90))
    write_log(log, scorer, late, day("2026-03-10", 23))
    write_log(log, scorer, early, day("2026-03-08", 9))
    write_log(log, scorer, after, day("2026-03-11", 0))
    file = write_labels(tmp_path, [label(customers, "2026-03-10")])
    found = matched(log, options(file))[SERVE]
    assert found.probability.tolist() == probability(scorer, late)


def test_a_prediction_older_than_the_window_does_not_count(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:2], day("2026-03-01"))
    rows = [label(customers, "2026-03-31"), label(customers, "2026-04-01", row=1)]
    found = matched(log, options(write_labels(tmp_path, rows)))[SERVE]
    assert found.customer.tolist() == [0]


def test_without_a_window_any_earlier_prediction_counts(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:1], day("2024-03-01"))
    file = write_labels(tmp_path, [label(customers, "2026-03-31")])
    assert len(matched(log, options(file, window=0))[SERVE]) == 1


def test_labels_whose_window_has_not_ended_are_left_out(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:2], day("2026-03-01"))
    rows = [label(customers, "2026-03-01"), label(customers, "2026-03-02", row=1)]
    given = options(write_labels(tmp_path, rows), known_until=day("2026-03-31").date())
    scored = PredictionFiles("churn", ("customer_id",), find_log(str(log)))
    labels, joined, notes = join_labels(given, scored)
    assert joined.current["serve"].labels.tolist() == [0]
    assert len(labels) == 1
    assert "labels: left out 3 rows whose window has not ended on 2026-03-31" in notes


def test_a_cohort_has_each_customer_once_with_the_last_label(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:1], day("2026-03-01"))
    days = ("2026-03-11", "2026-03-17", "2026-03-13")
    rows = [label(customers, text, churned=int(text == "2026-03-17")) for text in days]
    found = matched(log, options(write_labels(tmp_path, rows)))[SERVE]
    assert found.days.astype(str).tolist() == ["2026-03-17"]
    assert found.churned.tolist() == [1]


def test_daily_cohorts_have_a_label_each(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:1], day("2026-03-01"))
    rows = [label(customers, text) for text in ("2026-03-03", "2026-03-04")]
    given = options(write_labels(tmp_path, rows))
    found = matched(log, given, every=timedelta(hours=1))[SERVE]
    starts = [start for start, _, _ in found.by_cohort()]
    assert starts == [day("2026-03-03", 0), day("2026-03-04", 0)]


def test_each_source_has_its_own_current_prediction(tmp_path, log, scorer, customers):
    write_log(log, scorer, one(customers, tenure=1), day("2026-03-01"))
    write_log(log, scorer, one(customers, tenure=40), day("2026-03-02"), source="mlflow")
    found = matched(log, options(write_labels(tmp_path, [label(customers, "2026-03-10")])))
    assert {population.source for population in found} == {"serve", "mlflow"}


def test_the_version_in_use_on_the_day_gets_the_label(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:1], day("2026-03-01"))
    write_log(log, scorer, customers[:1], day("2026-03-05"), version="2")
    rows = [label(customers, text) for text in ("2026-03-04", "2026-03-05")]
    found = matched(log, options(write_labels(tmp_path, rows)), every=timedelta(days=1))
    days = {
        population.model_version: m.days.astype(str).tolist() for population, m in found.items()
    }
    assert days == {"1": ["2026-03-04"], "2": ["2026-03-05"]}


def test_hashed_identifiers_join_with_the_key(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:5], day("2026-03-01"), key=KEY)
    rows = [label(customers, "2026-03-05", row=row) for row in range(5)]
    found = matched(log, options(write_labels(tmp_path, rows)), key=KEY)[SERVE]
    assert found.probability.tolist() == probability(scorer, customers[:5])


def test_a_log_with_the_older_hash_joins_with_the_key(
    tmp_path, log, scorer, customers, monkeypatch
):
    form, hashes = next(each for each in hashed_forms(KEY).items() if each[0].startswith("blake2b"))
    monkeypatch.setattr(logged_version, "hash_cells", lambda cells, key: hashes(pa.array(cells)))
    monkeypatch.setattr(logged_version, "describe_identifiers", lambda key: form)
    write_log(log, scorer, customers[:5], day("2026-03-01"), key=KEY)
    rows = [label(customers, "2026-03-05", row=row) for row in range(5)]
    assert len(matched(log, options(write_labels(tmp_path, rows)), key=KEY)[SERVE]) == 5


def test_customers_with_the_same_hash_are_not_joined(tmp_path, log, scorer, customers, monkeypatch):
    write_log(log, scorer, customers[:3], day("2026-03-01"), key=KEY)
    rows = [label(customers, "2026-03-05", row=row) for row in range(3)]
    own = join.hashed_forms

    def colliding(key):
        form, hashes = next(iter(own(key).items()))

        def first_of_two(texts):
            found = hashes(texts)
            found.digests[1] = found.digests[0]
            return found

        return {form: first_of_two}

    monkeypatch.setattr(join, "hashed_forms", colliding)
    found = matched(log, options(write_labels(tmp_path, rows)), key=KEY)[SERVE]
    assert found.probability.tolist() == probability(scorer, customers[2:3])


def test_plain_and_hashed_files_join_together(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:1], day("2026-03-01"), key=KEY)
    write_log(log, scorer, customers[1:2], day("2026-03-01"))
    rows = [label(customers, "2026-03-05", row=row) for row in range(2)]
    assert len(matched(log, options(write_labels(tmp_path, rows)), key=KEY)[SERVE]) == 2


def test_the_join_agrees_with_one_that_compares_all_pairs(tmp_path, log, scorer, customers):
    rng = np.random.default_rng(0)
    logged = []
    for number in range(25):
        chosen = customers.iloc[rng.choice(40, 12, replace=False)]
        chosen = chosen.assign(tenure=rng.integers(0, 90, 12))
        when = day("2026-03-01", int(rng.integers(24))) + timedelta(days=int(rng.integers(60)))
        write_log(log, scorer, chosen, when + timedelta(seconds=number))
        for name, p in zip(chosen["customer_id"], probability(scorer, chosen), strict=True):
            logged.append((name, when + timedelta(seconds=number), p))
    days = [str(day("2026-03-01").date() + timedelta(days=i)) for i in range(0, 60, 3)]
    rows = [label(customers, text, row=row) for text in days for row in range(40)]
    given = options(write_labels(tmp_path, rows), window=10)
    found = matched(log, given, every=timedelta(days=1))[SERVE]
    expected = {}
    for row in rows:
        end = day(row["observed"], 0) + timedelta(days=1)
        own = [(t, p) for name, t, p in logged if name == row["customer_id"] and t < end]
        own = [(t, p) for t, p in own if t >= end - timedelta(days=11)]
        if own:
            expected[row["customer_id"], row["observed"]] = max(own)[1]
    scored = PredictionFiles("churn", ("customer_id",), find_log(str(log)))
    names = join_labels(given, scored)[0].customers[found.customer]
    keys = zip(names, found.days.astype(str), strict=True)
    assert dict(zip(keys, found.probability.tolist(), strict=True)) == expected


def test_the_latest_prediction_counts_whatever_the_order_of_the_files(
    tmp_path, log, scorer, customers
):
    late, early = one(customers, tenure=40), one(customers, tenure=1)
    for hour, frame in ((12, late), (11, early), (10, early)):
        write_log(log, scorer, frame, day("2026-03-10", hour))
    found = matched(log, options(write_labels(tmp_path, [label(customers, "2026-03-10")])))[SERVE]
    assert found.probability.tolist() == probability(scorer, late)


def row_files(log):
    return sorted(log.glob("date=*/*.parquet"))


def test_a_file_of_rows_that_is_damaged_or_removed_is_reported(tmp_path, log, scorer, customers):
    for number in range(3):
        write_log(log, scorer, customers[number : number + 1], day(f"2026-03-0{number + 1}"))
    damaged, removed, _ = row_files(log)
    content = bytearray(damaged.read_bytes())
    end = len(content) - 8 - int.from_bytes(content[-8:-4], "little")  # where the footer begins
    content[4:end] = bytes(end - 4)
    damaged.write_bytes(content)
    found = find_log(str(log))
    removed.unlink()
    rows = [label(customers, "2026-03-05", row=row) for row in range(3)]
    given = options(write_labels(tmp_path, rows))
    _, joined, notes = join_labels(given, PredictionFiles("churn", ("customer_id",), found))
    assert joined.current["serve"].labels.tolist() == [2]
    assert any("2 files of rows damaged or removed" in note for note in notes)


def test_scores_that_are_no_probabilities_are_left_out(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:3], day("2026-03-01"))
    (file,) = row_files(log)
    table = pq.read_table(file)
    at = table.schema.get_field_index("churn_probability")
    table = table.set_column(at, table.schema.field(at), pa.array([float("nan"), 1.5, 0.5]))
    pq.write_table(table, file)
    rows = [label(customers, "2026-03-05", row=row) for row in range(3)]
    found = matched(log, options(write_labels(tmp_path, rows)))[SERVE]
    assert found.probability.tolist() == [0.5]


def test_a_date_long_ago_does_not_break_the_join(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:1], day("2026-03-01"))
    rows = [label(customers, "2026-03-05"), label(customers, "0001-01-01", row=1)]
    assert len(matched(log, options(write_labels(tmp_path, rows)))[SERVE]) == 1


# --- nothing matches ------------------------------------------------------------------------------


def reason(log, given, key=None):
    with pytest.raises(MonitoringError) as error:
        matched(log, given, key)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_hashed_identifiers_without_a_key_are_explained(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:5], day("2026-03-01"), key=KEY)
    given = options(write_labels(tmp_path, [label(customers, "2026-03-05")]))
    assert "identifiers of all 5 rows are hashed; name the key" in reason(log, given)


def test_another_key_is_explained(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:5], day("2026-03-01"), key=KEY)
    given = options(write_labels(tmp_path, [label(customers, "2026-03-05")]))
    assert "hashed with another key" in reason(log, given, OTHER_KEY)


def test_other_identifiers_are_explained(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:5], day("2026-03-01"))
    rows = [{"customer_id": "0017", "observed": "2026-03-05", "churned": 1}]
    given = options(write_labels(tmp_path, rows))
    assert "none of the 5 rows with plain identifiers is of these customers" in reason(log, given)


def test_other_days_are_explained(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:5], day("2026-03-01"))
    rows = [label(customers, "2026-04-20"), label(customers, "2026-02-28", row=9)]
    given = options(write_labels(tmp_path, rows), window=40)
    assert "1 of the rows are of these customers, but none was before" in reason(log, given)


def test_a_window_longer_than_the_log_is_explained(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:5], day("2026-05-20"))
    given = options(write_labels(tmp_path, [label(customers, "2026-03-01")]), window=60)
    found = reason(log, given)
    assert "the log begins on 2026-05-20" in found
    assert "the first labels are final on 2026-07-19" in found


def test_a_log_that_ended_too_early_is_explained(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:5], day("2025-05-20"))
    given = options(write_labels(tmp_path, [label(customers, "2026-03-01")]))
    assert "the log ends on 2025-05-20" in reason(log, given)


def test_a_log_without_rows_is_explained(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:5], day("2026-03-01"), level="counts")
    given = options(write_labels(tmp_path, [label(customers, "2026-03-01")]))
    assert "only counts; labels need an inference log at level scores" in reason(log, given)


def test_identifiers_that_look_like_numbers_match_whatever_their_type(
    tmp_path, log, scorer, customers
):
    numbered = customers[:3].assign(customer_id=["17", "18", "19"])
    write_log(log, scorer, numbered, day("2026-03-01"))
    file = tmp_path / "labels.parquet"
    frame = pd.DataFrame(
        {
            "customer_id": [17.0, 18.0, 19.0, None],
            "observed": pd.to_datetime(["2026-03-05"] * 3 + ["2026-06-01"]),
            "churned": [1, 0, 0, 0],
        }
    )
    frame.to_parquet(file)
    assert len(matched(log, options(file, known_until=day("2026-06-01").date()))[SERVE]) == 3


# --- whatever is in the folder --------------------------------------------------------------------


def test_rows_of_another_model_never_join(tmp_path, log, scorer, customers):
    write_log(log, scorer, one(customers, tenure=40), day("2026-03-05"), name="upsell")
    write_log(log, scorer, one(customers, tenure=1), day("2026-03-01"))
    found = matched(log, options(write_labels(tmp_path, [label(customers, "2026-03-10")])))
    assert found[SERVE].probability.tolist() == probability(scorer, one(customers, tenure=1))


def test_reading_and_joining_changes_no_file(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:5], day("2026-03-01"), key=KEY)
    given = options(write_labels(tmp_path, [label(customers, "2026-03-05")]))
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    matched(log, given, KEY)
    after = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert after == before


def test_a_log_that_was_moved_can_be_read(tmp_path, log, scorer, customers):
    write_log(log, scorer, customers[:5], day("2026-03-01"))
    moved = log.rename(tmp_path / "other place")
    given = options(write_labels(tmp_path, [label(customers, "2026-03-05")]))
    assert len(matched(moved, given)[SERVE]) == 1


def test_identifiers_in_any_script_join_hashed(tmp_path, log, scorer, customers):
    names = ["Ünal", "客户", "a,b", '"q"', " x "]
    frame = customers[:5].assign(customer_id=names)
    write_log(log, scorer, frame, day("2026-03-01"), key=KEY)
    rows = [label(frame, "2026-03-05", row=row) for row in range(5)]
    assert len(matched(log, options(write_labels(tmp_path, rows)), key=KEY)[SERVE]) == 5
