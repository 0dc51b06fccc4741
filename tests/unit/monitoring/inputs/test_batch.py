"""Reading what ``churn score`` wrote, as it is."""

import json
from datetime import timedelta

import pytest

from churn_model.errors import MonitoringError
from churn_model.profile.score_bins import count_scores
from monitoring.inputs.batch import read_batch
from monitoring.inputs.batch_files import find_runs
from monitoring.inputs.counted import to_windows
from monitoring.labels.matched import match_populations
from monitoring.labels.read import PredictionFiles, join_labels
from monitoring.windows import Population
from tests.unit.monitoring.batches import score_batch
from tests.unit.monitoring.labels.labels import MONTHLY, options, write_labels
from tests.unit.monitoring.logs import day

DAILY = timedelta(days=1)
BATCH = Population("churn", "1", "batch")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "scores"


def windows(folder, scorer, now="2026-06-01"):
    counted = read_batch(str(folder), "churn", every=DAILY)
    return to_windows(counted, {"1": scorer.scorecard}, day(now))[0]


@pytest.mark.parametrize("target", ["parquet", "csv", "json"])
def test_scores_are_counted_in_all_formats(out, scorer, customers, target):
    score_batch(out, scorer, customers, day("2026-01-05"), target=target)
    (window,) = windows(out, scorer)[BATCH]
    scores = scorer.score(customers)
    assert (window.counts.scores == count_scores(scores.probability)).all()
    is_predicted = scores.prediction == 1
    assert (window.counts.predicted == count_scores(scores.probability[is_predicted])).all()
    assert window.counts.terms == ()


def test_rejected_rows_are_those_of_the_summary(out, scorer, customers):
    broken = customers[:10].assign(age=[200, *customers["age"][1:10]])
    score_batch(out, scorer, broken, day("2026-01-05"))
    counts = windows(out, scorer)[BATCH][0].counts
    assert (counts.scored, counts.rejected) == (9, 1)
    assert counts.rules == {"age:less_than_equal": 1}


def test_monthly_runs_leave_empty_windows_between_them(out, scorer, customers):
    for text in ("2026-01-05", "2026-02-05"):
        score_batch(out, scorer, customers[:9], day(text))
    found = windows(out, scorer)[BATCH]
    assert len(found) == 32
    assert [window.counts.scored for window in found if window.counts.scored] == [9, 9]


def test_a_run_in_which_all_rows_were_rejected_is_counted(out, scorer, customers):
    score_batch(out, scorer, customers[:5].assign(age=200), day("2026-01-05"))
    counts = windows(out, scorer)[BATCH][0].counts
    assert (counts.scored, counts.rejected) == (0, 5)


def test_results_of_another_model_are_named(out, scorer, customers):
    score_batch(out, scorer, customers[:5], day("2026-01-05"), name="upsell")
    with pytest.raises(MonitoringError, match="contains results of 'upsell', not of 'churn'"):
        read_batch(str(out), "churn", every=DAILY)


def test_a_run_with_missing_files_is_skipped_and_reported(out, scorer, customers):
    score_batch(out, scorer, customers[:5], day("2026-01-05"))
    summary = score_batch(out, scorer, customers[:5], day("2026-01-06"))
    for file in (out / "scored" / f"run={summary['run']}").iterdir():
        file.unlink()
    counted = read_batch(str(out), "churn", every=DAILY)
    assert "its summary says 5; it is skipped" in counted.notes[0]
    assert len(to_windows(counted, {"1": scorer.scorecard}, day("2026-06-01"))[0][BATCH]) == 1


def test_runs_without_a_summary_and_foreign_summaries_are_reported(out, scorer, customers):
    summary = score_batch(out, scorer, customers[:5], day("2026-01-05"))
    other = score_batch(out, scorer, customers[:5], day("2026-01-06"))
    (out / f"_summary-{other['run']}.json").unlink()
    (out / "_summary-x.json").write_text('{"rows": 5}')
    (out / "_summary-y.json").write_text("[" * 100_000)
    runs, notes = find_runs(str(out))
    assert [run.run for run in runs] == [summary["run"]]
    assert len(notes) == 3


def test_a_summary_that_leads_out_of_the_folder_is_skipped(out, scorer, customers):
    summary = score_batch(out, scorer, customers[:5], day("2026-01-05"))
    file = out / f"_summary-{summary['run']}.json"
    hostile = {**json.loads(file.read_text()), "scored": -1, "run": "../../x"}
    file.write_text(json.dumps(hostile))
    with pytest.raises(MonitoringError, match="contains no results of churn score"):
        find_runs(str(out))


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59"])
def test_a_summary_with_an_impossible_time_is_skipped(out, scorer, customers, time):
    summary = score_batch(out, scorer, customers[:5], day("2026-01-05"))
    file = out / f"_summary-{summary['run']}.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "scored_at": time}))
    with pytest.raises(MonitoringError, match="is not a summary of churn score"):
        find_runs(str(out))


def test_a_folder_without_results_is_one_line(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(MonitoringError) as error:
            find_runs(str(folder))
        assert "\n" not in str(error.value)


def test_batch_results_without_a_number_in_a_score_do_not_count(out, scorer, customers):
    summary = score_batch(out, scorer, customers[:5], day("2026-01-05"), target="csv")
    (file,) = (out / "scored" / f"run={summary['run']}").iterdir()
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:-1], lines[-1].replace("0.", "x", 1)]) + "\n")
    assert "4 valid rows" in read_batch(str(out), "churn", every=DAILY).notes[0]


@pytest.mark.parametrize("target", ["parquet", "csv", "json"])
def test_labels_join_batch_results(tmp_path, out, scorer, customers, target):
    numbered = customers[:3].assign(customer_id=["007", "8", "9"])
    score_batch(out, scorer, numbered, day("2026-03-01"), target=target)
    rows = [
        {"customer_id": name, "observed": "2026-03-05", "churned": 0} for name in ("007", "8", "9")
    ]
    given = options(write_labels(tmp_path, rows))
    runs, _ = find_runs(str(out))
    labels, joined, _ = join_labels(given, PredictionFiles("churn", ("customer_id",), runs=runs))
    found = match_populations(labels, joined, "churn", MONTHLY, "exclude")[BATCH]
    assert found.probability.tolist() == pytest.approx(scorer.score(numbered).probability.tolist())
